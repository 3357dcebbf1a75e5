//! `store info`.

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Failure, Streams};
use crate::cli::daemon::{Address, Daemon};
use crate::cli::source::{Records, SourceError, open_store};
use crate::clock::rfc3339_micros;
use crate::config::Config;
use crate::domain::Timestamp;
use crate::store::{self, Beginning, LAYOUT, RawRecord};

pub(super) async fn info(config: &Config, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let path = &config.store.path;
    let plan = store::plan(path)?;
    let mut text = format!("store      {}\nlayout     {}", path.display(), plan.layout);
    if !plan.steps.is_empty() {
        let _ = write!(text, " (this program's is {LAYOUT}: `scan-login store migrate`)");
    }
    text.push('\n');
    let told = tell_records(config, &mut text, plan.steps.is_empty()).await;
    for (name, bytes) in parts(path).map_err(|error| Failure::unreadable(path, &error))? {
        let _ = writeln!(text, "bytes      {bytes:>12}  {name}");
    }
    // What is known is told also of a store that is damaged.
    streams.out.write_all(text.as_bytes()).map_err(|error| Failure::output(&error))?;
    told
}

async fn tell_records(config: &Config, text: &mut String, is_current: bool) -> Result<(), Failure> {
    let is_running = Daemon::connect(&Address::of(config)).await.map_err(SourceError::from)?.is_some();
    let _ = writeln!(text, "daemon     {}", if is_running { "runs" } else { "does not run" });
    // An opening would bring the store to another layout, which is not what was asked for.
    if !is_running && !is_current {
        return Ok(());
    }
    let (beginning, head, first) = at(config, 1).await?;
    let last = at(config, head.max(1)).await?.2;
    let _ = writeln!(text, "records    {}", head - beginning.removed());
    if beginning.removed() > 0 {
        let _ = writeln!(text, "removed    1 to {}, by retention", beginning.removed());
    }
    for (word, at) in [("first", first), ("last", last)] {
        if let Some(at) = at {
            let _ = writeln!(text, "{word:<10} {}", rfc3339_micros(at));
        }
    }
    if !is_running {
        let store = open_store(config).await?;
        let unretired = store.unretired().await;
        store.close().await;
        let _ = writeln!(text, "unretired  {} sessions that a start looks at", unretired?.len());
    }
    Ok(())
}

/// Beginning and head of the journal, and the time of the record at `seq` or the first behind it, where there is one.
async fn at(config: &Config, seq: u64) -> Result<(Beginning, u64, Option<Timestamp>), Failure> {
    let mut records = Records::open(config, seq).await?;
    let batch = records.batch().await;
    let (beginning, head) = (records.beginning().clone(), records.head());
    records.close().await;
    let first = batch?.first().map(RawRecord::decode).transpose()?;
    Ok((beginning, head, first.map(|record| record.at)))
}

/// What lies in the store's folder, and how many bytes of the disk it takes.
fn parts(path: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type()?.is_dir();
        parts.push((if is_folder { format!("{name}/") } else { name }, bytes(&entry.path())?));
    }
    parts.sort_unstable();
    Ok(parts)
}

fn bytes(path: &Path) -> io::Result<u64> {
    let metadata = std::fs::symlink_metadata(path)?;
    let mut bytes = metadata.blocks() * 512;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            bytes += self::bytes(&entry?.path())?;
        }
    }
    Ok(bytes)
}
