//! What is whole in a store that may be damaged, read without sled and without a change to anything.
//!
//! The same look at the file as before an opening, but with the records themselves. A record that lies in a whole message
//! is the log's own. Of one that lies outside it is not certain: a visitor chooses some of a record's texts, and could
//! have written a chunk of his own into one, so those are told apart. Old records are looked for in the archive first; sled's
//! file may still have them, too.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::archive::Pieces;
use super::note_file::Note;
use super::sled_file::{self, Found, Sink};
use super::sled_lock::lock;
use super::{Beginning, OpenError, RawRecord, StoreError, beginning, codec, examine, migrate};

/// What was never acknowledged reaches no further behind the log's last known record.
const MOST_BEHIND: u64 = 64 * 1024;

/// The whole records of a store, in order.
pub struct Salvage {
    archive: Pieces,
    file: Option<File>,
    /// By their first sequence; those that are still to come.
    waiting: std::vec::IntoIter<Found>,
    /// Those that can hold the next record.
    around: Vec<Found>,
    chunk: Option<Chunk>,
    beginning: Beginning,
    next: u64,
    head: u64,
    layout: u32,
    fault: Option<StoreError>,
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// The record.
    pub record: RawRecord,
    /// Whether it was found only where it is not certain that it is the log's own.
    pub is_doubtful: bool,
}

/// The chunk that was read last.
struct Chunk {
    offset: u64,
    records: Vec<RawRecord>,
}

struct Places(Vec<Found>);

impl Sink for Places {
    fn chunk(&mut self, chunk: Found) {
        self.0.push(chunk);
    }
}

impl Salvage {
    /// Looks at the store under `path`, which nobody else may have open, and changes nothing.
    ///
    /// # Errors
    /// [`OpenError`], with its cure; damage is none.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let layout = migrate::inspect(path)?.ok_or_else(|| OpenError::Missing(path.to_owned()))?;
        let file = lock(path)?;
        let fault = examine::examine(path).err();
        let mut places = Places(Vec::new());
        if let Some(file) = &file {
            sled_file::each_chunk(file, &mut places).map_err(unreadable)?;
        }
        let archive = Pieces::of(path).map_err(unreadable)?;
        // Where that is damaged, the fault says so.
        let beginning = beginning::read(path).unwrap_or_default();
        let next = beginning.first;
        let whole = places.0.iter().filter(|found| found.is_whole);
        let known = whole.map(|found| found.head.synced.max(last_of(found))).max().unwrap_or_default();
        let head = known.max(archive.last()).max(Note::Head.read(path).unwrap_or_default());
        let mut found = places.0;
        found.retain(|found| found.is_whole || last_of(found) <= head.saturating_add(MOST_BEHIND));
        found.sort_unstable_by_key(|found| found.head.first_seq);
        let waiting = found.into_iter();
        Ok(Self { archive, file, waiting, around: Vec::new(), chunk: None, beginning, next, head, layout, fault })
    }

    /// Where the log begins.
    pub fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    /// The last sequence that the log is known to have reached.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The layout of the store.
    pub fn layout(&self) -> u32 {
        self.layout
    }

    /// What an opening would be refused for.
    pub fn fault(&self) -> Option<&StoreError> {
        self.fault.as_ref()
    }

    /// The next record that is whole; what lies between it and the one before is not.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be read.
    pub fn next_record(&mut self) -> Result<Option<Salvaged>, StoreError> {
        loop {
            self.around.retain(|found| last_of(found) >= self.next);
            while self.waiting.as_slice().first().is_some_and(|found| found.head.first_seq <= self.next) {
                self.around.extend(self.waiting.next().filter(|found| last_of(found) >= self.next));
            }
            if let Some(found) = self.take()? {
                self.next += 1;
                return Ok(Some(found));
            }
            let in_sled = self.waiting.as_slice().first().map(|found| found.head.first_seq);
            match (in_sled, self.archive.next(self.next + 1)) {
                _ if !self.around.is_empty() => self.next += 1,
                (None, None) => return Ok(None),
                (one, other) => self.next = one.unwrap_or(u64::MAX).min(other.unwrap_or(u64::MAX)),
            }
        }
    }

    /// The next record: what is whole before what is doubtful, of the archive before of sled.
    fn take(&mut self) -> Result<Option<Salvaged>, StoreError> {
        let piece = self.archive.get(self.next).map_err(unreadable)?;
        let archived = piece.map(|piece| Salvaged {
            record: RawRecord { seq: self.next, body: piece.body },
            is_doubtful: piece.is_doubtful,
        });
        let archived = archived.filter(|found| found.record.decode().is_ok());
        if archived.as_ref().is_some_and(|found| !found.is_doubtful) {
            return Ok(archived);
        }
        let in_sled = self.take_of_sled()?;
        Ok(if in_sled.as_ref().is_some_and(|found| !found.is_doubtful) { in_sled } else { archived.or(in_sled) })
    }

    /// The same from the best chunk that has it: whole before doubtful, newer before older.
    fn take_of_sled(&mut self) -> Result<Option<Salvaged>, StoreError> {
        self.around.sort_by_key(|found| std::cmp::Reverse((found.is_whole, found.lsn, found.offset)));
        for found in self.around.clone() {
            let next = self.next;
            let record = self.read(&found)?.iter().find(|record| record.seq == next).cloned();
            if let Some(record) = record.filter(|record| record.decode().is_ok()) {
                return Ok(Some(Salvaged { record, is_doubtful: !found.is_whole }));
            }
        }
        Ok(None)
    }

    fn read(&mut self, found: &Found) -> Result<&[RawRecord], StoreError> {
        if self.chunk.as_ref().is_none_or(|chunk| chunk.offset != found.offset) {
            let mut value = vec![0; found.length];
            let file = self.file.as_ref().ok_or(StoreError::Closed)?;
            file.read_exact_at(&mut value, found.offset).map_err(unreadable)?;
            let bodies = codec::Bodies::of(found.head.first_seq, &value).ok().into_iter().flatten();
            let whole = bodies.map_while(Result::ok).map(|(seq, body)| RawRecord { seq, body: body.to_vec() });
            self.chunk = Some(Chunk { offset: found.offset, records: whole.collect() });
        }
        Ok(self.chunk.as_ref().map_or(&[], |chunk| &chunk.records))
    }
}

fn last_of(found: &Found) -> u64 {
    found.head.first_seq.saturating_add(u64::from(found.head.count)).saturating_sub(1)
}

fn unreadable(error: io::Error) -> StoreError {
    StoreError::Unreadable(error.to_string().into())
}

#[cfg(test)]
mod tests;
