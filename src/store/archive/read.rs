//! Reading a file by position: its index when it is opened, and one block at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::format::{self, ENTRY, Entry, HEADER, Header, MOST_BLOCK, TRAILER};

pub(super) enum ReadError {
    Io(io::Error),
    Damaged(&'static str),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Damaged("its file is cut off"),
            io::ErrorKind::NotFound => Self::Damaged("its file is missing"),
            _ => Self::Io(error),
        }
    }
}

/// An open file, and its index.
pub(super) struct Opened {
    file: File,
    pub(super) header: Header,
    pub(super) entries: Vec<Entry>,
}

impl Opened {
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        const UNSOUND: ReadError = ReadError::Damaged("the index of its file does not read as it was written");
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let (mut header, mut trailer) = ([0; HEADER], [0; TRAILER]);
        file.read_exact_at(&mut header, 0)?;
        file.read_exact_at(&mut trailer, length.checked_sub(TRAILER as u64).ok_or(UNSOUND)?)?;
        let header = Header::read(&header).ok_or(UNSOUND)?;
        let blocks = format::blocks(&trailer).ok_or(UNSOUND)?;
        let mut end = vec![0; blocks as usize * ENTRY + TRAILER];
        let index = length.checked_sub(end.len() as u64).ok_or(UNSOUND)?;
        file.read_exact_at(&mut end, index)?;
        let entries = format::entries(header, &end).ok_or(UNSOUND)?;
        let blocks_end = entries.last().map_or(HEADER as u64, |entry| entry.offset + u64::from(entry.length));
        if blocks_end == index { Ok(Self { file, header, entries }) } else { Err(UNSOUND) }
    }

    /// A file whose index does not read as it was written: by its blocks alone, as far as each can be decompressed. The
    /// first record is known by the file's name.
    pub(super) fn without_index(path: &Path, first_seq: u64) -> Result<Self, ReadError> {
        let mut file = File::open(path)?;
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes)?;
        let mut decompressor = zstd::bulk::Decompressor::new()?;
        let (mut offset, mut next, mut entries) = (HEADER, first_seq, Vec::new());
        while let Some(frame) = first_frame(bytes.get(offset..).unwrap_or_default())
            && let Ok(plain) = decompressor.decompress(frame, MOST_BLOCK as usize)
            && let Ok(count @ 1..) = u32::try_from(Bodies(&plain).count())
            && let (Ok(length), Ok(size)) = (u32::try_from(frame.len()), u32::try_from(plain.len()))
        {
            let checksum = crc32fast::hash(frame);
            let place = Entry { offset: offset as u64, first_seq: next, count, ..Entry::default() };
            entries.push(Entry { length, plain: size, checksum, ..place });
            offset += frame.len();
            next += u64::from(count);
        }
        let count = u32::try_from(next - first_seq).unwrap_or(u32::MAX);
        Ok(Self { file, header: Header { first_seq, count, closed: 0 }, entries })
    }

    /// Reads a block as it lies there, and holds it against its checksum.
    pub(super) fn frame(&self, entry: &Entry, frame: &mut Vec<u8>) -> Result<(), ReadError> {
        frame.resize(entry.length as usize, 0);
        self.file.read_exact_at(frame, entry.offset)?;
        if crc32fast::hash(frame) == entry.checksum { Ok(()) } else { Err(ReadError::Damaged("its block is damaged")) }
    }
}

/// The frame that the bytes begin with.
fn first_frame(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..zstd::zstd_safe::find_frame_compressed_size(bytes).ok()?)
}

/// A place in the archive: one block, decompressed, of an open file.
#[derive(Default)]
pub(super) struct Cursor {
    opened: Option<Opened>,
    block: Option<Entry>,
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    frame: Vec<u8>,
    plain: Vec<u8>,
}

impl Cursor {
    /// Whether its block has the record.
    pub(super) fn holds(&self, seq: u64) -> bool {
        self.block.is_some_and(|block| (block.first_seq..=block.last_seq()).contains(&seq))
    }

    pub(super) fn is_in_file_of(&self, seq: u64) -> bool {
        self.opened.as_ref().is_some_and(|opened| {
            let header = opened.header;
            header.first_seq <= seq && header.last_seq().is_some_and(|last| seq <= last)
        })
    }

    /// Whether its file has nothing from `first` on.
    pub(super) fn is_before(&self, first: u64) -> bool {
        self.opened.as_ref().and_then(|opened| opened.header.last_seq()).is_some_and(|last| last < first)
    }

    /// Goes over to another file.
    pub(super) fn enter(&mut self, opened: Opened) {
        self.block = None;
        self.opened = Some(opened);
    }

    /// Reads the block of its file that has the record.
    pub(super) fn load(&mut self, seq: u64) -> Result<(), ReadError> {
        const MISSING: ReadError = ReadError::Damaged("it is missing");
        const UNSOUND: ReadError = ReadError::Damaged("its block cannot be decompressed");
        self.block = None;
        let opened = self.opened.as_ref().ok_or(MISSING)?;
        let place = opened.entries.partition_point(|entry| entry.last_seq() < seq);
        let entry = *opened.entries.get(place).filter(|entry| entry.first_seq <= seq).ok_or(MISSING)?;
        opened.frame(&entry, &mut self.frame)?;
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(zstd::bulk::Decompressor::new()?),
        };
        self.plain.clear();
        self.plain.reserve(entry.plain as usize);
        let length = decompressor.decompress_to_buffer(&self.frame, &mut self.plain).map_err(|_| UNSOUND)?;
        if length != entry.plain as usize || Bodies(&self.plain).count() != entry.count as usize {
            return Err(UNSOUND);
        }
        self.block = Some(entry);
        Ok(())
    }

    /// The records of its block.
    pub(super) fn bodies(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let block = self.block.as_ref();
        let first = block.map_or(0, |block| block.first_seq);
        (first..).zip(Bodies(if block.is_some() { &self.plain } else { &[] }))
    }
}

/// Records behind each other. Ends where one is cut off, too.
struct Bodies<'a>(&'a [u8]);

impl<'a> Iterator for Bodies<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        self.0 = rest;
        Some(body)
    }
}
