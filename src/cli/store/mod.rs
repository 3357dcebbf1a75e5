//! `store`: what can be done with the journal as a whole.

mod backup;
mod export;
mod failure;
mod forgotten;
mod import;
mod info;
mod keys;
mod migrate;
mod restore;

use std::io::{self, BufRead, Write};
use std::path::Path;

use super::Exit;
use crate::clock::Clock;
use crate::config::Config;
use failure::Failure;

pub use backup::BackupArgs;
pub use export::ExportArgs;
pub use import::ImportArgs;
pub use restore::RestoreArgs;

/// What `store` takes.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum StoreCommand {
    /// The layout, how many records and since when, and what they take on the disk
    #[command(after_help = "\
Example:
  scan-login store info")]
    Info,
    /// Bring the store to the layout of this program; `serve` does so by itself
    #[command(after_help = "\
Example:
  scan-login store migrate --dry-run")]
    Migrate {
        /// Only tell the steps
        #[arg(long)]
        dry_run: bool,
    },
    /// The journal as lines of JSON, for another store or another program; also while the daemon runs
    Export(ExportArgs),
    /// Make a store of an export
    Import(ImportArgs),
    /// A copy of the store that can be restored; also while the daemon runs
    Backup(BackupArgs),
    /// Make the store of a backup
    Restore(RestoreArgs),
}

/// What the commands read, and where they write.
pub struct Streams<'a> {
    /// Standard input.
    pub input: &'a mut dyn BufRead,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
}

/// Runs `command` on the store of the configuration at `path`.
pub fn run(command: &StoreCommand, path: &Path) -> Exit {
    let Some((config, _)) = super::load(path) else { return Exit::Usage };
    let (mut input, mut out, mut err) = (io::stdin().lock(), io::stdout().lock(), io::stderr());
    let mut streams = Streams { input: &mut input, out: &mut out, err: &mut err };
    super::block_on(store(command, &config, &Clock::system(), &mut streams))
}

/// Runs `command` on the store of `config`.
pub async fn store(command: &StoreCommand, config: &Config, clock: &Clock, streams: &mut Streams<'_>) -> Exit {
    let done = match command {
        StoreCommand::Info => info::info(config, streams).await,
        StoreCommand::Migrate { dry_run } => migrate::migrate(config, *dry_run, streams),
        StoreCommand::Export(args) => export::export(args, config, streams).await,
        StoreCommand::Import(args) => super::quietly(import::import(args, config, clock, streams)).await,
        StoreCommand::Backup(args) => super::quietly(backup::backup(args, config, clock, streams)).await,
        StoreCommand::Restore(args) => super::quietly(restore::restore(args, config, clock, streams)).await,
    };
    match done {
        Ok(()) => Exit::Done,
        Err(failure) => {
            super::complain_to(streams.err, &failure.what, &failure.cure);
            Exit::Failed
        }
    }
}

/// A line for people, who read standard error.
fn tell(streams: &mut Streams<'_>, line: &str) {
    // Where it is gone there is nobody left to tell.
    let _ = writeln!(streams.err, "{line}");
}

/// Ranges of sequences in words, most of them.
fn told(ranges: &[(u64, u64)]) -> String {
    const MOST: usize = 8;
    let range =
        |(first, last): &(u64, u64)| if first == last { first.to_string() } else { format!("{first} to {last}") };
    let mut text = ranges.iter().take(MOST).map(range).collect::<Vec<_>>().join(", ");
    if ranges.len() > MOST {
        text += &format!(" and {} more ranges", ranges.len() - MOST);
    }
    text
}

/// How many sequences they have in all.
fn count(ranges: &[(u64, u64)]) -> u64 {
    ranges.iter().map(|(first, last)| last - first + 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_told_as_people_would() {
        assert_eq!(told(&[(7, 9), (12, 12)]), "7 to 9, 12");
        let many: Vec<(u64, u64)> = (1..=20).map(|n| (10 * n, 10 * n)).collect();
        assert_eq!(told(&many), "10, 20, 30, 40, 50, 60, 70, 80 and 12 more ranges");
        assert_eq!(count(&[(7, 9), (12, 12)]), 4);
    }
}
