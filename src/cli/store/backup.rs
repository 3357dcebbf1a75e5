//! `store backup`, and what a backup says of itself.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Failure, Streams, keys, tell};
use crate::cli::source::{Records, SourceError};
use crate::clock::{Clock, rfc3339_micros};
use crate::config::Config;
use crate::store::{self, Fingerprint, LAYOUT, StoreBuilder};

/// What `store backup` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
A backup tells who logged in: guard it like the store. Without --keys it holds no key.

Example:
  scan-login store backup --to /var/backups/scan-login/2026-01-02")]
pub struct BackupArgs {
    /// A new or empty folder
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Also the keys: whoever gets at the backup can then use what is derived from them
    #[arg(long)]
    pub keys: bool,
}

/// The file that makes a folder a backup; it is written last.
pub(super) const NAME: &str = "BACKUP";
/// The store in it, and the keys.
pub(super) const STORE: &str = "store";
pub(super) const KEYS: &str = "keys";
const FORMAT: &str = "scan-login backup";
const VERSION: u32 = 1;
/// What lies beside the log and belongs to it.
pub(super) const BESIDE: [&str; 3] = ["CHECKPOINTS", "TREE", "NODES"];

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Label {
    format: String,
    version: u32,
    pub(super) made_at: String,
    /// The version of the program that made it.
    program: String,
    layout: u32,
    pub(super) records: u64,
    /// The records' [`Fingerprint`].
    pub(super) sha256: String,
    /// Whether the keys are in it.
    pub(super) keys: bool,
}

pub(super) async fn backup(
    args: &BackupArgs,
    config: &Config,
    clock: &Clock,
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let unwritable = |error: io::Error| Failure::unwritable(&args.to, &error);
    if !keys::is_free(&args.to) {
        let what = format!("{} is there already, and not empty", args.to.display());
        return Err(Failure::new(what, "name a new folder; nothing was touched"));
    }
    // Before the records: what was said of the log by then, the log holds.
    let beginning = store::beginning(&config.store.path)?;
    let beside = beside(&config.store.path)?;
    let mut records = Records::open(config, 1).await?;
    if *records.beginning() != beginning {
        records.close().await;
        return Err(SourceError::Moved.into());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&args.to).map_err(unwritable)?;
    let copied = copy_records(&mut records, &args.to.join(STORE), &beside, clock).await;
    records.close().await;
    let (records, sha256) = copied?;
    if args.keys {
        keys::copy(&config.keys.path, &args.to.join(KEYS), &[])
            .map_err(|error| Failure::unreadable(&config.keys.path, &error))?;
    }
    let label = Label {
        format: FORMAT.to_owned(),
        version: VERSION,
        made_at: rfc3339_micros(clock.now()),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        layout: LAYOUT,
        records,
        sha256,
        keys: args.keys,
    };
    label.write(&args.to).map_err(unwritable)?;
    tell(streams, &format!("{records} records are in {}", args.to.display()));
    tell(streams, &if args.keys { told_with_keys() } else { told_without_keys(config) });
    Ok(())
}

fn told_with_keys() -> String {
    "it holds the keys: whoever can read it can redeem what is pending, so guard it like the keys themselves".to_owned()
}

fn told_without_keys(config: &Config) -> String {
    let path = config.keys.path.display();
    format!("it does not hold the keys ({path}): {}. Keep a copy of them elsewhere", keys::LOST_WITHOUT)
}

fn beside(store: &Path) -> Result<Vec<(&'static str, Vec<u8>)>, Failure> {
    let mut found = Vec::new();
    for name in BESIDE {
        let path = store.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => found.push((name, bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::unreadable(&path, &error)),
        }
    }
    Ok(found)
}

async fn copy_records(
    records: &mut Records,
    to: &Path,
    beside: &[(&str, Vec<u8>)],
    clock: &Clock,
) -> Result<(u64, String), Failure> {
    let mut builder = StoreBuilder::new(to, clock.now())?;
    builder.begin_at(records.beginning())?;
    let mut fingerprint = Fingerprint::default();
    loop {
        let batch = records.batch().await?;
        if batch.is_empty() {
            break;
        }
        for record in &batch {
            builder.push(record)?;
            fingerprint.add(record);
        }
    }
    for (name, bytes) in beside {
        builder.lay_beside(name, bytes)?;
    }
    Ok((builder.finish()?, fingerprint.to_hex()))
}

impl Label {
    /// Written aside and put in its place: with it the folder is a backup.
    fn write(&self, folder: &Path) -> io::Result<()> {
        let aside = folder.join(format!("{NAME}.new"));
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&aside, folder.join(NAME))?;
        File::open(folder)?.sync_all()
    }

    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(NAME);
        let no_backup = || {
            let cure = "name a folder that `scan-login store backup` has made, and finished; nothing was touched";
            Failure::new(format!("{} is not a backup", folder.display()), cure)
        };
        let text = std::fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => no_backup(),
            _ => Failure::unreadable(&path, &error),
        })?;
        let kind: Kind = serde_json::from_slice(&text).map_err(|_| no_backup())?;
        if kind.format != FORMAT {
            return Err(no_backup());
        }
        if kind.version > VERSION {
            let what = format!("the backup has version {}, and this program knows version {VERSION}", kind.version);
            return Err(Failure::new(what, "restore it with the version of scan-login that made it, or a later one"));
        }
        serde_json::from_slice(&text).map_err(|_| no_backup())
    }
}

/// What every version's label has.
#[derive(Deserialize)]
struct Kind {
    format: String,
    version: u32,
}
