//! The archive: old records in immutable files, read by position, so that sled's own file stays small for ever.
//!
//! ```text
//! archive/{first:020}-{last:020}.sla     header  block…  index  trailer         all numbers little-endian
//! header    "SLA1"  first_seq u64  count u32  closed i64 (µs: the newest time known as it was closed)
//! block     a zstd frame of  record…     about 64 KiB before it is compressed
//! record    length u16 (of the body)  body (as in a chunk: tag, schema, at, scene_seq, scene, payload)
//! index     entry…                       one a block
//! entry     offset u64  length u32  plain u32 (length before compression)  first_seq u64  count u32
//!           least i64  greatest i64 (µs: of its records' times)  crc32 u32 (of the frame)
//! trailer   blocks u32  crc32 u32 (of header ‖ index ‖ blocks)  "SLAE"
//! ```
//!
//! Blocks lie behind each other without a gap, so every byte of a file is under one of the checksums, the marks, or the
//! trailer's own. A file has a multiple of 256 records: subtrees of a Merkle tree over the log do not cross it.
//!
//! A file is written under a temporary name, synced, read once more as a start reads it, and renamed; only when the
//! folder is synced, too, do its chunks leave sled. A crash in between leaves both, and the archive wins.
//!
//! Retention takes whole files from the front: once `FIRST` says that the log begins behind them they are *leaving*; nobody
//! reads them as records any more, and they go when what depended on them is gone. A crash in between leaves them to that.

mod format;
mod front;
mod look;
mod pieces;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::StoreError;
use super::beginning::Beginning;
use read::Cursor;

pub(super) use look::{Found, look};
pub(super) use pieces::Pieces;
pub(super) use write::FileWriter;

/// The folder, inside the store's.
pub(super) const FOLDER: &str = "archive";
/// Files have a multiple of so many records.
pub(super) const STEP: u64 = 256;
/// Readers whose last block is kept for what they ask next.
const CURSORS: usize = 4;

/// When records move into the archive.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveLimits {
    /// Records of a full file; a multiple of 256.
    pub file_records: u64,
    /// So many of the newest records are not archived, unless they are older than thirty times `most_age`.
    pub young_records: u64,
    /// A file is also closed when so much time lies between its oldest record and the log's newest, and since the last
    /// one was closed: a quiet site can remove by days what it may keep for days only.
    pub most_age: Duration,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { file_records: 65_536, young_records: 4096, most_age: Duration::from_secs(24 * 60 * 60) }
    }
}

impl ArchiveLimits {
    /// Whether a file that begins at `since`, or behind one that was closed then, is to be closed at `newest`.
    pub(super) fn is_over(&self, since: i64, newest: i64) -> bool {
        newest.saturating_sub(since) > i64::try_from(self.most_age.as_micros()).unwrap_or(i64::MAX)
    }

    /// Whether a record of this time is archived at `newest` however few there are: no session lasts for so long.
    pub(super) fn is_no_longer_young(&self, at: i64, newest: i64) -> bool {
        newest.saturating_sub(at) > i64::try_from(30 * self.most_age.as_micros()).unwrap_or(i64::MAX)
    }
}

/// What is known of a file while it is not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) first: u64,
    pub(super) last: u64,
    /// The least and the greatest time of its records, in microseconds.
    pub(super) least: i64,
    pub(super) greatest: i64,
    /// The newest time that was known as it was closed.
    pub(super) closed: i64,
}

impl Summary {
    fn name(&self) -> String {
        name(self.first, self.last)
    }
}

fn name(first: u64, last: u64) -> String {
    format!("{first:020}-{last:020}.sla")
}

/// Takes a record's sequence and its body.
pub(super) type VisitBody<'a> = dyn FnMut(u64, &[u8]) -> Result<ControlFlow<()>, StoreError> + 'a;

/// The files of one store, in order.
pub(super) struct Archive {
    /// `None` where nothing is archived: memory has no other place.
    folder: Option<PathBuf>,
    limits: ArchiveLimits,
    beginning: RwLock<Beginning>,
    files: RwLock<Vec<Summary>>,
    /// First and last sequence of each file that is leaving.
    leaving: Mutex<Vec<(u64, u64)>>,
    cursors: Mutex<Vec<Cursor>>,
}

impl Archive {
    /// For media that keep all their chunks.
    pub(super) fn none() -> Self {
        Self {
            folder: None,
            limits: ArchiveLimits::default(),
            beginning: RwLock::default(),
            files: RwLock::default(),
            leaving: Mutex::default(),
            cursors: Mutex::default(),
        }
    }

    /// Of what [`look()`] found in the store under `path`. Removes what a crash left half written.
    pub(super) fn open(path: &Path, found: Found, limits: ArchiveLimits) -> std::io::Result<Self> {
        for temporary in &found.temporaries {
            std::fs::remove_file(temporary)?;
        }
        Ok(Self {
            folder: Some(path.join(FOLDER)),
            limits,
            beginning: RwLock::new(found.beginning),
            files: RwLock::new(found.files),
            leaving: Mutex::new(found.leaving),
            cursors: Mutex::default(),
        })
    }

    /// Whether anything is archived, and when.
    pub(super) fn limits(&self) -> Option<ArchiveLimits> {
        self.folder.as_ref().map(|_| self.limits)
    }

    /// The last sequence that was archived; 0 where there is none.
    pub(super) fn last(&self) -> u64 {
        let last = self.files().last().map(|file| file.last);
        last.unwrap_or_else(|| self.beginning().removed())
    }

    /// The newest time that was known when the last file was closed.
    pub(super) fn closed(&self) -> i64 {
        self.files().last().map_or(i64::MIN, |file| file.closed)
    }

    fn files(&self) -> std::sync::RwLockReadGuard<'_, Vec<Summary>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the next file.
    pub(super) fn begin(&self) -> std::io::Result<FileWriter> {
        let folder = self.folder.as_ref().ok_or_else(|| std::io::Error::other("there is no archive"))?;
        FileWriter::create(folder, self.last() + 1)
    }

    /// Finishes a file: from here on its records are read from it. `closed` is the newest time that is known.
    pub(super) fn finish(&self, file: FileWriter, closed: i64) -> std::io::Result<()> {
        if !file.count().is_multiple_of(STEP) {
            return Err(std::io::Error::other("a file of the archive ends in the middle of a step"));
        }
        let summary = file.finish(closed)?;
        self.files.write().unwrap_or_else(PoisonError::into_inner).push(summary);
        Ok(())
    }

    /// Shows the bodies of the records from `next` on, at most to `last` and to the archive's end, and moves `next` on:
    /// beyond all, where nothing more is wanted.
    pub(super) fn visit(&self, next: &mut u64, last: u64, visit: &mut VisitBody<'_>) -> Result<(), StoreError> {
        let mut cursor = self.cursor_for(*next);
        while *next <= last.min(self.last()) {
            self.seek(&mut cursor, *next)?;
            for (seq, body) in cursor.bodies() {
                if seq < *next {
                    continue;
                }
                if *next > last || visit(seq, body)?.is_break() {
                    *next = u64::MAX;
                    break;
                }
                *next += 1;
            }
        }
        self.keep(cursor);
        Ok(())
    }

    /// Shows all records of the block that holds `seq`.
    pub(super) fn visit_block(&self, seq: u64, visit: &mut VisitBody<'_>) -> Result<(), StoreError> {
        let mut cursor = self.cursor_for(seq);
        self.seek(&mut cursor, seq)?;
        for (seq, body) in cursor.bodies() {
            if visit(seq, body)?.is_break() {
                break;
            }
        }
        self.keep(cursor);
        Ok(())
    }

    /// The first sequence of the first block with a time of `since` or later.
    pub(super) fn first_since(&self, since: i64) -> Result<Option<u64>, StoreError> {
        let file = self.files().iter().find(|file| file.greatest >= since).copied();
        let Some(file) = file else { return Ok(None) };
        let opened = self.opened(&file)?;
        Ok(opened.entries.iter().find(|block| block.greatest >= since).map(|block| block.first_seq))
    }

    /// The last sequence of the last block with a time of `until` or earlier.
    pub(super) fn last_until(&self, until: i64) -> Result<Option<u64>, StoreError> {
        let file = self.files().iter().rfind(|file| file.least <= until).copied();
        let Some(file) = file else { return Ok(None) };
        let opened = self.opened(&file)?;
        Ok(opened.entries.iter().rfind(|block| block.least <= until).map(format::Entry::last_seq))
    }

    fn seek(&self, cursor: &mut Cursor, seq: u64) -> Result<(), StoreError> {
        if cursor.holds(seq) {
            return Ok(());
        }
        if !cursor.is_in_file_of(seq) {
            let files = self.files();
            let file = files.partition_point(|file| file.last < seq);
            let file = files.get(file).filter(|file| file.first <= seq).copied();
            drop(files);
            cursor.enter(self.opened(&file.ok_or_else(|| damaged(seq, "it is missing"))?)?);
        }
        cursor.load(seq).map_err(|error| told(seq, error))
    }

    fn opened(&self, file: &Summary) -> Result<read::Opened, StoreError> {
        self.opened_as(&file.name()).map_err(|error| told(file.first, error))
    }

    fn opened_as(&self, name: &str) -> Result<read::Opened, read::ReadError> {
        read::Opened::open(&self.folder.as_deref().unwrap_or(Path::new(FOLDER)).join(name))
    }

    /// One that has been there, or just before; or a new one.
    fn cursor_for(&self, seq: u64) -> Cursor {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        let near = cursors.iter().position(|cursor| cursor.holds(seq) || cursor.is_in_file_of(seq));
        near.map_or_else(Cursor::default, |place| cursors.remove(place))
    }

    fn keep(&self, cursor: Cursor) {
        // A file that is leaving is not held open.
        if cursor.is_before(self.first()) {
            return;
        }
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        if cursors.len() == CURSORS {
            cursors.remove(0);
        }
        cursors.push(cursor);
    }
}

fn told(seq: u64, error: read::ReadError) -> StoreError {
    match error {
        read::ReadError::Io(error) => StoreError::Unreadable(error.to_string().into()),
        read::ReadError::Damaged(what) => damaged(seq, what),
    }
}

fn damaged(seq: u64, what: &str) -> StoreError {
    StoreError::Damaged(format!("record {seq}, in the archive: {what}").into())
}
