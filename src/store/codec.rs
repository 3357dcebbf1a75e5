//! How records lie in the store: envelopes inside chunks. All numbers are little-endian.
//!
//! ```text
//! chunk     "SLJ2"  head  crc32 u32 (of the head)  record…       at most 8 KiB, under the key first_seq (big-endian)
//! head      length u16 (of all records)  count u16  first_seq u64  synced u64
//! record    length u16 (of the body)  crc32 u32 (of seq u64 ‖ body)  body
//! body      tag u8  schema u8  at i64 (µs since 1970, UTC)  scene_seq u32  scene_length u8  scene  payload
//! ```
//!
//! `synced` is the last sequence that was durable when the chunk was written: whoever finds the chunk knows that the log
//! has reached at least so far, and whether what is gone had been acknowledged. Chunks of layout 1 began with "SLJ1",
//! count and first_seq, and had no more; they stay readable.
//!
//! The tag, the schema version and the checksum stand outside the payload, because bincode alone decodes a flipped byte
//! into a different valid event. The sequence goes into the checksum though it is not stored, so that a record that was
//! moved is found out. The events of one append always share a chunk, so that a torn group never holds half of them.

use crate::domain::{Event, Recorded, SceneId, Timestamp};
use crate::vault::{Vault, VaultError};

use super::schema;
use super::seal::Seal;

/// sled moves values that make a page larger than 128 KiB into files that nobody syncs; values this small never do.
pub(super) const MAX_CHUNK: usize = 8 * 1024;

/// What chunks begin with, whatever their layout.
pub(super) const MARK: &[u8; 3] = b"SLJ";
const HEAD: usize = 2 + 2 + 8 + 8;
const CHUNK_HEADER: usize = MARK.len() + 1 + HEAD + 4;
const CHUNK_HEADER_V1: usize = MARK.len() + 1 + 2 + 8;
const RECORD_HEADER: usize = 2 + 4;

/// Why events cannot be written.
#[derive(Debug)]
pub(super) enum NotEncoded {
    /// They are too large for a chunk.
    TooLarge,
    /// What identifies a person cannot be sealed.
    Unsealed(VaultError),
}

/// The records of one append, encoded.
pub(super) fn encode_records(records: &[Recorded], vault: &dyn Vault) -> Result<Vec<u8>, NotEncoded> {
    let mut bytes = Vec::with_capacity(records.len() * 512);
    for record in records {
        encode_record(record, vault, &mut bytes)?;
    }
    if CHUNK_HEADER + bytes.len() > MAX_CHUNK { Err(NotEncoded::TooLarge) } else { Ok(bytes) }
}

fn encode_record(record: &Recorded, vault: &dyn Vault, out: &mut Vec<u8>) -> Result<(), NotEncoded> {
    let seal = Seal { vault, scene: &record.scene, scene_seq: record.scene_seq };
    let payload = schema::encode(&record.event, seal).map_err(NotEncoded::Unsealed)?;
    if payload.len() > schema::MAX_PAYLOAD {
        return Err(NotEncoded::TooLarge);
    }
    let scene = record.scene.as_str().as_bytes();
    let start = out.len();
    out.extend_from_slice(&[0; RECORD_HEADER]);
    out.push(schema::tag(record.event.kind()));
    out.push(schema::version(&record.event));
    out.extend_from_slice(&record.at.as_micros().to_le_bytes());
    out.extend_from_slice(&record.scene_seq.to_le_bytes());
    out.push(u8::try_from(scene.len()).map_err(|_| NotEncoded::TooLarge)?);
    out.extend_from_slice(scene);
    out.extend_from_slice(&payload);
    let body = start + RECORD_HEADER;
    let length = u16::try_from(out.len() - body).map_err(|_| NotEncoded::TooLarge)?;
    let checksum = checksum(record.seq, &out[body..]);
    out[start..start + 2].copy_from_slice(&length.to_le_bytes());
    out[start + 2..body].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// The body of a record that no chunk has yet.
pub(super) fn encode_body(record: &Recorded, vault: &dyn Vault) -> Result<Vec<u8>, NotEncoded> {
    let mut bytes = Vec::new();
    encode_record(record, vault, &mut bytes)?;
    Ok(bytes.split_off(RECORD_HEADER))
}

/// The same of a record whose body is there already.
pub(super) fn encode_raw(seq: u64, body: &[u8]) -> Result<Vec<u8>, NotEncoded> {
    let length = u16::try_from(body.len()).map_err(|_| NotEncoded::TooLarge)?;
    let mut bytes = Vec::with_capacity(RECORD_HEADER + body.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&checksum(seq, body).to_le_bytes());
    bytes.extend_from_slice(body);
    if fits(bytes.len()) { Ok(bytes) } else { Err(NotEncoded::TooLarge) }
}

/// Whether a record with such a body can be written.
pub(super) fn takes(body: &[u8]) -> bool {
    fits(RECORD_HEADER + body.len())
}

fn checksum(seq: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// A chunk that is being filled.
pub(super) struct ChunkBuilder {
    first_seq: u64,
    count: u16,
    records: Vec<u8>,
}

impl ChunkBuilder {
    /// An empty chunk whose first record will have the sequence `first_seq`.
    pub(super) fn new(first_seq: u64) -> Self {
        Self { first_seq, count: 0, records: Vec::new() }
    }

    /// Whether the records of one more append fit.
    pub(super) fn fits(&self, records: &[u8]) -> bool {
        fits(self.records.len() + records.len())
    }

    /// Adds `count` records that [`encode_records`] made.
    pub(super) fn push(&mut self, records: &[u8], count: usize) {
        self.records.extend_from_slice(records);
        self.count += u16::try_from(count).unwrap_or(u16::MAX);
    }

    /// The key and the value to store, in which `synced` is the last durable sequence; `None` where nothing was pushed.
    pub(super) fn finish(self, synced: u64) -> Option<Chunk> {
        if self.count == 0 {
            return None;
        }
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(&u16::try_from(self.records.len()).ok()?.to_le_bytes());
        head.extend_from_slice(&self.count.to_le_bytes());
        head.extend_from_slice(&self.first_seq.to_le_bytes());
        head.extend_from_slice(&synced.to_le_bytes());
        let mut value = Vec::with_capacity(CHUNK_HEADER + self.records.len());
        value.extend_from_slice(MARK);
        value.push(b'2');
        value.extend_from_slice(&head);
        value.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        value.extend_from_slice(&self.records);
        Some(Chunk { first_seq: self.first_seq, value })
    }
}

/// Whether so many bytes of records fit into one chunk.
pub(super) fn fits(records: usize) -> bool {
    CHUNK_HEADER + records <= MAX_CHUNK
}

/// What a chunk says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// How many records it has.
    pub(super) count: u16,
    /// The sequence of the first.
    pub(super) first_seq: u64,
    /// The last sequence that was durable when it was written; 0 where it does not say.
    pub(super) synced: u64,
    /// How many bytes its records have, where it says.
    length: Option<u16>,
    size: usize,
}

impl Head {
    /// The head of what begins as a chunk does; otherwise what is wrong.
    pub(super) fn read(value: &[u8]) -> Result<Self, &'static str> {
        const CUT: &str = "it is cut off";
        let mut reader = Reader(value);
        if reader.take(MARK.len()) != Some(MARK.as_slice()) {
            return Err("it does not begin as a chunk does");
        }
        match reader.u8() {
            Some(b'1') => {
                let count = reader.u16().ok_or(CUT)?;
                let first_seq = reader.u64().ok_or(CUT)?;
                Ok(Self { count, first_seq, synced: 0, length: None, size: CHUNK_HEADER_V1 })
            }
            Some(b'2') => {
                let head = reader.take(HEAD).ok_or(CUT)?;
                if reader.u32().ok_or(CUT)? != crc32fast::hash(head) {
                    return Err("its head's checksum does not fit");
                }
                let mut head = Reader(head);
                let length = Some(head.u16().ok_or(CUT)?);
                let (count, first_seq) = (head.u16().ok_or(CUT)?, head.u64().ok_or(CUT)?);
                Ok(Self { count, first_seq, synced: head.u64().ok_or(CUT)?, length, size: CHUNK_HEADER })
            }
            _ => Err("it does not begin as a chunk does"),
        }
    }
}

/// The head of the chunk that `bytes` begin with, and how many bytes it has in all; `None` where it is not whole: every
/// record's checksum is looked at, no payload is.
pub(super) fn whole_chunk(bytes: &[u8]) -> Option<(Head, usize)> {
    let head = Head::read(bytes).ok()?;
    let mut reader = Reader(bytes.get(head.size..)?);
    let before = reader.0.len();
    for seq in head.first_seq..head.first_seq.checked_add(u64::from(head.count))? {
        let length = reader.u16()?;
        let expected = reader.u32()?;
        if checksum(seq, reader.take(usize::from(length))?) != expected {
            return None;
        }
    }
    let taken = before - reader.0.len();
    let fits = head.count > 0 && head.length.is_none_or(|length| usize::from(length) == taken);
    fits.then_some((head, head.size + taken))
}

/// The same of bytes whose checksum somebody else has held against them: only what they begin with is in question.
pub(super) fn chunk_size(bytes: &[u8]) -> Option<(Head, usize)> {
    let head = Head::read(bytes).ok()?;
    match head.length {
        Some(length) => Some((head, head.size + usize::from(length))).filter(|(_, size)| *size <= bytes.len()),
        // Its head has no checksum, and four letters can be met by chance.
        None => whole_chunk(bytes),
    }
}

/// The records of a chunk as they are encoded, and how many they are.
pub(super) fn records_of(value: &[u8]) -> (&[u8], usize) {
    let Ok(head) = Head::read(value) else { return (&[], 0) };
    (value.get(head.size..).unwrap_or_default(), usize::from(head.count))
}

/// A finished chunk.
pub(super) struct Chunk {
    /// The sequence of its first record: its key.
    pub(super) first_seq: u64,
    /// Its bytes.
    pub(super) value: Vec<u8>,
}

/// The records of a chunk that lies under the key `first_seq`; otherwise what is wrong, and at which sequence.
pub(super) fn decode_chunk(first_seq: u64, value: &[u8], vault: &dyn Vault) -> Result<Vec<Recorded>, String> {
    let bodies = Bodies::of(first_seq, value)?;
    // No more than could be there: the count is not trusted before its records are read.
    let mut records: Vec<Recorded> = Vec::with_capacity(usize::from(bodies.count).min(value.len() / RECORD_HEADER));
    for found in bodies {
        let (seq, body) = found?;
        let before = records.last().map(|record| &record.scene);
        records.push(decode_body(seq, before, body, vault).map_err(|what| at_record(seq, &what))?);
    }
    Ok(records)
}

/// The bodies of a chunk's records as they are stored, each held against its checksum, and the chunk against its length.
pub(super) struct Bodies<'a> {
    first_seq: u64,
    count: u16,
    next: u16,
    reader: Reader<'a>,
}

impl<'a> Bodies<'a> {
    /// Of a chunk that lies under the key `first_seq`; otherwise what is wrong with it.
    pub(super) fn of(first_seq: u64, value: &'a [u8]) -> Result<Self, String> {
        let damaged = |what: &str| at_chunk(first_seq, what);
        let head = Head::read(value).map_err(damaged)?;
        if head.first_seq != first_seq || first_seq.checked_add(u64::from(head.count)).is_none() {
            return Err(damaged("it lies under another sequence than its own"));
        }
        let reader = Reader(&value[head.size..]);
        if head.length.is_some_and(|length| usize::from(length) != reader.0.len()) {
            return Err(damaged("it does not have the length that it says"));
        }
        Ok(Self { first_seq, count: head.count, next: 0, reader })
    }

    fn body(&mut self, seq: u64) -> Result<&'a [u8], &'static str> {
        const CUT: &str = "it is cut off";
        let length = self.reader.u16().ok_or(CUT)?;
        let expected = self.reader.u32().ok_or(CUT)?;
        let body = self.reader.take(usize::from(length)).ok_or(CUT)?;
        if checksum(seq, body) == expected { Ok(body) } else { Err("its checksum does not fit") }
    }
}

impl<'a> Iterator for Bodies<'a> {
    type Item = Result<(u64, &'a [u8]), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.count {
            let left_over = !std::mem::take(&mut self.reader.0).is_empty();
            return left_over.then(|| Err(at_chunk(self.first_seq, "bytes are left over")));
        }
        let seq = self.first_seq + u64::from(self.next);
        let body = self.body(seq).map_err(|what| at_record(seq, what));
        // Where one record ends is known only if it is whole.
        self.next = if body.is_ok() { self.next + 1 } else { self.count };
        if body.is_err() {
            self.reader.0 = &[];
        }
        Some(body.map(|body| (seq, body)))
    }
}

fn at_chunk(first_seq: u64, what: &str) -> String {
    format!("chunk at sequence {first_seq}: {what}")
}

fn at_record(seq: u64, what: &str) -> String {
    format!("record {seq}: {what}")
}

/// When a record was made, from its body alone.
pub(super) fn time_of(body: &[u8]) -> Option<Timestamp> {
    let at = body.get(2..)?.first_chunk()?;
    Some(Timestamp::from_micros(i64::from_le_bytes(*at)))
}

/// Of which scene a record is, from its body alone.
pub(super) fn scene_of(body: &[u8]) -> Option<&[u8]> {
    let (length, rest) = body.get(2 + 8 + 4..)?.split_first()?;
    rest.get(..usize::from(*length))
}

/// `before` is the scene of the record before: often the same, and then its text is shared.
pub(super) fn decode_body(
    seq: u64,
    before: Option<&SceneId>,
    body: &[u8],
    vault: &dyn Vault,
) -> Result<Recorded, String> {
    let cut = || "it is cut off".to_owned();
    let mut reader = Reader(body);
    let tag = reader.u8().ok_or_else(cut)?;
    let version = reader.u8().ok_or_else(cut)?;
    let at = Timestamp::from_micros(reader.u64().ok_or_else(cut)?.cast_signed());
    let scene_seq = reader.u32().ok_or_else(cut)?;
    let scene_length = reader.u8().ok_or_else(cut)?;
    let scene = reader.take(usize::from(scene_length)).ok_or_else(cut)?;
    let scene = match before {
        Some(before) if before.as_str().as_bytes() == scene => before.clone(),
        _ => {
            let scene = std::str::from_utf8(scene).map_err(|_| "its scene id is not text".to_owned())?;
            SceneId::new(scene).map_err(|error| format!("its scene id {error}"))?
        }
    };
    let seal = Seal { vault, scene: &scene, scene_seq };
    let event: Event = schema::decode(tag, version, reader.0, seal)?;
    Ok(Recorded { seq, scene_seq, at, scene, event })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests;
