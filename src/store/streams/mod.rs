//! The index of streams: in which places of the log the records of a scene are.
//!
//! ```text
//! record ─► young, in memory: behind the archive's end ─(the archive has them)─► table: a file that never changes ─► merged with its neighbour
//! ```
//!
//! Everything in it can be made again from the log, and is, where it is missing: a start lets the index [catch
//! up](StreamIndex::catch_up) with the archive, and notes what lies behind that anew. A table that is there and does not read
//! as it was written is damage.
//!
//! Scenes are known by keys of eight bytes. Where two have one key, the places of both are found: whoever asks looks
//! at the scene in the record.

mod format;
mod look;
mod table;
#[cfg(test)]
mod tests;
mod write;
mod young;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use sha2::{Digest, Sha256};

use super::StoreError;
use super::archive::Archive;
use super::codec;
use crate::domain::SceneId;
use table::Table;
use young::Young;

pub(super) use look::{Found, look};

/// The folder, inside the store's.
pub(super) const FOLDER: &str = "streams";

/// What scenes are known by: the first eight bytes of the SHA-256 of their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key(u64);

impl Key {
    fn of(scene: &[u8]) -> Self {
        let digest = Sha256::digest(scene);
        Self(digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte)))
    }
}

/// The records that a table tells of: from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: u64,
    last: u64,
}

impl Span {
    const fn records(self) -> u64 {
        self.last - self.first + 1
    }

    fn name(self) -> String {
        format!("{:020}-{:020}.sli", self.first, self.last)
    }
}

/// The index of one store.
pub(super) struct StreamIndex {
    /// `None` where nothing is archived.
    folder: Option<PathBuf>,
    /// In order, without a gap, each at least twice as large as the next.
    tables: RwLock<Vec<Arc<Table>>>,
    young: RwLock<Young>,
    /// Whoever changes the tables.
    changing: Mutex<()>,
}

impl StreamIndex {
    /// For logs of which nothing is archived.
    pub(super) fn none() -> Self {
        Self { folder: None, tables: RwLock::default(), young: RwLock::new(Young::new(1)), changing: Mutex::default() }
    }

    /// Of what [`look()`] found in the store under `path`. Removes what is of no use any more.
    pub(super) fn open(path: &Path, found: Found) -> io::Result<Self> {
        for useless in &found.useless {
            std::fs::remove_file(useless)?;
        }
        let index = Self { folder: Some(path.join(FOLDER)), tables: RwLock::new(found.tables), ..Self::none() };
        Ok(index)
    }

    /// Notes the next record of the log.
    pub(super) fn note(&self, seq: u64, scene: &[u8]) {
        self.note_all(std::iter::once((seq, scene)));
    }

    /// Notes the next records of the log.
    pub(super) fn note_all<'a>(&self, records: impl IntoIterator<Item = (u64, &'a [u8])>) {
        let mut young = self.young.write().unwrap_or_else(PoisonError::into_inner);
        for (seq, scene) in records {
            young.push(seq, Key::of(scene));
        }
    }

    /// Where records of the scene are, and perhaps of others; in order.
    ///
    /// # Errors
    /// [`StoreError`] where a table cannot be read, or is damaged.
    pub(super) fn places(&self, scene: &SceneId) -> Result<Vec<u64>, StoreError> {
        let key = Key::of(scene.as_str().as_bytes());
        // First: what leaves it is in a table then.
        let young = self.young.read().unwrap_or_else(PoisonError::into_inner).places(key);
        let mut places = Vec::new();
        for table in self.tables().iter() {
            table.places(key, &mut places).map_err(|error| told(&error, table.span()))?;
        }
        let behind = young.into_iter().skip_while(|place| places.last().is_some_and(|last| place <= last));
        let behind: Vec<u64> = behind.collect();
        places.extend(behind);
        Ok(places)
    }

    /// Makes the tables of those records of the archive that none tells of, and forgets the young places that a table has.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is forgotten then that no table has.
    pub(super) fn catch_up(&self, archive: &Archive) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        for (first, last, _) in archive.spans() {
            let behind = self.tables().last().map_or(0, |table| table.span().last);
            if last > behind {
                let table = of_archive(folder, archive, Span { first: first.max(behind + 1), last })?;
                self.tables_mut().push(Arc::new(table));
                self.merge(folder, archive.first()).map_err(|error| unreadable(&error))?;
            }
        }
        self.young.write().unwrap_or_else(PoisonError::into_inner).forget(archive.last());
        Ok(())
    }

    /// Makes one table of the last two, while the one before is not at least twice as large: so there are as many as the number
    /// of records has digits, and each place is written as often.
    fn merge(&self, folder: &Path, first: u64) -> io::Result<()> {
        loop {
            let tables = self.tables().clone();
            let [before @ .., one, other] = tables.as_slice() else { return Ok(()) };
            if one.span().records() >= 2 * other.span().records() {
                return Ok(());
            }
            let merged = write::merged(folder, one, other, first)?;
            self.tables_mut().splice(before.len().., [Arc::new(merged)]);
            for table in [one, other] {
                std::fs::remove_file(folder.join(table.span().name()))?;
            }
        }
    }

    /// Forgets the tables that tell of nothing but records before `first`, where the log begins.
    pub(super) fn begin_at(&self, first: u64) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<_> = self.tables_mut().extract_if(.., |table| table.span().last < first).collect();
        gone.iter().try_for_each(|table| std::fs::remove_file(folder.join(table.span().name())))
    }

    fn tables(&self) -> RwLockReadGuard<'_, Vec<Arc<Table>>> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tables_mut(&self) -> std::sync::RwLockWriteGuard<'_, Vec<Arc<Table>>> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The table of these records of the archive.
fn of_archive(folder: &Path, archive: &Archive, span: Span) -> Result<Table, StoreError> {
    let (mut next, mut places) = (span.first, Vec::new());
    archive.visit(&mut next, span.last, &mut |seq, body| {
        let scene =
            codec::scene_of(body).ok_or_else(|| StoreError::Damaged(format!("record {seq}: it is cut off").into()))?;
        places.push((Key::of(scene), seq));
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    places.sort_unstable();
    write::table(folder, span, &places).map_err(|error| unreadable(&error))
}

/// What is told of a table that cannot be read.
fn told(error: &io::Error, span: Span) -> StoreError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            StoreError::Index(format!("{FOLDER}/{}", span.name()).into())
        }
        _ => unreadable(error),
    }
}

fn unreadable(error: &io::Error) -> StoreError {
    StoreError::Unreadable(error.to_string().into())
}
