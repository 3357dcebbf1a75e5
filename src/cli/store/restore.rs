//! `store restore`.

use std::path::{Path, PathBuf};

use super::backup::{BESIDE, KEYS, Label, NAME, STORE};
use super::{Failure, Streams, keys, tell};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{Fingerprint, Salvage, StoreBuilder};

/// What `store restore` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
The backup is only read, and checked as a whole before the store is put in its place. Move an old store away first.

Example:
  mv data data.old && scan-login store restore --from /var/backups/scan-login/2026-01-02")]
pub struct RestoreArgs {
    /// What `store backup --to` made
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// Also the keys, where the backup holds them and there are none yet
    #[arg(long)]
    pub keys: bool,
}

pub(super) async fn restore(
    args: &RestoreArgs,
    config: &Config,
    clock: &Clock,
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let label = Label::read(&args.from)?;
    if args.keys {
        refuse_keys(&label, config)?;
    }
    let has_checkpoints = restore_store(&args.from, &label, &config.store.path, clock)?;
    if args.keys {
        keys::copy(&args.from.join(KEYS), &config.keys.path)
            .map_err(|error| Failure::unwritable(&config.keys.path, &error))?;
    }
    tell(
        streams,
        &format!("restored {} records, as of {}, into {}", label.records, label.made_at, config.store.path.display()),
    );
    if !args.keys && keys::is_free(&config.keys.path) {
        let path = config.keys.path.display();
        tell(streams, &format!("there are no keys in {path}: a start makes new ones. {}", keys::LOST_WITHOUT));
    }
    if has_checkpoints {
        let told = "where a checkpoint of more records than these was published, the daemon refuses to start, since the \
                    journal is another one from there on: `scan-login serve --accept-fork` says that this is meant";
        tell(streams, told);
    }
    Ok(())
}

fn refuse_keys(label: &Label, config: &Config) -> Result<(), Failure> {
    if !label.keys {
        return Err(Failure::new("the backup holds no keys", "leave out --keys; nothing was touched"));
    }
    if !keys::is_free(&config.keys.path) {
        let what = format!("there are keys in {} already", config.keys.path.display());
        return Err(Failure::new(what, "leave out --keys, or move them away first; nothing was touched"));
    }
    Ok(())
}

/// Makes the store out of the backup's records, all of them and no others; whether checkpoints came with it.
fn restore_store(from: &Path, label: &Label, to: &Path, clock: &Clock) -> Result<bool, Failure> {
    let mut builder = StoreBuilder::new(to, clock.now())?;
    let mut salvage = Salvage::open(&from.join(STORE))?;
    let mut fingerprint = Fingerprint::default();
    let mut next = 1;
    while let Some(found) = salvage.next_record()? {
        if found.is_doubtful || found.record.seq != next {
            break;
        }
        builder.push(&found.record)?;
        fingerprint.add(&found.record);
        next += 1;
    }
    if next - 1 != label.records || fingerprint.to_hex() != label.sha256 {
        let what = format!(
            "the backup in {} does not hold the {} records that its file {NAME} tells of",
            from.display(),
            label.records
        );
        return Err(Failure::new(what, "nothing was made; restore another backup"));
    }
    let mut has_checkpoints = false;
    for name in BESIDE {
        let path = from.join(STORE).join(name);
        if path.exists() {
            builder.lay_beside(name, &std::fs::read(&path).map_err(|error| Failure::unreadable(&path, &error))?)?;
            has_checkpoints |= name == BESIDE[0];
        }
    }
    builder.finish()?;
    Ok(has_checkpoints)
}
