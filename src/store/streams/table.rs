//! One table: an open file that is read by position.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::format::{self, HEADER, PLACE, TRAILER, unsound};
use super::{Key, Span};

/// Nothing of it is kept in memory.
#[derive(Debug)]
pub(super) struct Table {
    file: File,
    span: Span,
    bits: u8,
    /// Where the directory begins.
    directory: u64,
    length: u64,
}

impl Table {
    /// Opens it, and holds its ends against each other.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0)?;
        let (span, bits) = format::read_header(&header).ok_or_else(unsound)?;
        let behind = ((1_u64 << bits) * PLACE as u64) + TRAILER as u64;
        let directory = length.checked_sub(behind).filter(|begin| *begin >= HEADER as u64).ok_or_else(unsound)?;
        Ok(Self { file, span, bits, directory, length })
    }

    pub(super) const fn span(&self) -> Span {
        self.span
    }

    /// How many bytes its streams have.
    pub(super) const fn bytes(&self) -> u64 {
        self.directory - HEADER as u64
    }

    /// Reads all of it, and holds each byte against its checksum.
    pub(super) fn check(&self) -> io::Result<()> {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&format::header(self.span, self.bits));
        let (mut next, mut bucket) = (self.directory, Vec::new());
        let mut part = [0; 1024 * PLACE];
        let (mut begin, directory_end) = (HEADER as u64, self.length - TRAILER as u64);
        while next < directory_end {
            let size = part.len().min(usize::try_from(directory_end - next).unwrap_or(usize::MAX));
            let places = &mut part[..size];
            self.file.read_exact_at(places, next)?;
            checksum.update(places);
            for place in places.chunks(PLACE) {
                begin = self.read_bucket(begin, place, &mut bucket)?;
            }
            next += size as u64;
        }
        let mut trailer = [0; TRAILER];
        self.file.read_exact_at(&mut trailer, directory_end)?;
        let is_whole = begin == self.directory && trailer == format::trailer(checksum.finalize());
        if is_whole { Ok(()) } else { Err(unsound()) }
    }

    /// Puts the places of the key behind the others.
    pub(super) fn places(&self, key: Key, places: &mut Vec<u64>) -> io::Result<()> {
        let (mut bucket, known) = (Vec::new(), places.len());
        self.bucket(format::bucket_of(key, self.bits), &mut bucket)?;
        let mut rest = bucket.as_slice();
        while let Some(found) = format::read_stream(&mut rest, self.span.first, places)? {
            if found == key {
                return Ok(());
            }
            places.truncate(known);
            if found > key {
                break;
            }
        }
        Ok(())
    }

    /// All its streams, by their keys.
    pub(super) const fn streams(&self) -> Streams<'_> {
        Streams { table: self, next: 0, bucket: Vec::new(), read: 0 }
    }

    fn bucket(&self, number: u64, bucket: &mut Vec<u8>) -> io::Result<()> {
        let mut places = [0; 2 * PLACE];
        let place = self.directory + number * PLACE as u64;
        let begin = if number == 0 {
            self.file.read_exact_at(&mut places[PLACE..], place)?;
            HEADER as u64
        } else {
            self.file.read_exact_at(&mut places, place - PLACE as u64)?;
            format::read_place(&places).ok_or_else(unsound)?.0
        };
        self.read_bucket(begin, &places[PLACE..], bucket).map(drop)
    }

    /// Reads the bucket that begins there and is at this place of the directory; where it ends.
    fn read_bucket(&self, begin: u64, place: &[u8], bucket: &mut Vec<u8>) -> io::Result<u64> {
        let (end, checksum) = format::read_place(place).ok_or_else(unsound)?;
        let length = end.checked_sub(begin).filter(|_| end <= self.directory).ok_or_else(unsound)?;
        bucket.resize(usize::try_from(length).map_err(|_| unsound())?, 0);
        self.file.read_exact_at(bucket, begin)?;
        if crc32fast::hash(bucket) == checksum { Ok(end) } else { Err(unsound()) }
    }
}

/// Goes through a table, a bucket at a time.
pub(super) struct Streams<'a> {
    table: &'a Table,
    /// The next bucket.
    next: u64,
    bucket: Vec<u8>,
    /// How much of the bucket was read.
    read: usize,
}

impl Streams<'_> {
    /// The next key; its places take the place of those in `places`.
    pub(super) fn next(&mut self, places: &mut Vec<u64>) -> io::Result<Option<Key>> {
        places.clear();
        loop {
            let mut rest = &self.bucket[self.read..];
            if let Some(key) = format::read_stream(&mut rest, self.table.span.first, places)? {
                self.read = self.bucket.len() - rest.len();
                return Ok(Some(key));
            }
            if self.next >> self.table.bits > 0 {
                return Ok(None);
            }
            self.table.bucket(self.next, &mut self.bucket)?;
            (self.next, self.read) = (self.next + 1, 0);
        }
    }
}
