//! `store restore`.

use std::path::{Path, PathBuf};

use super::backup::{BESIDE, KEYS, Label, NAME, STORE};
use super::forgotten::Since;
use super::{Failure, Streams, keys, tell};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{self, EventStore, Fingerprint, Salvage, StoreBuilder, StoreError};
use crate::vault::{self, VaultError};

/// What `store restore` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
The backup is only read, and checked as a whole before the store is put in its place. Move an old store away first. Who was
forgotten since the backup stays so, as the file `forgotten` in [keys] path tells: leave it there.

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
    let restored = restore_store(&args.from, &label, config, clock)?;
    if args.keys {
        restore_keys(&args.from.join(KEYS), config).await?;
    }
    tell(
        streams,
        &format!("restored {} records, as of {}, into {}", label.records, label.made_at, config.store.path.display()),
    );
    if restored.forgotten > 0 {
        let told = "forgotten since then, as the ledger of the keys tells: they stay so, and the journal says it";
        tell(streams, &format!("of the persons in it {} were {told}", restored.forgotten));
    }
    if !args.keys && keys::holds_none(&config.keys.path) {
        let path = config.keys.path.display();
        tell(streams, &format!("there are no keys in {path}: a start makes new ones. {}", keys::LOST_WITHOUT));
    }
    if restored.has_checkpoints {
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
    if !keys::holds_none(&config.keys.path) {
        let what = format!("there are keys in {} already", config.keys.path.display());
        let cure = "leave out --keys, or move them away first, but for the file `forgotten`: it tells who was forgotten since the \
                    backup; nothing was touched";
        return Err(Failure::new(what, cure));
    }
    Ok(())
}

/// The keys, but for those of who was forgotten since.
async fn restore_keys(from: &Path, config: &Config) -> Result<(), Failure> {
    let to = &config.keys.path;
    let told = |error: VaultError| Failure::new(error.to_string(), error.cure());
    crate::keys::make_folder(to).map_err(|error| Failure::new(error.to_string(), error.cure()))?;
    vault::join_forgotten(to, from).map_err(told)?;
    keys::copy(from, to, &[vault::FORGOTTEN]).map_err(|error| Failure::unwritable(to, &error))?;
    // Opened once, the vault applies the ledger; behind the store's lock, as ever.
    let (store, keys) = (config.store.path.clone(), to.clone());
    let open = move || store::open_existing(store, move || vault::open_existing(&keys));
    let opened = tokio::task::spawn_blocking(open).await;
    opened.map_err(|_| StoreError::Unreadable("opening it panicked".into()))??.close().await;
    Ok(())
}

/// What came into the store beside the backup's records.
struct Restored {
    has_checkpoints: bool,
    /// How many persons were forgotten since.
    forgotten: usize,
}

/// Makes the store out of the backup's records, all of them, and what the journal has to say of who was forgotten since.
fn restore_store(from: &Path, label: &Label, config: &Config, clock: &Clock) -> Result<Restored, Failure> {
    let mut since = Since::of(&config.keys.path)?;
    let mut builder = StoreBuilder::new(&config.store.path, clock.now())?;
    let mut salvage = Salvage::open(&from.join(STORE))?;
    let mut fingerprint = Fingerprint::default();
    let beginning = salvage.beginning().clone();
    builder.begin_at(&beginning)?;
    let mut next = beginning.first;
    while let Some(found) = salvage.next_record()? {
        if found.is_doubtful || found.record.seq != next {
            break;
        }
        builder.push(&found.record)?;
        fingerprint.add(&found.record);
        since.take(found.record.decode()?);
        next += 1;
    }
    if next - beginning.first != label.records || fingerprint.to_hex() != label.sha256 {
        let what = format!(
            "the backup in {} does not hold the {} records that its file {NAME} tells of",
            from.display(),
            label.records
        );
        return Err(Failure::new(what, "nothing was made; restore another backup"));
    }
    let events = since.events();
    let forgotten = events.len();
    for (at, event) in events {
        builder.append(at, event)?;
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
    Ok(Restored { has_checkpoints, forgotten })
}
