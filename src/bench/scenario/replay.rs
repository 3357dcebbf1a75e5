//! `replay`: how fast what has happened is read back, with no daemon running: by `replay`, which prints each event, and by
//! `store export` and `store import`, which carry a journal to another store.
//!
//! The journal is one that this program has written, of whole logins; each login leaves as many events as in use. It was read
//! once before, so the disk's own speed is no part of it: what is measured is the program's.

use std::path::Path;

use serde::Serialize;

use super::Length;
use super::login::{self, metered_lanes};
use crate::bench::daemon::{Daemon, Ran};
use crate::bench::descriptors::Open;
use crate::bench::driver::Driver;
use crate::bench::error::BenchError;
use crate::bench::figures::{per_second, rounded};
use crate::bench::loss::Losses;
use crate::bench::progress::Progress;

/// Each command runs so often, and the one in the middle counts.
const TIMES: usize = 3;

/// Where the export is imported to, beside the store that it was made of.
const IMPORTED: &str = "imported";

/// How it is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many logins the journal is of.
    pub logins: u64,
    /// How many at a time while it is written.
    pub lanes: usize,
}

impl Settings {
    /// What is open at once.
    pub fn open(self) -> Open {
        Open::of_lanes(self.lanes)
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    logins: u64,
    lost: u64,
    lost_because: Losses,
    /// How many events the journal has.
    pub events: u64,
    /// What the store's folder takes on the disk.
    journal_bytes: u64,
    journal_bytes_an_event: f64,
    /// What an event is as a line of JSON.
    line_bytes_an_event: f64,
    export_bytes_an_event: f64,
    replay: Speed,
    export: Speed,
    import: Speed,
}

/// How fast a command is.
#[derive(Clone, Copy, Debug, Serialize)]
struct Speed {
    seconds: f64,
    events_per_s: f64,
    peak_resident_bytes: u64,
}

impl Speed {
    /// Of the run in the middle, and the most memory of any.
    fn of(mut runs: Vec<Ran>, events: u64) -> Self {
        runs.sort_unstable_by_key(|ran| ran.took);
        let took = runs.get(runs.len() / 2).map(|ran| ran.took).unwrap_or_default();
        Self {
            seconds: rounded(took.as_secs_f64()),
            events_per_s: per_second(events, took),
            peak_resident_bytes: runs.iter().map(|ran| ran.peak_resident_bytes).max().unwrap_or_default(),
        }
    }
}

/// Measures on the store of a daemon of our own, which ends for it.
///
/// # Errors
/// [`BenchError`] where no login came to its end, or a command fails.
pub async fn run(
    daemon: &mut Daemon,
    driver: &Driver,
    settings: Settings,
    progress: &Progress,
) -> Result<Figures, BenchError> {
    let written = login::Settings { lanes: settings.lanes, length: Length::Count(settings.logins) };
    let (written, _) = metered_lanes(driver, written, progress, "logins to be read").await?;
    daemon.stop().await?;
    let (config, export) = (daemon.config(), daemon.folder().join("export.jsonl"));
    let export_name = export.to_string_lossy();
    let (to_file, from_file) = (["store", "export", "--to", &*export_name], ["store", "import", &*export_name]);
    let beside = beside(daemon)?;

    progress.wait("store export");
    daemon.run(&to_file, &config).await?;
    progress.wait("replay");
    let printed = daemon.count(&REPLAY, &config).await?;
    let events = printed.lines;
    let replay = Speed::of(repeat(daemon, &REPLAY, &config).await?, events);
    progress.wait("store export");
    let exported = Speed::of(repeat(daemon, &["store", "export"], &config).await?, events);
    progress.wait("store import");
    let mut imports = Vec::new();
    for _ in 0..TIMES {
        imports.push(daemon.run(&from_file, &beside).await?);
        // It is made where there is none.
        std::fs::remove_dir_all(daemon.folder().join(IMPORTED)).map_err(BenchError::machine("a store stays"))?;
    }
    progress.end();
    let journal_bytes = size(&daemon.folder().join("data"));
    let each = |bytes: u64| rounded(bytes as f64 / events.max(1) as f64);
    Ok(Figures {
        logins: written.logins,
        lost: written.losses.count(),
        lost_because: written.losses,
        events,
        journal_bytes,
        journal_bytes_an_event: each(journal_bytes),
        line_bytes_an_event: each(printed.bytes),
        export_bytes_an_event: each(size(&export)),
        replay,
        export: exported,
        import: Speed::of(imports, events),
    })
}

const REPLAY: [&str; 3] = ["replay", "--format", "jsonl"];

async fn repeat(daemon: &Daemon, arguments: &[&str], config: &Path) -> Result<Vec<Ran>, BenchError> {
    let mut runs = Vec::new();
    for _ in 0..TIMES {
        runs.push(daemon.run(arguments, config).await?);
    }
    Ok(runs)
}

/// A configuration beside the daemon's, with a store that is not there.
fn beside(daemon: &Daemon) -> Result<std::path::PathBuf, BenchError> {
    let unwritten = BenchError::machine("a configuration cannot be written");
    let path = daemon.folder().join("import.toml");
    let written = std::fs::read_to_string(daemon.config()).and_then(|text| {
        std::fs::write(&path, text.replace("[store]\npath = \"data\"", &format!("[store]\npath = \"{IMPORTED}\"")))
    });
    written.map(|()| path).map_err(unwritten)
}

/// The bytes of a file, or of all files below a folder.
fn size(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| size(&entry.path())).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
    }
}
