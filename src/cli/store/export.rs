//! `store export`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Failure, Streams, count, tell, told};
use crate::cli::source::Records;
use crate::config::Config;
use crate::store::{ExportWriter, Salvage, Summary};

/// What `store export` takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "\
The format is described in docs/en/export.md. An export tells who logged in: guard it like the store.

Examples:
  scan-login store export --to journal.jsonl
  scan-login store export | zstd > journal.jsonl.zst
  scan-login store export --whole-only --to rescued.jsonl   # of a store that the daemon refuses")]
pub struct ExportArgs {
    /// A new file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Of a damaged or read-only store, with no daemon running: whatever is whole; changes nothing, and ends with 1 where
    /// records are missing
    #[arg(long)]
    pub whole_only: bool,
    /// Also records of which it is not certain that they are the journal's own; the export says which
    #[arg(long, requires = "whole_only")]
    pub doubtful: bool,
}

pub(super) async fn export(args: &ExportArgs, config: &Config, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let mut outcome = Outcome::default();
    match &args.to {
        None => {
            let mut out = BufWriter::new(&mut *streams.out);
            outcome.write(args, config, &mut out, &|error| Failure::output(error)).await?;
        }
        Some(path) => {
            let unwritable = |error: &std::io::Error| Failure::unwritable(path, error);
            refuse_existing(path)?;
            // Whole or not at all, and for this user alone.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| unwritable(&error))?;
            outcome.write(args, config, &mut BufWriter::new(&mut file), &unwritable).await?;
            file.as_file().sync_all().map_err(|error| unwritable(&error))?;
            file.persist_noclobber(path).map_err(|error| unwritable(&error.error))?;
        }
    }
    outcome.tell(streams)
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    Err(Failure::new(format!("{} is there already", path.display()), "name a new file; nothing was touched"))
}

/// What was exported, and what was not.
#[derive(Default)]
struct Outcome {
    summary: Option<Summary>,
    /// How many records of the log's front retention has removed.
    removed: u64,
    /// Doubtful records that were left out.
    left_out: Vec<(u64, u64)>,
}

type OutputFailure<'a> = dyn Fn(&std::io::Error) -> Failure + Sync + 'a;

impl Outcome {
    async fn write(
        &mut self,
        args: &ExportArgs,
        config: &Config,
        out: &mut dyn Write,
        failure: &OutputFailure<'_>,
    ) -> Result<(), Failure> {
        if args.whole_only {
            return self.write_whole(args.doubtful, config, out, failure);
        }
        let mut records = Records::open(config, 1).await?;
        let written = self.write_all(&mut records, out, failure).await;
        records.close().await;
        written
    }

    async fn write_all(
        &mut self,
        records: &mut Records,
        out: &mut dyn Write,
        failure: &OutputFailure<'_>,
    ) -> Result<(), Failure> {
        self.removed = records.beginning().removed();
        let mut writer = ExportWriter::begin(out, records.beginning()).map_err(|error| failure(&error))?;
        loop {
            let batch = records.batch().await?;
            if batch.is_empty() {
                break;
            }
            for record in &batch {
                writer.record(record).map_err(|error| failure(&error))?;
            }
        }
        self.summary = Some(writer.finish(records.head()).map_err(|error| failure(&error))?.1);
        Ok(())
    }

    fn write_whole(
        &mut self,
        doubtful: bool,
        config: &Config,
        out: &mut dyn Write,
        failure: &OutputFailure<'_>,
    ) -> Result<(), Failure> {
        let mut salvage = Salvage::open(&config.store.path)?;
        let beginning = salvage.beginning().clone();
        self.removed = beginning.removed();
        let mut writer = ExportWriter::begin(out, &beginning).map_err(|error| failure(&error))?;
        while let Some(found) = salvage.next_record()? {
            let written = match (found.is_doubtful, doubtful) {
                (false, _) => writer.record(&found.record),
                (true, true) => writer.doubtful(&found.record),
                (true, false) => {
                    self.leave_out(found.record.seq);
                    Ok(())
                }
            };
            written.map_err(|error| failure(&error))?;
        }
        self.summary = Some(writer.finish(salvage.head()).map_err(|error| failure(&error))?.1);
        Ok(())
    }

    fn leave_out(&mut self, seq: u64) {
        match self.left_out.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => self.left_out.push((seq, seq)),
        }
    }

    fn tell(&self, streams: &mut Streams<'_>) -> Result<(), Failure> {
        let Some(summary) = &self.summary else { return Ok(()) };
        tell(streams, &format!("exported {} of {} records", summary.records, summary.last - self.removed));
        if self.removed > 0 {
            tell(streams, &format!("records 1 to {} had been removed by retention", self.removed));
        }
        if !self.left_out.is_empty() {
            let what = "found only where it is not certain that they are the journal's own, and left out";
            tell(streams, &format!("{what}: {} (--doubtful takes them, too)", told(&self.left_out)));
        }
        if !summary.doubtful.is_empty() {
            tell(streams, &format!("not certain to be the journal's own: {}", told(&summary.doubtful)));
        }
        if summary.missing.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            format!("of {} records {} are missing: {}", summary.last, count(&summary.missing), told(&summary.missing)),
            "the export says so, too; restore a backup if there is one (`scan-login store restore --from DIR`), else \
             `scan-login store import --until-gap` makes a store of what lies before the first of them",
        ))
    }
}
