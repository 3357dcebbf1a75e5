use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::fault::Report;
use super::raw::Table;
use super::section::Section;
use super::values::{self, choices};

choices! {
    /// What keeps the journal.
    Engine {
        /// Embedded, in a folder.
        Sled = "sled",
        /// NATS JetStream, for several machines.
        Jetstream = "jetstream",
    }
}

/// As long as the Cybersecurity Law wants.
const SIX_MONTHS: Duration = Duration::from_secs(180 * 24 * 60 * 60);

const KEPT_TOO_SHORT: &str = "where China's Cybersecurity Law applies, logs of the network must be kept for six months at least \
                              (Article 21): write \"180d\" or more";
const KEPT_FOR_EVER: &str = "nothing is ever removed; personal data must not be kept for longer than its purpose needs (PIPL, Article 19): \
                             see docs/en/privacy.md";

/// `[store]`: the journal.
#[derive(Clone, Debug)]
pub struct Store {
    /// What keeps it. Default: sled.
    pub engine: Engine,
    /// Its folder. Default: `data`.
    pub path: PathBuf,
    /// How long events are kept, longer than zero; `None` for ever. Default: 180 days.
    pub retention: Option<Duration>,
    /// How long to wait at the start for another process to give the folder up. Default: 30 s.
    pub lock_wait: Duration,
}

impl Store {
    pub(super) fn read(root: &Table, report: &mut Report) -> Self {
        let mut section = Section::of_root(root, "store", report);
        let store = Self {
            engine: section.choice("engine", Engine::Sled),
            path: section.path("path", "data"),
            retention: section.or("retention", Some(SIX_MONTHS), values::duration_or_off),
            lock_wait: section.or("lock_wait", Duration::from_secs(30), values::duration),
        };
        if let Some(text) =
            store.retention.map_or(Some(KEPT_FOR_EVER), |kept| (kept < SIX_MONTHS).then_some(KEPT_TOO_SHORT))
        {
            section.warn_of("retention", text);
        }
        section.finish();
        store
    }
}

/// `[keys]`: what must not stand in the journal.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Their folder, never under the store's. Default: `keys`.
    pub path: PathBuf,
    /// The file of the key that signs the log's checkpoints, never under the store's folder: who can edit the log must
    /// not be able to sign it. Default: `checkpoint.key` in `path`.
    pub checkpoint_key_file: PathBuf,
}

impl Keys {
    pub(super) fn read(root: &Table, store: &Store, report: &mut Report) -> Self {
        let mut section = Section::of_root(root, "keys", report);
        let path = section.path("path", "keys");
        if real(&path).starts_with(real(&store.path)) {
            let cure = "name a folder outside the store's: a backup of the store must hold no keys";
            section.fault("path", format!("lies in the store's folder ({})", store.path.display()), cure);
        }
        let is_elsewhere = section.written("checkpoint_key_file").is_some();
        let named = section.path("checkpoint_key_file", "checkpoint.key");
        let checkpoint_key_file = if is_elsewhere { named } else { path.join("checkpoint.key") };
        if is_elsewhere && real(&checkpoint_key_file).starts_with(real(&store.path)) {
            let cure = "name a file outside the store's folder: who can edit the log must not be able to sign it";
            section.fault(
                "checkpoint_key_file",
                format!("lies in the store's folder ({})", store.path.display()),
                cure,
            );
        }
        section.finish();
        Self { path, checkpoint_key_file }
    }
}

/// The path with its links followed, as far as it exists, and without `..`.
fn real(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut result = PathBuf::new();
    for component in whole.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
        if let Ok(followed) = result.canonicalize() {
            result = followed;
        }
    }
    result
}

/// `[session]`: how long things live.
#[derive(Clone, Debug)]
pub struct Session {
    /// How long a session may be scanned and confirmed, 1 s to 29 days: its QR code must outlive it, and WeChat keeps
    /// one for 30 days at most. Default: 5 min.
    pub ttl: Duration,
    /// How long a code can be redeemed, longer than zero. Default: 60 s.
    pub code_ttl: Duration,
    /// How long an access token lives, longer than zero. Default: 10 min.
    pub access_token_ttl: Duration,
    /// How many QR codes are renewed without a gesture of the visitor. Default: 3.
    pub max_renewals: u32,
}

/// The longest life of a session.
const TTL_MAX: Duration = Duration::from_secs(29 * 24 * 60 * 60);

impl Session {
    pub(super) fn read(root: &Table, report: &mut Report) -> Self {
        let mut section = Section::of_root(root, "session", report);
        let ttl = values::duration_within(Duration::from_secs(1), TTL_MAX, "1s to 29d long");
        let session = Self {
            ttl: section.or("ttl", Duration::from_secs(5 * 60), ttl),
            code_ttl: section.or("code_ttl", Duration::from_secs(60), values::positive_duration),
            access_token_ttl: section.or("access_token_ttl", Duration::from_secs(10 * 60), values::positive_duration),
            max_renewals: section.or("max_renewals", 3, values::whole(0)),
        };
        section.finish();
        session
    }
}
