//! `menu pull` and `menu push`: an account's menu as a file. WeChat's console hides its editor once the callback is on.

mod convert;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::clock::Clock;
use crate::config::{Account, Config};
use crate::transport::wechat::api::{ApiError, WeChatApi};

use super::{Exit, complain};
use convert::Menu;

#[derive(Debug, Subcommand)]
pub(super) enum MenuCommand {
    /// Write the menu that people see, in the form that `push` takes
    #[command(after_help = "\
Example:
  scan-login menu pull menu.json --account main")]
    Pull(MenuArgs),
    /// Make the file's menu the account's
    #[command(after_help = "\
Example:
  scan-login menu push menu.json --account main")]
    Push(MenuArgs),
}

#[derive(Debug, Args)]
pub(super) struct MenuArgs {
    /// The file; - is standard output, or standard input
    file: PathBuf,
    /// Whose menu; may be left out where there is one account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

/// The code by which WeChat says that there is no menu.
const NO_MENU: i64 = 46003;

/// What is wrong, and its cure.
struct Failure {
    exit: Exit,
    what: String,
    cure: String,
}

impl Failure {
    fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, what: what.into(), cure: cure.into() }
    }

    fn usage(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(what, cure) }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused { code, message, cure } => Self::new(format!("WeChat refuses ({code}): {message}"), cure),
            other => Self::new(other.to_string(), "try again later; `scan-login doctor` tells more"),
        }
    }
}

/// Pulls or pushes.
pub(super) fn run(command: &MenuCommand, path: &Path) -> Exit {
    let Some((config, _)) = super::load(path) else { return Exit::Usage };
    super::block_on(super::quietly(async {
        let outcome = match command {
            MenuCommand::Pull(args) => pull(args, &config).await,
            MenuCommand::Push(args) => push(args, &config).await,
        };
        match outcome {
            Ok(()) => Exit::Done,
            Err(failure) => {
                complain(&failure.what, &failure.cure);
                failure.exit
            }
        }
    }))
}

async fn pull(args: &MenuArgs, config: &Config) -> Result<(), Failure> {
    let menu = read_menu(&api(args, config)?).await?;
    for left_out in &menu.left_out {
        complain(
            &format!("left out: {left_out}"),
            "make it anew in the file, as an interface can: click, view, media_id …",
        );
    }
    if menu.is_empty() {
        return Err(Failure::new(
            "there is no menu that could be written",
            "make one in the console, or write the file yourself",
        ));
    }
    let mut text = serde_json::to_string_pretty(&menu.json()).unwrap_or_default();
    text.push('\n');
    write(&args.file, &text)
}

/// What people see; where WeChat does not tell that, what an interface made.
async fn read_menu(api: &WeChatApi) -> Result<Menu, Failure> {
    let shown = api.menu_shown().await;
    if let Some(menu) = shown.as_ref().ok().and_then(convert::of_shown) {
        return Ok(menu);
    }
    match api.menu_created().await {
        Ok(created) => Ok(convert::of_created(&created)),
        Err(ApiError::Refused { code: NO_MENU, .. }) => Ok(Menu::default()),
        // Why the first way failed says more.
        Err(error) => Err(shown.err().unwrap_or(error).into()),
    }
}

async fn push(args: &MenuArgs, config: &Config) -> Result<(), Failure> {
    let api = api(args, config)?;
    let text = read(&args.file)?;
    let cure = "see https://developers.weixin.qq.com/doc/service/api/custommenu/api_createcustommenu, or pull one to start from";
    let menu: Value =
        serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", named(&args.file)), cure))?;
    convert::check(&menu).map_err(|what| Failure::usage(format!("{}: {what}", named(&args.file)), cure))?;
    Ok(api.create_menu(&menu).await?)
}

fn api(args: &MenuArgs, config: &Config) -> Result<WeChatApi, Failure> {
    let account = account(args, config)?;
    WeChatApi::for_operator(account, Clock::system())
        .map_err(|error| Failure::new(error.to_string(), "install the package ca-certificates"))
}

fn account<'a>(args: &MenuArgs, config: &'a Config) -> Result<&'a Account, Failure> {
    let names: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    let cure = format!("give --account with one of: {}", names.join(", "));
    match (&args.account, config.accounts.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::usage("there is more than one account", cure)),
        (Some(name), accounts) => accounts
            .iter()
            .find(|account| account.name.as_str() == name)
            .ok_or_else(|| Failure::usage(format!("there is no account {name}"), cure)),
    }
}

fn is_standard(file: &Path) -> bool {
    file == Path::new("-")
}

fn named(file: &Path) -> String {
    if is_standard(file) { "standard input".to_owned() } else { file.display().to_string() }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let written =
        if is_standard(file) { io::stdout().lock().write_all(text.as_bytes()) } else { std::fs::write(file, text) };
    match written {
        // Whoever reads has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| {
            Failure::new(format!("{} cannot be written: {error}", file.display()), "choose another file")
        }),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if is_standard(file) {
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| {
        Failure::new(format!("{} cannot be read: {error}", named(file)), "name a file in UTF-8 that this user may read")
    })
}
