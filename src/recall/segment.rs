//! Ten seconds' entries: a file of records, and an index over it.
//!
//! A record is `length u32 · crc32 u32 · until i64 (µs) · key [16] · value`, integers in big endian; the checksum covers
//! everything behind it. A file ends where a record is not whole.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Key, MAX_VALUE_BYTES};
use crate::domain::Timestamp;

/// How long a file takes entries: short, since it goes when the last of them is over.
const SPAN: Duration = Duration::from_secs(10);

const HEAD_BYTES: usize = 8;
const FIXED_BYTES: usize = 8 + size_of::<Key>();
const SUFFIX: &str = ".recall";

/// The entries of one file.
pub(super) struct Segment {
    number: u64,
    path: PathBuf,
    file: Arc<File>,
    began: Timestamp,
    /// When its last entry is over.
    over: Timestamp,
    index: HashMap<Key, Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    offset: u64,
    length: u32,
    until: Timestamp,
}

/// Where a value stands.
pub(super) struct Place {
    file: Arc<File>,
    offset: u64,
    length: u32,
}

impl Place {
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let mut value = vec![0; self.length as usize];
        self.file.read_exact_at(&mut value, self.offset)?;
        Ok(value)
    }
}

impl Segment {
    /// The file behind `last`. A number whose file could not be removed is passed over.
    pub(super) fn create_after(folder: &Path, last: Option<u64>, now: Timestamp) -> io::Result<Self> {
        let mut number = last.map_or(0, |last| last + 1);
        loop {
            let path = folder.join(format!("{number:016}{SUFFIX}"));
            match OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                created => {
                    let file = Arc::new(created?);
                    return Ok(Self { number, path, file, began: now, over: now, index: HashMap::new() });
                }
            }
        }
    }

    /// Reads a file back, and cuts it where it is torn.
    fn read(path: PathBuf, number: u64, now: Timestamp) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut segment = Self { number, path, file: Arc::new(file), began: now, over: now, index: HashMap::new() };
        let mut at = 0;
        while let Some(record) = Record::decode(&bytes[at..]) {
            segment.insert(&record, at as u64);
            at += record.bytes();
        }
        if at < bytes.len() {
            tracing::warn!(path = %segment.path.display(), lost = bytes.len() - at, "the end of a file was torn: cut");
            segment.file.set_len(at as u64)?;
        }
        Ok(segment)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    pub(super) fn find(&self, key: &Key, now: Timestamp) -> Option<Place> {
        let entry = self.index.get(key).filter(|entry| entry.until > now)?;
        Some(Place { file: self.file.clone(), offset: entry.offset, length: entry.length })
    }

    /// This record stands at `begin` in the file.
    pub(super) fn insert(&mut self, record: &Record<'_>, begin: u64) {
        let offset = begin + (HEAD_BYTES + FIXED_BYTES) as u64;
        self.over = self.over.max(record.until);
        let length = u32::try_from(record.value.len()).unwrap_or(u32::MAX);
        self.index.insert(record.key, Entry { offset, length, until: record.until });
    }

    /// Whether the next file's time has come; also where the clock was set back.
    pub(super) fn is_full_at(&self, now: Timestamp) -> bool {
        now < self.began || self.began.until(now) >= SPAN
    }

    /// Whether nothing in it counts any more.
    pub(super) fn is_over_at(&self, now: Timestamp) -> bool {
        self.over <= now
    }

    pub(super) fn remove_file(&self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a file that is over cannot be removed");
        }
    }
}

/// All files in the folder, oldest first.
pub(super) fn read_all(folder: &Path, now: Timestamp) -> io::Result<VecDeque<Segment>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(number) = name.strip_suffix(SUFFIX).and_then(|number| number.parse().ok()) {
            found.push(Segment::read(path, number, now)?);
        }
    }
    found.sort_unstable_by_key(Segment::number);
    Ok(found.into())
}

/// One entry as it stands in a file.
pub(super) struct Record<'a> {
    pub(super) key: Key,
    pub(super) until: Timestamp,
    pub(super) value: &'a [u8],
}

impl<'a> Record<'a> {
    /// How many bytes it takes in a file.
    pub(super) fn bytes(&self) -> usize {
        HEAD_BYTES + FIXED_BYTES + self.value.len()
    }

    /// Appends it.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        let length = u32::try_from(FIXED_BYTES + self.value.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.until.as_micros().to_be_bytes());
        out.extend_from_slice(&self.key);
        out.extend_from_slice(self.value);
        let checksum = crc32fast::hash(&out[begin + HEAD_BYTES..]);
        out[begin + 4..begin + HEAD_BYTES].copy_from_slice(&checksum.to_be_bytes());
    }

    /// The record at the beginning of `bytes`; `None` where there is no whole one.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if !(FIXED_BYTES..=FIXED_BYTES + MAX_VALUE_BYTES).contains(&length) {
            return None;
        }
        let content = rest.get(..length)?;
        if crc32fast::hash(content) != u32::from_be_bytes(*checksum) {
            return None;
        }
        let (until, content) = content.split_first_chunk::<8>()?;
        let (key, value) = content.split_first_chunk::<{ size_of::<Key>() }>()?;
        Some(Self { key: *key, until: Timestamp::from_micros(i64::from_be_bytes(*until)), value })
    }
}
