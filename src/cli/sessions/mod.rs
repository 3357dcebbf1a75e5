//! `sessions`: the logins of now. `list` and `show` also without a daemon; only a daemon ends one.

mod expire;
mod list;
mod show;

use std::io::{self, Write};
use std::path::Path;

use super::Exit;
use super::replay::{ReplayError, Surroundings};
use crate::config::Config;

pub use expire::ExpireArgs;
pub use list::ListArgs;
pub use show::ShowArgs;

/// What `sessions` takes.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum SessionsCommand {
    /// The logins that go on: how old they are, how much time they have left, from where they are asked for
    List(ListArgs),
    /// One login in full: its facts, and what happened when
    Show(ShowArgs),
    /// End a login: it is denied, with the reason `admin`, and its browser is told at once
    Expire(ExpireArgs),
}

/// Why a command does not end well: what is wrong, and the cure.
struct Failure {
    what: String,
    cure: String,
}

impl Failure {
    fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what: what.into(), cure: cure.into() }
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        Self::new(error.to_string(), error.cure())
    }
}

/// Runs `command` with the configuration at `path`.
pub fn run(command: &SessionsCommand, path: &Path) -> Exit {
    let Some((config, _)) = super::load(path) else { return Exit::Usage };
    let around = Surroundings::of_process();
    super::block_on(async { sessions(command, &config, &around, &mut io::stdout().lock(), &mut io::stderr()).await })
}

/// Runs `command`; results go to `out`, whatever else is to be said to `err`.
pub async fn sessions(
    command: &SessionsCommand,
    config: &Config,
    around: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let done = match command {
        SessionsCommand::List(args) => list::list(args, config, around, out, err).await,
        SessionsCommand::Show(args) => show::show(args, config, around, out).await,
        SessionsCommand::Expire(args) => expire::expire(args, config, out).await,
    };
    match done {
        Ok(()) => Exit::Done,
        Err(failure) => {
            super::complain_to(err, &failure.what, &failure.cure);
            Exit::Failed
        }
    }
}

/// Writes results; who has had enough of them is no failure.
fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<(), Failure> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ReplayError::Output(error).into()),
        _ => Ok(()),
    }
}
