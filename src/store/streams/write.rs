//! A table on its way to the disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::format::{self, HEADER};
use super::table::Table;
use super::{Key, Span, look};

/// The table of these places, which are in order.
pub(super) fn table(folder: &Path, span: Span, places: &[(Key, u64)]) -> io::Result<Table> {
    let streams = places.chunk_by(|one, other| one.0 == other.0);
    let bytes = 9 * streams.clone().count() + 2 * places.len();
    let mut writer = Writer::create(folder, span, bytes as u64)?;
    let mut of_stream = Vec::new();
    for stream in streams {
        of_stream.clear();
        of_stream.extend(stream.iter().map(|(_, place)| *place));
        writer.push(stream[0].0, &of_stream)?;
    }
    writer.finish()
}

/// One table of two neighbours, the first of them first, without the places before `first`.
pub(super) fn merged(folder: &Path, one: &Table, other: &Table, first: u64) -> io::Result<Table> {
    let span = Span { first: one.span().first, last: other.span().last };
    let mut writer = Writer::create(folder, span, one.bytes() + other.bytes())?;
    let (mut left, mut right) = (one.streams(), other.streams());
    let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
    let (mut next_left, mut next_right) = (left.next(&mut of_left)?, right.next(&mut of_right)?);
    while let Some(key) = next_left.into_iter().chain(next_right).min() {
        let mut places = Vec::new();
        if next_left == Some(key) {
            places.extend(of_left.iter().copied().filter(|place| *place >= first));
            next_left = left.next(&mut of_left)?;
        }
        if next_right == Some(key) {
            places.extend(of_right.iter().copied().filter(|place| *place >= first));
            next_right = right.next(&mut of_right)?;
        }
        if !places.is_empty() {
            writer.push(key, &places)?;
        }
    }
    writer.finish()
}

/// A file under a temporary name. Dropped before its end, it is gone.
struct Writer {
    file: BufWriter<File>,
    /// `None` once it has its own name.
    temporary: Option<PathBuf>,
    span: Span,
    bits: u8,
    directory: Vec<u8>,
    bucket: Vec<u8>,
    /// Where the bucket begins.
    begin: u64,
}

impl Writer {
    fn create(folder: &Path, span: Span, bytes: u64) -> io::Result<Self> {
        let temporary = folder.join(format!("{:020}{}", span.first, look::TEMPORARY));
        let bits = format::bits_for(bytes);
        let mut writer = Self {
            file: BufWriter::new(File::create(&temporary)?),
            temporary: Some(temporary),
            span,
            bits,
            directory: Vec::new(),
            bucket: Vec::new(),
            begin: HEADER as u64,
        };
        writer.file.write_all(&format::header(span, bits))?;
        Ok(writer)
    }

    fn push(&mut self, key: Key, places: &[u64]) -> io::Result<()> {
        self.close_buckets(format::bucket_of(key, self.bits))?;
        format::write_stream(&mut self.bucket, self.span.first, key, places);
        Ok(())
    }

    /// Closes all buckets before this one.
    fn close_buckets(&mut self, number: u64) -> io::Result<()> {
        while ((self.directory.len() / format::PLACE) as u64) < number {
            self.file.write_all(&self.bucket)?;
            self.begin += self.bucket.len() as u64;
            self.directory.extend_from_slice(&format::place(self.begin, crc32fast::hash(&self.bucket)));
            self.bucket.clear();
        }
        Ok(())
    }

    /// Makes it durable under its name: where it is found it is whole.
    fn finish(mut self) -> io::Result<Table> {
        self.close_buckets(1 << self.bits)?;
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&format::header(self.span, self.bits));
        checksum.update(&self.directory);
        self.file.write_all(&self.directory)?;
        self.file.write_all(&format::trailer(checksum.finalize()))?;
        self.file.flush()?;
        self.file.get_ref().sync_data()?;
        let temporary = self.temporary.clone().unwrap_or_default();
        let folder = temporary.parent().unwrap_or(Path::new("."));
        let path = folder.join(self.span.name());
        std::fs::rename(&temporary, &path)?;
        self.temporary = None;
        File::open(folder)?.sync_all()?;
        Table::open(&path)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(path) = self.temporary.take() {
            let _ = std::fs::remove_file(path);
        }
    }
}
