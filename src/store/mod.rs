//! The journal: the append-only log of events, and the only source of truth.
//!
//! [`EventStore`] is what everybody else knows of it. [`Journal`] is its implementation for one machine: one writer
//! thread that commits in groups, over a `Medium`: sled on a disk, or memory for tests.
//!
//! ```text
//! append ─► writer thread: expected sequence? ─► encode ─► write ─► fdatasync ─► acknowledge all, move the head
//!           archiver thread: enough old records? ─► a file of the archive ─► the writer removes their chunks
//! ```

mod archive;
#[cfg(test)]
mod archive_tests;
mod beginning;
mod builder;
mod codec;
#[cfg(test)]
mod conformance;
mod examine;
#[cfg(test)]
mod fault_tests;
mod fingerprint;
mod follow;
mod half_made;
mod journal;
mod medium;
mod memory;
mod migrate;
mod note_file;
mod observer;
mod old;
mod place;
mod raw;
mod salvage;
mod schema;
mod seal;
mod sled_file;
mod sled_lock;
mod sled_medium;
mod streams;
mod transfer;
mod unretired;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::domain::{AccountName, Event, OpenId, PersonHandle, Recorded, SceneId, Timestamp};
use crate::vault::OpenVault;

pub use archive::ArchiveLimits;
pub use beginning::Beginning;
pub use builder::{BuildError, StoreBuilder};
pub use fingerprint::Fingerprint;
pub use follow::Follow;
pub use journal::{Journal, OldFile};
pub use memory::{Faults, MemoryMedium};
pub use observer::Observer;
pub use place::folder_id;
pub use raw::RawRecord;
pub use salvage::{Salvage, Salvaged};
pub use sled_medium::OpenError;
pub use transfer::{ExportError, ExportReader, ExportWriter, Summary};

/// An append-only log of the events of all scan sessions, one stream a scene.
///
/// Made for more than one engine: an append names the sequence that it expects, and meeting another one is an ordinary
/// answer, not an error, since on several nodes it is how races are settled.
pub trait EventStore: Send + Sync + 'static {
    /// Appends `events` to the stream of `scene`, all or none, if its last sequence is `expected` (0: no stream yet).
    ///
    /// [`Append::Stored`] means that they are durable.
    ///
    /// # Errors
    /// [`StoreError`], after which it is unknown whether the events will be found by the next start.
    fn append(
        &self,
        scene: &SceneId,
        expected: u32,
        at: Timestamp,
        events: Vec<Event>,
    ) -> BoxFuture<'static, Result<Append, StoreError>>;

    /// How long it takes until all is durable that the log was asked to append, as far as the engine can tell by what it has
    /// written last. Nothing where nothing waits, or the engine does not know: whoever asks next will see.
    fn backlog(&self) -> Duration {
        Duration::ZERO
    }

    /// All events of `scene` in order; none where it is unknown.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    fn stream(&self, scene: &SceneId) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>>;

    /// Up to `limit` events of the whole log in order, from the sequence `from` on (the first is 1); of removed ones, from
    /// the first that is left.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    fn read(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>>;

    /// The same as [`read`](Self::read) for who names nobody: what identifies a person may be left sealed, which costs most of
    /// the time, and then reads as forgotten.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    fn read_sealed(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>> {
        self.read(from, limit)
    }

    /// The same as [`read`](Self::read), as they are stored.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    fn read_raw(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<RawRecord>, StoreError>>;

    /// The sequences outside of which no record of today's log has a time from `since` to `until`, both included: a
    /// reader of a time needs not go through all history. Inside of them other times may lie, too: times are nearly but
    /// not strictly in order. An engine that does not know better says all.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    fn between(
        &self,
        _since: Option<Timestamp>,
        _until: Option<Timestamp>,
    ) -> BoxFuture<'static, Result<RangeInclusive<u64>, StoreError>> {
        let head = self.head().borrow().seq;
        Box::pin(std::future::ready(Ok(1..=head)))
    }

    /// Where today's log begins: what lies before was removed by retention, and reading from there gives what follows.
    fn beginning(&self) -> Beginning {
        Beginning::default()
    }

    /// By what the records name a person, whether or not they have any of theirs.
    fn person(&self, account: &AccountName, openid: &OpenId) -> PersonHandle;

    /// The streams that nobody has retired, each with all its events: what a start has to bring back to life. After a start
    /// there may be some among them that were retired, and of which the log does not say that they are over.
    /// What it costs depends on how many those are, not on how long the history is.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    fn unretired(&self) -> BoxFuture<'static, Result<Vec<Vec<Recorded>>, StoreError>>;

    /// The names of those [`unretired`](Self::unretired) streams, those first that began first.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    fn unretired_scenes(&self) -> BoxFuture<'static, Result<Vec<SceneId>, StoreError>> {
        let unretired = self.unretired();
        Box::pin(async move {
            let streams = unretired.await?;
            let mut begun: Vec<_> = streams.iter().filter_map(|records| records.first()).collect();
            begun.sort_unstable_by_key(|first| first.seq);
            Ok(begun.into_iter().map(|first| first.scene.clone()).collect())
        })
    }

    /// All events of these scenes, in the order of the scenes: what lies together is read together. None of one that is unknown.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    fn streams(&self, scenes: Vec<SceneId>) -> BoxFuture<'static, Result<Vec<Vec<Recorded>>, StoreError>> {
        let streams: Vec<_> = scenes.iter().map(|scene| self.stream(scene)).collect();
        Box::pin(futures_util::future::try_join_all(streams))
    }

    /// Where the index says that the events of these scenes are, in their order: their sequences in the log.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    fn indexed(&self, scenes: Vec<SceneId>) -> BoxFuture<'static, Result<Vec<Vec<u64>>, StoreError>>;

    /// Says that nothing more will happen to `scene`, so that a later start need not look at it. A hint: it may be lost
    /// in a crash, and its events stay.
    fn retire(&self, scene: &SceneId);

    /// How far the log is durable, and whether it still can be written. Changes wake whoever waits on the receiver.
    fn head(&self) -> watch::Receiver<Head>;

    /// Finishes what was accepted, and lets go of the medium.
    fn close(&self) -> BoxFuture<'static, ()>;
}

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Append {
    /// The events are durable, in these places.
    Stored(Vec<Recorded>),
    /// Nothing was stored: the stream has grown since the caller looked.
    Conflict {
        /// The last sequence of the stream.
        actual: u32,
    },
}

/// How far the log has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The sequence of the last durable event; 0 where there is none.
    pub seq: u64,
    /// Why nothing more can be written, where that is so. It stays so until a restart.
    pub failure: Option<Arc<str>>,
}

/// Why the store gives no answer, by what the caller does next.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A write or a sync failed. What the kernel says of those pages afterwards is not to be trusted, so nothing is
    /// written any more: stop, and let the next start read what is there.
    #[error("the journal can no longer be written: {0}")]
    Failed(Arc<str>),
    /// What was read is not what was written: never served, never repaired silently.
    #[error("the journal is damaged: {0}")]
    Damaged(Arc<str>),
    /// A file of the index is not what was written; the log itself is untouched, and makes it again.
    #[error("the journal's index is damaged: {0} does not read as it was written")]
    Index(Arc<str>),
    /// The medium could not be read.
    #[error("the journal cannot be read: {0}")]
    Unreadable(Arc<str>),
    /// An event is larger than the journal takes, so nothing was stored.
    #[error("an event is too large for the journal")]
    TooLarge,
    /// What identifies a person could not be sealed, so nothing was stored.
    #[error("what identifies a person cannot be sealed: {0}")]
    Unsealed(Arc<str>),
    /// The store is closed.
    #[error("the journal is closed")]
    Closed,
}

/// Opens the journal of a daemon under `path`, makes it where there is none, and brings its layout up to date. What
/// identifies a person is sealed in what `vault` opens, behind the store's lock: no other process uses it then.
///
/// # Errors
/// [`OpenError`], with its cure.
pub fn open_or_create(path: PathBuf, vault: impl OpenVault) -> Result<Journal, OpenError> {
    open(path, sled_medium::IfMissing::Create, ArchiveLimits::default(), vault)
}

/// Opens the journal under `path`, where there is one; with [`NoVault::opened`](crate::vault::NoVault::opened) to look at
/// what is no person's.
///
/// # Errors
/// [`OpenError`], with its cure; [`OpenError::Missing`] where there is none, and nothing is made.
pub fn open_existing(path: PathBuf, vault: impl OpenVault) -> Result<Journal, OpenError> {
    open(path, sled_medium::IfMissing::Refuse, ArchiveLimits::default(), vault)
}

/// The same as [`open_or_create`], with other limits of the archive: what is on the disk fits to any.
///
/// # Errors
/// [`OpenError`], with its cure.
pub fn open_with(path: PathBuf, limits: ArchiveLimits, vault: impl OpenVault) -> Result<Journal, OpenError> {
    open(path, sled_medium::IfMissing::Create, limits, vault)
}

fn open(
    path: PathBuf,
    if_missing: sled_medium::IfMissing,
    limits: ArchiveLimits,
    vault: impl OpenVault,
) -> Result<Journal, OpenError> {
    let (medium, old) = sled_medium::SledMedium::open(&path, if_missing, limits)?;
    Ok(Journal::start(medium, old, vault()?)?)
}

/// The layout of the stores that this program writes.
pub const LAYOUT: u32 = migrate::CURRENT;

/// What it takes to bring a store up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its layout.
    pub layout: u32,
    /// The steps from there to [`LAYOUT`]: the layout that each leads to, and what it does.
    pub steps: Vec<(u32, &'static str)>,
}

/// What it would take to bring the store under `path` up to date. Changes nothing.
///
/// # Errors
/// [`OpenError`], with its cure.
pub fn plan(path: &Path) -> Result<Plan, OpenError> {
    let layout = migrate::inspect(path)?.ok_or_else(|| OpenError::Missing(path.to_owned()))?;
    Ok(Plan { layout, steps: migrate::steps_from(layout) })
}

/// Where the log of the store under `path` begins, whoever has it open.
///
/// # Errors
/// [`StoreError`] where that cannot be read, or is damaged.
pub fn beginning(path: &Path) -> Result<Beginning, StoreError> {
    beginning::read(path)
}

/// Brings the store under `path` to [`LAYOUT`]. Whatever step a crash leaves undone is taken again; taken twice, it changes
/// nothing.
///
/// # Errors
/// [`OpenError`], with its cure.
pub fn migrate(path: &Path) -> Result<(), OpenError> {
    let (_medium, old) = sled_medium::SledMedium::open(path, sled_medium::IfMissing::Refuse, ArchiveLimits::default())?;
    Ok(old.streams.catch_up(&old.archive)?)
}
