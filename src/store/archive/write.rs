//! One file on its way to the disk.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use super::format::{self, BLOCK_BYTES, Entry, HEADER, Header};
use super::{Summary, look};
use crate::store::codec;

/// Measured on logins: level 1 makes 4 % more of them, level 9 takes three times as long for 2 % less.
const LEVEL: i32 = 3;

/// A file that is being written under a temporary name. Dropped before its end, it is gone.
pub(in crate::store) struct FileWriter {
    file: File,
    /// `None` once it has its own name.
    temporary: Option<PathBuf>,
    first: u64,
    entries: Vec<Entry>,
    compressor: zstd::bulk::Compressor<'static>,
    plain: Vec<u8>,
    open: Entry,
}

impl FileWriter {
    pub(super) fn create(folder: &Path, first: u64) -> io::Result<Self> {
        let temporary = folder.join(format!("{first:020}{}", look::TEMPORARY));
        let mut writer = Self {
            file: File::create(&temporary)?,
            temporary: Some(temporary),
            first,
            entries: Vec::new(),
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
            plain: Vec::with_capacity(BLOCK_BYTES),
            open: begun(HEADER as u64, first),
        };
        // The header's place: what it says is known in the end.
        writer.file.write_all(&[0; HEADER])?;
        Ok(writer)
    }

    /// How many records it has.
    pub(in crate::store) fn count(&self) -> u64 {
        self.open.first_seq + u64::from(self.open.count) - self.first
    }

    /// Adds the next record.
    pub(in crate::store) fn push(&mut self, body: &[u8]) -> io::Result<()> {
        let length = u16::try_from(body.len()).map_err(io::Error::other)?;
        let at = codec::time_of(body).ok_or_else(|| io::Error::other("a record is cut off"))?.as_micros();
        self.plain.extend_from_slice(&length.to_le_bytes());
        self.plain.extend_from_slice(body);
        self.open.count += 1;
        self.open.least = self.open.least.min(at);
        self.open.greatest = self.open.greatest.max(at);
        if self.plain.len() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
    }

    fn close_block(&mut self) -> io::Result<()> {
        let frame = self.compressor.compress(&self.plain)?;
        self.file.write_all(&frame)?;
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        let plain = u32::try_from(self.plain.len()).map_err(io::Error::other)?;
        let entry = Entry { length, plain, checksum: crc32fast::hash(&frame), ..self.open };
        self.open = begun(entry.offset + u64::from(length), entry.last_seq() + 1);
        self.entries.push(entry);
        self.plain.clear();
        Ok(())
    }

    /// Makes it durable under its name; `closed` is the newest time that is known. Where anything fails there is no such
    /// file: what a failed sync has left is not to be trusted.
    pub(super) fn finish(mut self, closed: i64) -> io::Result<Summary> {
        if !self.plain.is_empty() {
            self.close_block()?;
        }
        let count = u32::try_from(self.count()).map_err(io::Error::other)?;
        let header = Header { first_seq: self.first, count, closed };
        let summary = format::summary(header, &self.entries).ok_or_else(|| io::Error::other("it is empty"))?;
        self.file.write_all(&format::end(header, &self.entries))?;
        self.file.rewind()?;
        self.file.write_all(&header.to_bytes())?;
        self.file.sync_data()?;
        let temporary = self.temporary.clone().unwrap_or_default();
        // Its records are about to have no other place.
        if look::examined(&temporary)? != summary {
            return Err(io::Error::other("it does not read as it was written"));
        }
        let folder = temporary.parent().unwrap_or(Path::new("."));
        let path = folder.join(summary.name());
        std::fs::rename(&temporary, &path)?;
        self.temporary = Some(path);
        File::open(folder)?.sync_all()?;
        self.temporary = None;
        Ok(summary)
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if let Some(path) = self.temporary.take() {
            let _ = std::fs::remove_file(path);
        }
    }
}

const fn begun(offset: u64, first_seq: u64) -> Entry {
    Entry { offset, first_seq, length: 0, plain: 0, count: 0, least: i64::MAX, greatest: i64::MIN, checksum: 0 }
}
