//! A table as bytes.
//!
//! ```text
//! streams/{first:020}-{last:020}.sli     header  bucket…  directory  trailer         all numbers little-endian
//! header     "SLI1"  first_seq u64  last_seq u64  bits u8
//! bucket     stream…                       those whose keys begin with the bucket's number, in `bits` bits; by their keys
//! stream     key u64  count varint  place varint…     the first place from first_seq on, each other from the one before
//! directory  (end u64  crc32 u32)…          one a bucket, 2^bits of them: where it ends in the file, and its checksum
//! trailer    crc32 u32 (of header ‖ directory)  "SLIE"
//! varint     7 bits a byte, low first
//! ```

use std::io;

use super::{Key, Span};

const MARK: &[u8; 4] = b"SLI1";
const END: &[u8; 4] = b"SLIE";
pub(super) const HEADER: usize = 4 + 8 + 8 + 1;
pub(super) const PLACE: usize = 8 + 4;
pub(super) const TRAILER: usize = 4 + 4;
/// A bucket has about so many bytes: some 64 streams of a login each.
const BUCKET: u64 = 1280;
/// No table has more buckets than 2 to the power of this.
const MOST_BITS: u8 = 32;

/// In how many buckets a table of about so many bytes is divided, as a power of two.
pub(super) const fn bits_for(bytes: u64) -> u8 {
    let mut bits = 0;
    while bits < MOST_BITS && bytes >> bits > BUCKET {
        bits += 1;
    }
    bits
}

/// The bucket of a key.
pub(super) const fn bucket_of(key: Key, bits: u8) -> u64 {
    if bits == 0 { 0 } else { key.0 >> (64 - bits) }
}

pub(super) fn header(span: Span, bits: u8) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(MARK);
    bytes[4..12].copy_from_slice(&span.first.to_le_bytes());
    bytes[12..20].copy_from_slice(&span.last.to_le_bytes());
    bytes[20] = bits;
    bytes
}

pub(super) fn read_header(bytes: &[u8; HEADER]) -> Option<(Span, u8)> {
    let mut rest = bytes.strip_prefix(MARK)?;
    let span = Span { first: u64_of(&mut rest)?, last: u64_of(&mut rest)? };
    let bits = *rest.first().filter(|bits| **bits <= MOST_BITS)?;
    (span.first <= span.last).then_some((span, bits))
}

/// What a directory says of a bucket: where it ends, and its checksum.
pub(super) fn place(end: u64, checksum: u32) -> [u8; PLACE] {
    let mut bytes = [0; PLACE];
    bytes[..8].copy_from_slice(&end.to_le_bytes());
    bytes[8..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

pub(super) fn read_place(bytes: &[u8]) -> Option<(u64, u32)> {
    let mut rest = bytes;
    Some((u64_of(&mut rest)?, u32::from_le_bytes(*rest.first_chunk()?)))
}

pub(super) fn trailer(checksum: u32) -> [u8; TRAILER] {
    let mut bytes = [0; TRAILER];
    bytes[..4].copy_from_slice(&checksum.to_le_bytes());
    bytes[4..].copy_from_slice(END);
    bytes
}

/// Writes a stream behind those before it.
pub(super) fn write_stream(out: &mut Vec<u8>, first: u64, key: Key, places: &[u64]) {
    out.extend_from_slice(&key.0.to_le_bytes());
    write_varint(out, places.len() as u64);
    let mut before = first;
    for place in places {
        write_varint(out, place - before);
        before = *place;
    }
}

/// Reads the next stream of a bucket; `None` at its end.
pub(super) fn read_stream(bucket: &mut &[u8], first: u64, places: &mut Vec<u64>) -> io::Result<Option<Key>> {
    if bucket.is_empty() {
        return Ok(None);
    }
    let key = u64_of(bucket).ok_or_else(unsound)?;
    let count = read_varint(bucket).ok_or_else(unsound)?;
    let mut place = first;
    for _ in 0..count {
        place = read_varint(bucket).and_then(|further| place.checked_add(further)).ok_or_else(unsound)?;
        places.push(place);
    }
    Ok(Some(Key(key)))
}

/// It does not read as it was written.
pub(super) fn unsound() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it does not read as it was written")
}

fn write_varint(out: &mut Vec<u8>, mut rest: u64) {
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
    }
}

fn u64_of(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u64::from_le_bytes(*bytes))
}
