//! `audit forget`: beside a running daemon through its admin socket, without one on the store itself.

use std::io::{self, Write};

use crate::app::offline;
use crate::cli::daemon::{Address, Daemon, DaemonError};
use crate::cli::{Exit, complain};
use crate::config::Config;
use crate::domain::{AccountName, OpenId};
use crate::transport::admin::Forgotten;

/// Whom to forget.
#[derive(Clone, clap::Args)]
#[command(after_help = "\
A login of theirs that is under way is denied. What cannot be reached: backups of the keys folder, and records from before
persons had keys; how many of those there are is told. A login after this begins anew, and can be forgotten again.

Example:
  scan-login audit forget --openid o6_bmjrPTlm6_2sgVt7hMZOPfL2M --account main")]
pub struct ForgetArgs {
    /// The person, as the account knows them; see `openid` of a `scanned` line of `replay`
    #[arg(long, value_name = "ID")]
    openid: String,
    /// The account
    #[arg(long, value_name = "NAME")]
    account: String,
}

impl std::fmt::Debug for ForgetArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForgetArgs(…)")
    }
}

pub(super) async fn run(args: &ForgetArgs, config: &Config) -> Exit {
    let Ok(openid) = OpenId::new(&args.openid) else {
        complain(&"what is given as openid is none", "take the openid of a `scanned` line of `replay`");
        return Exit::Usage;
    };
    let known = |name: &AccountName| config.accounts.iter().any(|account| account.name == *name);
    let Some(account) = AccountName::new(&args.account).ok().filter(known) else {
        let names: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
        complain(&"the configuration has no account of this name", &format!("take {}", names.join(", ")));
        return Exit::Usage;
    };
    match forget(config, &account, &openid).await {
        Ok(forgotten) => tell(&forgotten),
        Err(fault) => {
            complain(&fault.what, &fault.cure);
            Exit::Failed
        }
    }
}

/// What is wrong, and the cure.
struct Fault {
    what: String,
    cure: String,
}

impl From<DaemonError> for Fault {
    fn from(error: DaemonError) -> Self {
        Self { what: error.to_string(), cure: error.cure() }
    }
}

async fn forget(config: &Config, account: &AccountName, openid: &OpenId) -> Result<Forgotten, Fault> {
    let Some(daemon) = Daemon::connect(&Address::of(config)).await? else {
        let forgot = offline::forget(config, account, openid).await;
        return forgot.map(Forgotten::from).map_err(|error| Fault { what: error.to_string(), cure: error.cure() });
    };
    let whom = serde_json::json!({ "account": account.as_str(), "openid": openid.as_str() });
    let answer = daemon.post("/forget", &whom).await?;
    Ok(serde_json::from_slice(&answer).map_err(DaemonError::broken)?)
}

fn tell(forgotten: &Forgotten) -> Exit {
    let Forgotten { outcome, seq, logins, in_clear } = forgotten;
    let seq = seq.unwrap_or_default();
    let mut out = io::stdout().lock();
    let (said, exit) = match outcome.as_str() {
        "done" => {
            (format!("forgotten (event {seq}): the keys of this person and of {logins} logins are destroyed"), true)
        }
        "done_before" => (format!("forgotten already (event {seq})"), true),
        _ => ("this account knows nobody of this openid under a key; nothing was changed".to_owned(), false),
    };
    let mut told = if exit { writeln!(out, "{said}") } else { writeln!(io::stderr(), "{said}") };
    if *in_clear > 0 {
        let clear =
            "records are older than these keys and hold the openid in clear; they stay until retention removes them";
        told = told.and_then(|()| writeln!(io::stderr(), "{in_clear} {clear}"));
    }
    if exit && told.is_ok() { Exit::Done } else { Exit::Failed }
}
