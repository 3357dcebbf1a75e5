//! The ledger of what was destroyed: it goes before the destruction, so that an interrupted one is finished, and stays, so
//! that a backup of older keys does not bring back who was forgotten.
//!
//! An entry has 44 bytes: `handle [16] · fingerprint of the key [16] · at i64 (µs, big endian) · crc32`. Where there was no
//! key the fingerprint is zero: so stands a person whose keys were gone before.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::Handle;
use crate::domain::Timestamp;

const ENTRY_BYTES: usize = 16 + 16 + 8 + 4;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) handle: Handle,
    pub(super) fingerprint: [u8; 16],
    pub(super) at: Timestamp,
}

impl Entry {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..16].copy_from_slice(&self.handle.0);
        bytes[16..32].copy_from_slice(&self.fingerprint);
        bytes[32..40].copy_from_slice(&self.at.as_micros().to_be_bytes());
        let checksum = crc32fast::hash(&bytes[..40]);
        bytes[40..].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let (content, checksum) = bytes.split_at(40);
        if checksum != crc32fast::hash(content).to_be_bytes() {
            return None;
        }
        let at = i64::from_be_bytes(content[32..].try_into().ok()?);
        let (handle, fingerprint) = (content[..16].try_into().ok()?, content[16..32].try_into().ok()?);
        Some(Self { handle: Handle(handle), fingerprint, at: Timestamp::from_micros(at) })
    }
}

/// All whole entries; none where there is no ledger.
pub(super) fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(bytes.as_chunks().0.iter().filter_map(Entry::decode).collect())
}

/// Appends the entries, durably; what a crash tore off before them is written over.
pub(super) fn append(path: &Path, entries: &[Entry]) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length - length % ENTRY_BYTES as u64))?;
    let bytes: Vec<u8> = entries.iter().flat_map(Entry::encode).collect();
    file.write_all(&bytes)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
