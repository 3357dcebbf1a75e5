//! What is whole of an archive that may be damaged.

use std::io;
use std::path::Path;

use super::FOLDER;
use super::look::{self, Named};
use super::read::{Cursor, Opened, ReadError};

/// The files of an archive, whole or not.
pub(in crate::store) struct Pieces {
    files: Vec<Named>,
    cursor: Cursor,
    /// The file that the cursor is in, and whether it was read without its index.
    open: Option<(usize, bool)>,
}

/// A record's body.
pub(in crate::store) struct Piece {
    pub(in crate::store) body: Vec<u8>,
    /// Whether its block was found without the index, which has the checksums.
    pub(in crate::store) is_doubtful: bool,
}

impl Pieces {
    /// Of the store under `path`.
    pub(in crate::store) fn of(path: &Path) -> io::Result<Self> {
        let (files, _) = look::list(&path.join(FOLDER))?;
        Ok(Self { files, cursor: Cursor::default(), open: None })
    }

    /// How far the archive is known to have reached.
    pub(in crate::store) fn last(&self) -> u64 {
        self.files.iter().map(|file| file.last).max().unwrap_or_default()
    }

    /// The first sequence from `seq` on that a file should have.
    pub(in crate::store) fn next(&self, seq: u64) -> Option<u64> {
        self.files.iter().filter(|file| file.last >= seq).map(|file| file.first.max(seq)).min()
    }

    /// The record, where its block is whole.
    pub(in crate::store) fn get(&mut self, seq: u64) -> io::Result<Option<Piece>> {
        if !self.cursor.holds(seq) && !self.load(seq)? {
            return Ok(None);
        }
        let is_doubtful = self.open.is_some_and(|(_, is_doubtful)| is_doubtful);
        let body = self.cursor.bodies().find(|(found, _)| *found == seq).map(|(_, body)| body.to_vec());
        Ok(body.map(|body| Piece { body, is_doubtful }))
    }

    fn load(&mut self, seq: u64) -> io::Result<bool> {
        let Some(place) = self.files.iter().position(|file| (file.first..=file.last).contains(&seq)) else {
            return Ok(false);
        };
        if self.open.is_none_or(|(open, _)| open != place) {
            let file = &self.files[place];
            let (opened, is_doubtful) = match Opened::open(&file.path) {
                Err(ReadError::Damaged(_)) => (Opened::without_index(&file.path, file.first), true),
                opened => (opened, false),
            };
            self.open = Some((place, is_doubtful));
            match opened {
                Ok(opened) => self.cursor.enter(opened),
                Err(ReadError::Io(error)) => return Err(error),
                Err(ReadError::Damaged(_)) => self.cursor = Cursor::default(),
            }
        }
        match self.cursor.load(seq) {
            Ok(()) => Ok(true),
            Err(ReadError::Damaged(_)) => Ok(false),
            Err(ReadError::Io(error)) => Err(error),
        }
    }
}
