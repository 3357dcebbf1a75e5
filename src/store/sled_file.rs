//! sled's file as it lies on the disk, looked at before sled opens it: opening zeroes what sled takes for torn.
//!
//! sled 0.34.7 writes segments of 512 KiB, each a header (CRC-32, log sequence number, the last stable one) and messages
//! behind each other (CRC-32, kind, length, segment number, page, body; a kind of zero ends them). The messages of a full
//! segment reach its end; only the segment with the greatest log sequence number may end earlier. What sled finds broken
//! in the middle it drops with everything behind, without a word. So the messages are walked here, every checksum is
//! held against its bytes, and our own chunks are found by what they begin with, inside of whole messages and outside.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::codec::{self, Head, MARK};

const SEGMENT: usize = 512 * 1024;
const HEADER: usize = 20;
/// sled begins no message so near to a segment's end.
const RED_ZONE: usize = 32;
/// The kind of a message that fills up the rest of a segment.
const CAP: u8 = 2;
/// Threads that look at once: the disk or the memory is the limit before more are of use.
const THREADS: usize = 2;

/// What the file holds.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Chunks in whole messages.
    pub(super) chunks: Vec<Head>,
    /// Whole chunks outside of them: what was torn, or lies behind damage.
    pub(super) outside: Vec<Head>,
    /// Where messages are broken that should not be.
    pub(super) broken: Vec<u64>,
}

/// Who is shown the chunks that are found.
pub(super) trait Sink {
    fn chunk(&mut self, chunk: Found);
}

/// A chunk in the file.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) head: Head,
    /// Where it begins.
    pub(super) offset: u64,
    /// How many bytes it has.
    pub(super) length: usize,
    /// The place of its segment in sled's log: a later one is newer.
    pub(super) lsn: Option<u64>,
    /// Whether it lies in a whole message.
    pub(super) is_whole: bool,
}

impl Sink for Look {
    fn chunk(&mut self, chunk: Found) {
        if chunk.is_whole { self.chunks.push(chunk.head) } else { self.outside.push(chunk.head) }
    }
}

struct Segment {
    lsn: Option<u64>,
    /// Where its messages end too early, or its header is broken.
    broken: Option<u64>,
}

/// Looks at the file under `path`.
pub(super) fn look(path: &Path) -> io::Result<Look> {
    let file = File::open(path)?;
    let segments = file.metadata()?.len().div_ceil(SEGMENT as u64);
    let share = segments.div_ceil(THREADS as u64).max(1);
    let parts: Vec<io::Result<(Look, Vec<Segment>)>> = std::thread::scope(|scope| {
        let part = |thread: u64| {
            let file = &file;
            let numbers = thread * share..((thread + 1) * share).min(segments);
            scope.spawn(move || look_at(file, numbers))
        };
        let threads: Vec<_> = (0..THREADS as u64).map(part).collect();
        let panicked = || Err(io::Error::other("looking at it panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
    });
    let (mut all, mut found) = (Look::default(), Vec::new());
    for part in parts {
        let (look, segments) = part?;
        all.chunks.extend(look.chunks);
        all.outside.extend(look.outside);
        found.extend(segments);
    }
    let tip = found.iter().filter_map(|segment| segment.lsn).max();
    let is_tip = |segment: &&Segment| segment.lsn.is_some() && segment.lsn == tip;
    all.broken = found.iter().filter(|segment| !is_tip(segment)).filter_map(|segment| segment.broken).collect();
    Ok(all)
}

/// Shows all chunks of the file to `sink`, in the order in which they lie there.
pub(super) fn each_chunk(file: &File, sink: &mut dyn Sink) -> io::Result<()> {
    let segments = file.metadata()?.len().div_ceil(SEGMENT as u64);
    segments_of(file, 0..segments, sink).map(drop)
}

fn look_at(file: &File, numbers: std::ops::Range<u64>) -> io::Result<(Look, Vec<Segment>)> {
    let mut look = Look::default();
    let segments = segments_of(file, numbers, &mut look)?;
    Ok((look, segments))
}

fn segments_of(file: &File, numbers: std::ops::Range<u64>, sink: &mut dyn Sink) -> io::Result<Vec<Segment>> {
    let (mut segments, mut buffer) = (Vec::new(), vec![0; SEGMENT]);
    for number in numbers {
        let offset = number * SEGMENT as u64;
        let length = read_full(file, &mut buffer, offset)?;
        segments.push(walk(&buffer[..length], offset, sink));
    }
    Ok(segments)
}

fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], offset + length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

fn walk(segment: &[u8], offset: u64, sink: &mut dyn Sink) -> Segment {
    let lsn = segment_lsn(segment);
    let mut show = |from: usize, to: usize, is_whole: bool| {
        find_chunks(&segment[from..to], !is_whole, &mut |head, at, length| {
            sink.chunk(Found { head, offset: offset + (from + at) as u64, length, lsn, is_whole });
        });
    };
    let Some(lsn) = lsn else {
        let is_empty = segment.iter().all(|byte| *byte == 0);
        show(0, segment.len(), false);
        return Segment { lsn: None, broken: (!is_empty).then_some(offset) };
    };
    let (mut at, mut is_full) = (HEADER, false);
    while let Some(message) = Message::read(&segment[at..], lsn / SEGMENT as u64) {
        at += message.length;
        show(at - message.body, at, true);
        is_full = message.kind == CAP || at + RED_ZONE > SEGMENT;
        if is_full {
            break;
        }
    }
    if !is_full {
        show(at, segment.len(), false);
    }
    Segment { lsn: Some(lsn), broken: (!is_full).then_some(offset + at as u64) }
}

fn segment_lsn(segment: &[u8]) -> Option<u64> {
    let header = segment.get(..HEADER)?;
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes);
    let checksum = u32::from_le_bytes(header[..4].try_into().ok()?) ^ u32::MAX;
    let lsn = number(&header[4..12]).ok()? ^ (u64::MAX >> 1);
    (crc32fast::hash(&header[4..]) == checksum).then_some(lsn)
}

struct Message {
    kind: u8,
    /// How many bytes its body has, which is its end.
    body: usize,
    /// How many it has in all.
    length: usize,
}

impl Message {
    /// The message that `bytes` begin with, where it is whole and belongs to that segment.
    fn read(bytes: &[u8], segment: u64) -> Option<Self> {
        let expected = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
        let kind = *bytes.get(4)?;
        let mut at = 5;
        let length = usize::try_from(varint(bytes, &mut at)?).ok()?;
        let number = varint(bytes, &mut at)?;
        varint(bytes, &mut at)?;
        let body = bytes.get(at..at.checked_add(length)?)?;
        if kind == 0 || number != segment {
            return None;
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(body);
        hasher.update(&bytes[4..at]);
        (hasher.finalize() ^ u32::MAX == expected).then_some(Self { kind, body: length, length: at + length })
    }
}

/// A number as sled writes it.
fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let first = u64::from(*bytes.get(*at)?);
    let mut next = |count: usize| {
        let taken = bytes.get(*at + 1..*at + 1 + count)?;
        *at += 1 + count;
        Some(taken.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    match first {
        0..=240 => next(0).map(|_| first),
        241..=248 => next(1).map(|low| 240 + 256 * (first - 241) + low),
        // The one whose bytes lie the other way round.
        249 => next(2).map(|low| 2288 + 256 * (low & 0xff) + (low >> 8)),
        more => next(usize::try_from(more - 247).ok()?),
    }
}

/// Finds whole chunks: head, place and length. What lies inside of one is passed over: visitors choose some of a record's
/// texts.
fn find_chunks(bytes: &[u8], thoroughly: bool, found: &mut dyn FnMut(Head, usize, usize)) {
    let mut at = 0;
    while let Some(next) = memchr::memmem::find(&bytes[at..], MARK) {
        at += next;
        // Inside of a whole message the checksum of that is enough.
        let chunk = if thoroughly { codec::whole_chunk(&bytes[at..]) } else { codec::chunk_size(&bytes[at..]) };
        at += chunk.map_or(1, |(head, length)| {
            found(head, at, length);
            length
        });
    }
}
