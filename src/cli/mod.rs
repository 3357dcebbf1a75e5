//! The program's command line: one file a subcommand; `daemon` and `source` are what several of them share.

pub mod audit;
pub mod bench;
pub mod completions;
pub mod config_check;
pub mod config_print;
pub mod daemon;
pub mod demo;
pub mod doctor;
mod help;
mod lines;
mod log;
pub mod man;
pub mod menu;
pub mod replay;
pub mod serve;
pub mod sessions;
pub mod simulate;
pub mod source;
pub mod store;

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::clock::Clock;
use crate::config::{self, Config, Faults, Warning};

/// The configuration's name, where none is given.
const CONFIG: &str = "scan-login.toml";

/// Log in to a website by scanning a QR code with WeChat.
#[derive(Debug, Parser)]
#[command(
    name = "scan-login",
    version,
    disable_help_subcommand = true,
    after_help = "Example:\n  scan-login demo                      # the whole system, with nothing to configure\n  scan-login --config /etc/scan-login/scan-login.toml serve"
)]
pub struct Arguments {
    /// The configuration; see `config check` [default: scan-login.toml]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(serve::ServeArgs),
    Demo(demo::DemoArgs),
    Simulate(simulate::SimulateArgs),
    /// Read the journal: who logged in, and when; what was denied, and what expired
    Replay(replay::ReplayArgs),
    /// The logins of now: which there are, what one has seen, and how to end it
    #[command(after_help = "Example:\n  scan-login sessions list")]
    Sessions {
        #[command(subcommand)]
        command: sessions::SessionsCommand,
    },
    /// The journal as a whole: export and import, backup and restore, layout
    #[command(after_help = "Example:\n  scan-login store info")]
    Store {
        #[command(subcommand)]
        command: store::StoreCommand,
    },
    /// Prove that nothing in the journal was altered, inserted or cut off; and forget a person
    #[command(after_help = "Example:\n  scan-login audit verify")]
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// Ask WeChat with each account's credentials, and look at what surrounds the daemon
    #[command(after_help = "\
One line a check; where anything is wrong, the cure, and the exit status is 1.

Example:
  scan-login doctor")]
    Doctor,
    /// The account's menu as a file, since turning on the callback hides the console's editor
    #[command(after_help = "Example:\n  scan-login menu pull menu.json")]
    Menu {
        #[command(subcommand)]
        command: menu::MenuCommand,
    },
    Bench(bench::BenchArgs),
    /// What a configuration may say, and what is wrong with this one
    #[command(after_help = "Example:\n  scan-login config check")]
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print what a shell needs to complete arguments
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write all of them
    Man(man::ManArgs),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Tell every fault at once: key, value, reason and cure
    #[command(after_help = "\
Example:
  scan-login --config /etc/scan-login/scan-login.toml config check")]
    Check,
    /// Print a commented file to start from, which `config check` accepts
    #[command(after_help = "\
Example:
  scan-login config default > scan-login.toml
  scan-login config default --lang zh-CN > scan-login.toml")]
    Default(config_print::LanguageArgs),
    /// Print what every key takes and is for, in Markdown
    #[command(after_help = "\
Example:
  scan-login config reference --lang zh-CN | less")]
    Reference(config_print::LanguageArgs),
}

/// How a subcommand ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done: 0.
    Done,
    /// Failed: 1.
    Failed,
    /// Wrong usage or configuration: 2.
    Usage,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
            Exit::Usage => Self::from(2),
        }
    }
}

/// Runs the subcommand that the arguments name.
pub fn run(arguments: &Arguments) -> Exit {
    // The daemon's log is as its configuration says, once that is read.
    if !matches!(arguments.command, Command::Serve(_)) {
        log::of_a_command();
    }
    let config = arguments.config.as_deref().unwrap_or(Path::new(CONFIG));
    match &arguments.command {
        Command::Serve(args) => serve::run(*args, config),
        Command::Demo(args) => demo::run(args),
        Command::Simulate(args) => simulate::run(args, config),
        Command::Replay(arguments_of_replay) => replay::run(arguments_of_replay, config),
        Command::Sessions { command } => sessions::run(command, config),
        Command::Store { command } => store::run(command, config),
        Command::Audit { command } => audit::run(command, config),
        Command::Doctor => doctor::run(config),
        Command::Menu { command } => menu::run(command, config),
        Command::Bench(args) => bench::run(args),
        Command::Completions(args) => completions::run(*args),
        Command::Man(args) => man::run(args),
        Command::Config { command: ConfigCommand::Check } => config_check::run(config),
        Command::Config { command: ConfigCommand::Default(args) } => config_print::default_file(*args),
        Command::Config { command: ConfigCommand::Reference(args) } => config_print::reference(*args),
    }
}

/// Whether standard output is for eyes that want colours.
fn is_coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Keeps the log still: what is found is told in other words.
fn quietly<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    work.with_subscriber(NoSubscriber::new())
}

/// The configuration at `path` with this process's environment; its faults, where it has any, go to standard error.
fn load(path: &Path) -> Option<(Config, Vec<Warning>)> {
    read(path).inspect_err(|faults| drop(writeln!(std::io::stderr(), "{faults}"))).ok()
}

/// The configuration at `path` with this process's environment, and what is weak, also at this moment only.
fn read(path: &Path) -> Result<(Config, Vec<Warning>), Faults> {
    let (config, mut warnings) = Config::load(path, config::from_process_env())?;
    warnings.extend(config.weak_at(Clock::system().now()));
    Ok((config, warnings))
}

/// Two lines on standard error: what is wrong, and the cure.
fn complain(what: &dyn std::fmt::Display, cure: &str) {
    complain_to(&mut std::io::stderr().lock(), what, cure);
}

fn complain_to(err: &mut dyn Write, what: &dyn std::fmt::Display, cure: &str) {
    // Where standard error is gone there is nobody left to tell.
    let _ = writeln!(err, "{what}\n    {cure}");
}

/// Runs `work` on a runtime of its own.
fn block_on(work: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(work);
            // Whatever is still busy by now has had its time.
            runtime.shutdown_timeout(std::time::Duration::from_millis(500));
            exit
        }
        Err(error) => {
            complain(&format!("the runtime cannot be started: {error}"), "see how many threads this user may have");
            Exit::Failed
        }
    }
}
