//! `audit`: the journal as a transparency log, beside a running daemon or without one; and what it must forget.

mod checkpoint;
mod error;
mod forget;
mod index;
mod key;
mod prove;
mod verify;

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use indicatif::ProgressDrawTarget;
use tokio::time::Instant;

use super::Exit;
use super::replay::progress::Progress;
use crate::config::Config;
use crate::tlog::Verifier;
use error::Failure;

/// What `audit` does.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Read the whole log and hold it against everything that was signed; ends with 1 where anything is not right
    Verify(VerifyArgs),
    /// Print a signed checkpoint of the log as it is now: keep it elsewhere, and nothing before it can be altered unseen
    #[command(after_help = "\
Example:
  scan-login audit checkpoint > checkpoint")]
    Checkpoint,
    /// Print a proof that a record is in the log, which anybody can verify without it
    #[command(after_help = "\
Example:
  scan-login audit prove 1 > login.tlog-proof")]
    Prove {
        /// The sequence of the record; the first is 1
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        seq: u64,
    },
    /// Destroy the keys of what identifies a person: openid, address, browser; the journal itself stays as it is
    Forget(forget::ForgetArgs),
}

/// What `audit verify` takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  scan-login audit verify
  scan-login audit checkpoint > /mnt/elsewhere/checkpoint    # today
  scan-login audit verify --against /mnt/elsewhere/checkpoint  # next year")]
pub struct VerifyArgs {
    /// A checkpoint that was kept elsewhere: the log must extend it (`-`: standard input)
    #[arg(long, value_name = "CHECKPOINT")]
    pub against: Option<PathBuf>,
    /// The key that signed, as `audit checkpoint` prints it [default: the daemon's own]
    #[arg(long, value_name = "VKEY")]
    pub vkey: Option<Verifier>,
}

/// Where a command runs.
pub struct Around<'a> {
    /// For results.
    pub out: &'a mut dyn Write,
    /// For everything else.
    pub err: &'a mut dyn Write,
    /// What `-` stands for.
    pub input: &'a mut dyn Read,
    /// Whether standard error is a terminal, so that progress can be shown there.
    pub shows_progress: bool,
}

impl Around<'_> {
    fn progress(&self) -> Progress {
        Progress::new(self.shows_progress.then(ProgressDrawTarget::stderr), Instant::now())
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(Failure::Output)
    }
}

/// Audits the journal of the configuration at `path`.
pub fn run(command: &AuditCommand, path: &Path) -> Exit {
    let Some((config, _)) = super::load(path) else { return Exit::Usage };
    let (mut out, mut err, mut input) = (io::stdout(), io::stderr(), io::stdin());
    let shows_progress = io::stderr().is_terminal();
    super::block_on(async {
        let around = Around { out: &mut out, err: &mut err, input: &mut input, shows_progress };
        audit(command, &config, around).await
    })
}

/// Audits the journal of `config`.
pub async fn audit(command: &AuditCommand, config: &Config, mut around: Around<'_>) -> Exit {
    let done = match command {
        AuditCommand::Verify(args) => verify::verify(args, config, &mut around).await,
        AuditCommand::Checkpoint => checkpoint::checkpoint(config, &mut around).await,
        AuditCommand::Prove { seq } => prove::prove(*seq, config, &mut around).await,
        AuditCommand::Forget(args) => return forget::run(args, config).await,
    };
    match done {
        Ok(()) => Exit::Done,
        // Whoever reads has had enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            super::complain_to(around.err, &error, &error.cure());
            error.exit()
        }
    }
}
