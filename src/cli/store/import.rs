//! `store import`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use super::{Failure, Streams, count, tell, told};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{ExportReader, StoreBuilder};

/// What `store import` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
The store of the configuration must not be there yet. A failed import leaves nothing behind.

Example:
  zstdcat journal.jsonl.zst | scan-login store import -")]
pub struct ImportArgs {
    /// What `store export` wrote; - is standard input
    pub file: PathBuf,
    /// Of an export in which records are missing: take what lies before the first of them
    #[arg(long)]
    pub until_gap: bool,
}

pub(super) async fn import(
    args: &ImportArgs,
    config: &Config,
    clock: &Clock,
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    // Before anything is read from a pipe that gives it only once.
    let builder = StoreBuilder::new(&config.store.path, clock.now())?;
    let mut file;
    let input: &mut dyn BufRead = if args.file.as_os_str() == "-" {
        &mut *streams.input
    } else {
        file = BufReader::new(File::open(&args.file).map_err(|error| Failure::unreadable(&args.file, &error))?);
        &mut file
    };
    let records = take(ExportReader::begin(input)?, builder, args.until_gap)?;
    tell(streams, &format!("imported {records} records into {}", config.store.path.display()));
    Ok(())
}

fn take(
    mut export: ExportReader<&mut dyn BufRead>,
    mut builder: StoreBuilder,
    until_gap: bool,
) -> Result<u64, Failure> {
    builder.begin_at(export.beginning())?;
    let first = export.beginning().first;
    let mut next = first;
    while let Some(record) = export.next_record()? {
        // The rest is read all the same: it says whether the export is as it was written.
        if record.seq == next {
            builder.push(&record)?;
            next += 1;
        }
    }
    let Some(summary) = export.summary() else { return Ok(0) };
    if !summary.doubtful.is_empty() {
        let what =
            format!("{} records may not be the journal's own: {}", count(&summary.doubtful), told(&summary.doubtful));
        return Err(Failure::new(what, "nothing was made; export the store again without --doubtful"));
    }
    if !summary.missing.is_empty() && !until_gap {
        let what =
            format!("{} of {} records are missing: {}", count(&summary.missing), summary.last, told(&summary.missing));
        let cure = format!("nothing was made; with --until-gap the first {} become the store", next - first);
        return Err(Failure::new(what, cure));
    }
    Ok(builder.finish()?)
}
