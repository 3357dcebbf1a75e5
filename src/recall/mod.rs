//! What must be remembered for minutes, across a restart, and is no part of the login's history.
//!
//! WeChat repeats a push that was not answered in time, and wants the same answer; and in plain mode a signature must
//! belong to one body. Neither is an event of a scan session, both would swell the journal, and both are worth nothing
//! after some minutes. So they stand beside it: keyed values in files of ten seconds each, which are removed whole when the
//! last of their entries is over ([`Recall::sweep`]). An entry that must not be lost with the power is acknowledged after `fdatasync`; others
//! are written, so that they survive the process, and no more. A crash may tear the end of a file; what is torn is dropped.
//!
//! Values lie in the files alone, an index over them in memory: about 40 bytes an entry.

mod segment;
mod writer;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::domain::Timestamp;
use segment::Segment;
use writer::{Entry, Request, Writer};

/// Names an entry: a keyed hash of what it stands for, so that no file tells whom it is about.
pub type Key = [u8; 16];

/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 256 * 1024;

/// Entries on their way to the file. Past it nothing more is taken.
const QUEUE: usize = 4096;

/// The memory. Clone it freely: the clones are handles to the same one.
#[derive(Clone)]
pub struct Recall {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
}

struct Shared {
    folder: PathBuf,
    clock: Clock,
    entries: Mutex<Entries>,
}

struct Entries {
    /// On their way to a file, each with its end.
    waiting: HashMap<Key, (Arc<[u8]>, Timestamp)>,
    /// Oldest first.
    segments: VecDeque<Segment>,
}

/// How an entry is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is on the disk when [`Kept::done`] returns, as after `fdatasync`.
    Durably,
    /// It is written when [`Kept::done`] returns, and survives the process; a power failure may lose it.
    Written,
}

/// What became of an entry that was to be remembered.
#[derive(Debug)]
pub enum Entered {
    /// It is remembered from now on.
    New(Kept),
    /// Another one stands under this key, and stays. It may still be on its way to the disk.
    There(Vec<u8>),
}

/// An entry on its way to the disk.
#[derive(Debug)]
pub struct Kept(oneshot::Receiver<bool>);

/// It could not be written: the disk, or its queue, is full or broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be remembered at the moment")]
pub struct NotKept;

impl Kept {
    /// Waits until the entry is as safe as was asked for.
    ///
    /// # Errors
    /// [`NotKept`].
    pub async fn done(self) -> Result<(), NotKept> {
        if self.0.await.unwrap_or(false) { Ok(()) } else { Err(NotKept) }
    }
}

impl std::fmt::Debug for Recall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recall")
    }
}

impl Recall {
    /// Opens the memory in `folder`, makes it (mode 0700) where it is not there, and removes what is over.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(folder: &Path, clock: Clock) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut segments = segment::read_all(folder, clock.now())?;
        let now = clock.now();
        segments.iter().filter(|segment| segment.is_over_at(now)).for_each(Segment::remove_file);
        segments.retain(|segment| !segment.is_over_at(now));
        let entries = Entries { waiting: HashMap::new(), segments };
        let shared = Arc::new(Shared { folder: folder.to_owned(), clock, entries: Mutex::new(entries) });
        let (requests, incoming) = mpsc::channel(QUEUE);
        let writer = Writer::new(shared.clone());
        std::thread::Builder::new().name("recall".into()).spawn(move || writer.run(incoming))?;
        Ok(Self { shared, requests })
    }

    /// What is remembered under `key`.
    pub fn find(&self, key: &Key) -> Option<Vec<u8>> {
        let found = self.shared.entries().find(key, self.shared.clock.now())?;
        found.read().inspect_err(|error| tracing::error!(%error, "what was remembered cannot be read")).ok()
    }

    /// Remembers `value` under `key` until `until`, unless something is remembered there already.
    ///
    /// # Errors
    /// [`NotKept`] where it cannot be taken; nothing is remembered then.
    pub fn enter(&self, key: Key, value: &[u8], until: Timestamp, keep: Keep) -> Result<Entered, NotKept> {
        if value.len() > MAX_VALUE_BYTES {
            return Err(NotKept);
        }
        let place = self.requests.try_reserve().map_err(|_| NotKept)?;
        let value: Arc<[u8]> = value.into();
        {
            let mut entries = self.shared.entries();
            if let Some(there) = entries.find(&key, self.shared.clock.now()) {
                drop(entries);
                return there.read().map(Entered::There).map_err(|_| NotKept);
            }
            entries.waiting.insert(key, (value.clone(), until));
        }
        let (done, kept) = oneshot::channel();
        place.send(Request::Enter(Entry { key, value, until, keep, done }));
        Ok(Entered::New(Kept(kept)))
    }

    /// Removes what is over. To be called every few seconds: entries are not to lie around for longer than they count.
    pub fn sweep(&self) {
        // Where the queue is full, the next one does.
        let _ = self.requests.try_send(Request::Sweep);
    }
}

impl Shared {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value that was found, to be read without the lock.
enum Found {
    Waiting(Arc<[u8]>),
    Written(segment::Place),
}

impl Found {
    fn read(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Waiting(value) => Ok(value.to_vec()),
            Self::Written(place) => place.read(),
        }
    }
}

impl Entries {
    fn find(&self, key: &Key, now: Timestamp) -> Option<Found> {
        let waiting = self.waiting.get(key).filter(|(_, until)| *until > now);
        let written = || self.segments.iter().rev().find_map(|segment| segment.find(key, now)).map(Found::Written);
        waiting.map(|(value, _)| Found::Waiting(value.clone())).or_else(written)
    }
}

#[cfg(test)]
mod tests;
