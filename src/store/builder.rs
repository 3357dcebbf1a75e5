//! A new store, made record by record from another one's: for imports, backups and restored ones.
//!
//! It is built beside its place, without the file that makes a folder a store, and is moved there when all of it is on
//! the disk. So whatever happens on the way, nothing is left that a daemon would open.
//!
//! All records but the last few go into the archive at once: what went through sled before would leave its file large.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::domain::{Event, Recorded, SceneId, Session, State, Timestamp, evolve};
use crate::vault::NoVault;

use super::archive::{Archive, ArchiveLimits, FileWriter, STEP};
use super::codec::{self, ChunkBuilder};
use super::medium::{Medium, MediumError};
use super::sled_medium::{IfMissing, SledMedium};
use super::{Beginning, OpenError, RawRecord, migrate, place};

/// After so many records it is looked which sessions are over.
const RETIRE_EVERY: u64 = 8192;

/// Why a store cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Something is there already.
    #[error("{0} is not empty")]
    Occupied(PathBuf),
    /// A record does not fit to those before, or cannot be understood.
    #[error("record {seq} cannot be taken: {reason}")]
    Record {
        /// Its sequence.
        seq: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The new store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be written.
    #[error("{path} cannot be written: {reason}")]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl BuildError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        let cure = match self {
            Self::Occupied(_) => {
                "nothing was touched; move it away first (`mv`), with no daemon running, or name another folder"
            }
            Self::Record { .. } => {
                "nothing was made; see that it comes from this version of scan-login, or an older one"
            }
            Self::Open(error) => return error.cure(),
            Self::Unwritable { .. } => {
                "nothing was made; see that the folder that it lies in belongs to this user, and that its disk has space"
            }
        };
        cure.to_owned()
    }
}

/// A store that is being made.
pub struct StoreBuilder {
    path: PathBuf,
    folder: TempDir,
    medium: SledMedium,
    archive: Archive,
    limits: ArchiveLimits,
    now: Timestamp,
    /// The file of the archive that is being written, and when its first record was made.
    file: Option<(FileWriter, i64)>,
    /// What comes behind it: fewer records than a file has a multiple of.
    young: Vec<RawRecord>,
    first: u64,
    next: u64,
    /// The newest time of all records.
    newest: i64,
    /// The streams to which something may still happen.
    streams: HashMap<SceneId, Stream>,
}

#[derive(Default)]
struct Stream {
    sequences: Vec<u64>,
    /// How many records it had before the log's beginning.
    cut_off: u64,
    state: State,
}

impl StoreBuilder {
    /// Begins a store for `path`, where nothing or an empty folder may be. Sessions that are over by `now` are such that a
    /// start need not look at.
    ///
    /// # Errors
    /// [`BuildError`], with its cure.
    pub fn new(path: &Path, now: Timestamp) -> Result<Self, BuildError> {
        Self::with_limits(path, now, ArchiveLimits::default())
    }

    /// The same with other limits of the archive.
    ///
    /// # Errors
    /// [`BuildError`], with its cure.
    pub fn with_limits(path: &Path, now: Timestamp, limits: ArchiveLimits) -> Result<Self, BuildError> {
        let failed = |error: io::Error| unwritable(path, &error);
        if !place::is_free(path).map_err(failed)? {
            return Err(BuildError::Occupied(path.to_owned()));
        }
        let folder = place::beside(path).map_err(failed)?;
        let (medium, archive) = SledMedium::open(folder.path(), IfMissing::Create, limits)?;
        migrate::withhold(folder.path()).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            folder,
            medium,
            archive,
            limits,
            now,
            file: None,
            young: Vec::new(),
            first: 1,
            next: 1,
            newest: i64::MIN,
            streams: HashMap::new(),
        })
    }

    /// The log is to begin here, and not with record 1: to be said before the first record.
    ///
    /// # Errors
    /// [`BuildError`], with its cure; nothing is made then.
    pub fn begin_at(&mut self, beginning: &Beginning) -> Result<(), BuildError> {
        if beginning.first == 1 {
            return Ok(());
        }
        if self.next > 1 || beginning.first % STEP != 1 {
            let reason = "no log begins there".to_owned();
            return Err(BuildError::Record { seq: beginning.first, reason });
        }
        self.archive.begin_at(beginning).map_err(|error| unwritable(&self.path, &error))?;
        (self.first, self.next) = (beginning.first, beginning.first);
        Ok(())
    }

    /// Takes the next record, as it is.
    ///
    /// # Errors
    /// [`BuildError`], with its cure; nothing is made then.
    pub fn push(&mut self, record: &RawRecord) -> Result<(), BuildError> {
        let refused = |reason: String| BuildError::Record { seq: record.seq, reason };
        if record.seq != self.next {
            return Err(refused(format!("record {} is missing", self.next)));
        }
        if !codec::takes(&record.body) {
            return Err(refused("it is too large".to_owned()));
        }
        self.follow(record)?;
        self.young.push(record.clone());
        self.next += 1;
        if self.young.len() as u64 == STEP {
            self.archive_young().map_err(|error| unwritable(&self.path, &error))?;
        }
        if record.seq.is_multiple_of(RETIRE_EVERY) {
            self.retire().map_err(|error| unwritable(&self.path, &error))?;
        }
        Ok(())
    }

    /// Makes a record that the log is to have beyond those that it was given: one that the journal says of itself, and that has
    /// nothing to seal.
    ///
    /// # Errors
    /// [`BuildError`], with its cure; nothing is made then.
    pub fn append(&mut self, at: Timestamp, event: Event) -> Result<(), BuildError> {
        let (scene, seq) = (SceneId::of_the_journal(), self.next);
        let before = self.streams.get(&scene).map_or(0, |stream| stream.cut_off + stream.sequences.len() as u64);
        let scene_seq = u32::try_from(before + 1).unwrap_or(u32::MAX);
        let refused = |_| BuildError::Record { seq, reason: "it cannot be written".to_owned() };
        let body = codec::encode_body(&Recorded { seq, scene_seq, at, scene, event }, &NoVault).map_err(refused)?;
        self.push(&RawRecord { seq, body })
    }

    /// Lays a file beside the log, under this name.
    ///
    /// # Errors
    /// [`BuildError`], with its cure; nothing is made then.
    pub fn lay_beside(&self, name: &str, bytes: &[u8]) -> Result<(), BuildError> {
        std::fs::write(self.folder.path().join(name), bytes).map_err(|error| unwritable(&self.path, &error))
    }

    /// Puts the store in its place, when all of it is on the disk; how many records it has.
    ///
    /// # Errors
    /// [`BuildError`], with its cure; nothing is made then.
    pub fn finish(mut self) -> Result<u64, BuildError> {
        let last = self.next - 1;
        self.close_file().map_err(|error| unwritable(&self.path, &error))?;
        let written = self.write_young().and_then(|()| self.retire()).and_then(|()| self.medium.note_head(last, true));
        written.map_err(|error| unwritable(&self.path, &error))?;
        let Self { path, folder, medium, first, .. } = self;
        drop(medium);
        let unwritable = |error: io::Error| unwritable(&path, &error);
        migrate::release(folder.path()).and_then(|()| place::settle(folder.path())).map_err(unwritable)?;
        place::put(folder, &path).map_err(unwritable)?;
        Ok(last + 1 - first)
    }

    /// Where the record's stream is after it.
    fn follow(&mut self, record: &RawRecord) -> Result<(), BuildError> {
        let refused = |reason: String| BuildError::Record { seq: record.seq, reason };
        let recorded = record.decode().map_err(|error| refused(error.to_string()))?;
        if !self.streams.contains_key(&recorded.scene) {
            let retired = self.medium.retired(&recorded.scene).map_err(|error| unwritable(&self.path, &error))?;
            // Of what was retired only the places are known any more: a start will look at it.
            let sequences = retired.unwrap_or_default();
            let before = u64::from(recorded.scene_seq).saturating_sub(1 + sequences.len() as u64);
            let cut_off = if self.first > 1 { before } else { 0 };
            let stream = Stream { sequences, cut_off, state: State::Absent };
            self.streams.insert(recorded.scene.clone(), stream);
        }
        let Some(stream) = self.streams.get_mut(&recorded.scene) else { return Ok(()) };
        stream.sequences.push(record.seq);
        if stream.cut_off + stream.sequences.len() as u64 != u64::from(recorded.scene_seq) {
            return Err(refused(format!("it says that it is event {} of its session", recorded.scene_seq)));
        }
        stream.state = evolve(std::mem::take(&mut stream.state), &recorded.event);
        self.newest = self.newest.max(recorded.at.as_micros());
        Ok(())
    }

    /// Puts the young records into the open file, and closes that where it is full.
    fn archive_young(&mut self) -> io::Result<()> {
        let (mut file, begun) = match self.file.take() {
            Some(open) => open,
            None => {
                let first = self.young.first().and_then(|record| codec::time_of(&record.body));
                (self.archive.begin()?, first.map_or(self.newest, Timestamp::as_micros))
            }
        };
        for record in self.young.drain(..) {
            file.push(&record.body)?;
        }
        let is_full = file.count() >= self.limits.file_records
            || self.limits.is_over(begun.max(self.archive.closed()), self.newest);
        self.file = Some((file, begun));
        if is_full { self.close_file() } else { Ok(()) }
    }

    fn close_file(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), |(file, _)| self.archive.finish(file, self.newest))
    }

    /// What does not fill a step of the archive goes into sled.
    fn write_young(&mut self) -> Result<(), MediumError> {
        let first = self.next - self.young.len() as u64;
        let (mut open, mut chunks) = (ChunkBuilder::new(first), Vec::new());
        for record in self.young.drain(..) {
            let bytes = codec::encode_raw(record.seq, &record.body).map_err(|_| "a record is too large")?;
            if !open.fits(&bytes) {
                chunks.extend(std::mem::replace(&mut open, ChunkBuilder::new(record.seq)).finish(first - 1));
            }
            open.push(&bytes, 1);
        }
        chunks.extend(open.finish(first - 1));
        self.medium.write(&chunks).and_then(|()| self.medium.sync())
    }

    fn retire(&mut self) -> Result<(), MediumError> {
        let now = self.now;
        let own = SceneId::of_the_journal();
        let is_over = |scene: &SceneId, stream: &Stream| {
            let retires_at = stream.state.session().and_then(Session::retires_at);
            // No session goes on that has lost its beginning.
            (stream.cut_off > 0 || stream.state.session().is_none()) && *scene != own
                || retires_at.is_some_and(|retires_at| retires_at <= now)
        };
        let over: Vec<(SceneId, Vec<u64>)> = self
            .streams
            .extract_if(|scene, stream| is_over(scene, stream))
            .map(|(scene, stream)| (scene, stream.sequences))
            .collect();
        let first = self.streams.values().filter_map(|stream| stream.sequences.first().copied()).min();
        self.medium.retire(&over, first.unwrap_or(self.next))
    }
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> BuildError {
    BuildError::Unwritable { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
