//! The parts of a file that are not records, as bytes.

use super::Summary;

const MARK: &[u8; 4] = b"SLA1";
const END: &[u8; 4] = b"SLAE";
pub(super) const HEADER: usize = 4 + 8 + 4 + 8;
pub(super) const ENTRY: usize = 8 + 4 + 4 + 8 + 4 + 8 + 8 + 4;
pub(super) const TRAILER: usize = 4 + 4 + 4;
/// Records of a block have so many bytes, and at most one record more.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;
/// No block is larger, whatever its entry says.
pub(super) const MOST_BLOCK: u32 = 2 * BLOCK_BYTES as u32;
/// No file has more blocks, whatever its trailer says.
pub(super) const MOST_BLOCKS: u32 = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first_seq: u64,
    pub(super) count: u32,
    pub(super) closed: i64,
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(MARK);
        bytes[4..12].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.count.to_le_bytes());
        bytes[16..].copy_from_slice(&self.closed.to_le_bytes());
        bytes
    }

    pub(super) fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MARK)?;
        Some(Self { first_seq: u64_of(&mut rest)?, count: u32_of(&mut rest)?, closed: i64_of(&mut rest)? })
    }

    pub(super) fn last_seq(self) -> Option<u64> {
        self.first_seq.checked_add(u64::from(self.count))?.checked_sub(1)
    }
}

/// What the index says of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) length: u32,
    pub(super) plain: u32,
    pub(super) first_seq: u64,
    pub(super) count: u32,
    pub(super) least: i64,
    pub(super) greatest: i64,
    pub(super) checksum: u32,
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&self.plain.to_le_bytes());
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.least.to_le_bytes());
        out.extend_from_slice(&self.greatest.to_le_bytes());
        out.extend_from_slice(&self.checksum.to_le_bytes());
    }

    fn read(rest: &mut &[u8]) -> Option<Self> {
        Some(Self {
            offset: u64_of(rest)?,
            length: u32_of(rest)?,
            plain: u32_of(rest)?,
            first_seq: u64_of(rest)?,
            count: u32_of(rest)?,
            least: i64_of(rest)?,
            greatest: i64_of(rest)?,
            checksum: u32_of(rest)?,
        })
    }

    /// The sequence of its last record.
    pub(super) const fn last_seq(&self) -> u64 {
        self.first_seq + self.count as u64 - 1
    }
}

/// The index and the trailer of a file with these blocks.
pub(super) fn end(header: Header, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY + TRAILER);
    for entry in entries {
        entry.write(&mut bytes);
    }
    bytes.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_le_bytes());
    let checksum = checksum(&header.to_bytes(), &bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(END);
    bytes
}

/// How many blocks a file has that ends with these bytes.
pub(super) fn blocks(trailer: &[u8; TRAILER]) -> Option<u32> {
    let mut rest = trailer.strip_suffix(END)?;
    u32_of(&mut rest).filter(|blocks| *blocks <= MOST_BLOCKS)
}

/// The blocks that `end` tells of, the bytes from the index on; `None` where anything does not fit to anything else.
pub(super) fn entries(header: Header, end: &[u8]) -> Option<Vec<Entry>> {
    let (covered, mut trailer) = end.split_at_checked(end.len().checked_sub(8)?)?;
    if u32_of(&mut trailer)? != checksum(&header.to_bytes(), covered) || trailer != END {
        return None;
    }
    let mut rest = covered.get(..covered.len().checked_sub(4)?)?;
    let mut entries = Vec::with_capacity(rest.len() / ENTRY);
    let (mut offset, mut next) = (HEADER as u64, header.first_seq);
    while !rest.is_empty() {
        let entry = Entry::read(&mut rest)?;
        let is_sound =
            entry.offset == offset && entry.first_seq == next && entry.count > 0 && entry.plain <= MOST_BLOCK;
        if !is_sound {
            return None;
        }
        offset = offset.checked_add(u64::from(entry.length))?;
        next = next.checked_add(u64::from(entry.count))?;
        entries.push(entry);
    }
    (header.last_seq()?.checked_add(1)? == next).then_some(entries)
}

/// What is known of a file with this header and these blocks.
pub(super) fn summary(header: Header, entries: &[Entry]) -> Option<Summary> {
    Some(Summary {
        first: header.first_seq,
        last: header.last_seq()?,
        least: entries.iter().map(|entry| entry.least).min()?,
        greatest: entries.iter().map(|entry| entry.greatest).max()?,
        closed: header.closed,
    })
}

fn checksum(header: &[u8], index: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(index);
    hasher.finalize()
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

fn u64_of(rest: &mut &[u8]) -> Option<u64> {
    array(rest).map(u64::from_le_bytes)
}

fn i64_of(rest: &mut &[u8]) -> Option<i64> {
    array(rest).map(i64::from_le_bytes)
}

fn u32_of(rest: &mut &[u8]) -> Option<u32> {
    array(rest).map(u32::from_le_bytes)
}
