//! What is looked at before a store is opened, so that nothing that was acknowledged is ever lost without a word.
//!
//! sled opens a damaged file, drops what it cannot read, and says nothing. So before it does, the log in the file is held
//! against what is known to have been durable: each chunk tells how far the log was synced when it was written, and the
//! file `HEAD` tells where it stood at the last note. What is missing below that is damage: the store is refused as
//! it was found. Old records are in the archive, which is looked at first: only what follows them must be in sled.
//! What is missing above was never acknowledged: a crash has torn it, and it is cut. Where only sled's own
//! bookkeeping is broken, a copy is opened and read as a whole first.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::codec::Head;
use super::note_file::Note;
use super::sled_file::{self, Look};
use super::{StoreError, archive, streams};

/// Most ranges of missing records that are named.
const MOST_RANGES: usize = 8;

/// What is known of a store before it is opened.
#[derive(Debug)]
pub(super) struct Examined {
    /// The log must reach at least this sequence.
    pub(super) least: u64,
    /// sled's own bookkeeping is not in order: a copy must be tried first.
    pub(super) is_doubtful: bool,
    /// The archive, whole.
    pub(super) archive: archive::Found,
    /// What there is of the index of streams, whole.
    pub(super) streams: streams::Found,
}

/// Looks at the store under `path`, and changes nothing.
pub(super) fn examine(path: &Path) -> Result<Examined, StoreError> {
    let unreadable = |error: io::Error| StoreError::Unreadable(error.to_string().into());
    let head = Note::Head.read(path)?;
    let archive = archive::look(path)?;
    let look = match sled_file::look(&path.join("db")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && head == 0 && archive.last() == 0 => Look::default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Damaged("its file db is missing".into()));
        }
        look => look.map_err(unreadable)?,
    };
    let (least, is_doubtful) = judge(&look, head, archive.last())?;
    let streams = streams::look(path, &archive)?;
    if let Some((first, last)) = torn(&look) {
        tracing::info!(first, last, "records that nobody was told of were torn by the last crash, and are cut off");
    }
    if is_doubtful {
        tracing::warn!(places = ?look.broken, "the store's file has broken places; a copy is tried first");
    }
    Ok(Examined { least, is_doubtful, archive, streams })
}

/// How far the log must reach, and whether a copy must be tried first.
fn judge(look: &Look, head: u64, archived: u64) -> Result<(u64, bool), StoreError> {
    let least = look.chunks.iter().map(|chunk| chunk.synced).chain([head]).max().unwrap_or_default();
    let covered = ranges(&look.chunks);
    let lost = missing(&covered, archived, least);
    if !lost.is_empty() {
        return Err(StoreError::Damaged(told(&lost, archived, least, look).into()));
    }
    let end = covered.last().map_or(0, |(_, last)| *last);
    let is_doubtful = !look.broken.is_empty() || !missing(&covered, archived, end).is_empty();
    Ok((least.max(archived), is_doubtful))
}

/// The sequences that these chunks hold, as few ranges as there are.
fn ranges(chunks: &[Head]) -> Vec<(u64, u64)> {
    joined(chunks.iter().map(|chunk| (chunk.first_seq, chunk.first_seq + u64::from(chunk.count) - 1)).collect())
}

/// The same ranges in order, and as few as there are.
pub(super) fn joined(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    ranges.dedup_by(|(first, last), (_, before)| {
        let joins = *first <= *before + 1;
        if joins {
            *before = (*before).max(*last);
        }
        joins
    });
    ranges
}

/// What the ranges leave out of what follows `archived`, up to `end`.
fn missing(ranges: &[(u64, u64)], archived: u64, end: u64) -> Vec<(u64, u64)> {
    let (mut next, mut missing) = (archived + 1, Vec::new());
    for (first, last) in ranges.iter().copied().chain([(end + 1, end + 1)]) {
        if next < first && next <= end {
            missing.push((next, end.min(first - 1)));
        }
        next = next.max(last + 1);
    }
    missing
}

/// What was written and never acknowledged, and is not whole.
fn torn(look: &Look) -> Option<(u64, u64)> {
    let end = ranges(&look.chunks).last().map_or(0, |(_, last)| *last);
    let behind = ranges(&look.outside);
    let first = behind.iter().find(|(_, last)| *last > end)?.0.max(end + 1);
    Some((first, behind.last()?.1))
}

fn told(lost: &[(u64, u64)], archived: u64, least: u64, look: &Look) -> String {
    let mut text = format!("of {least} durable records, these are missing or bad: {}", named(lost));
    let still = missing(&ranges(&[look.chunks.as_slice(), &look.outside].concat()), archived, least);
    let count = |ranges: &[(u64, u64)]| ranges.iter().map(|(first, last)| last - first + 1).sum::<u64>();
    let _ = write!(text, "; the file holds whole copies of {} of these {}", count(lost) - count(&still), count(lost));
    text
}

/// Ranges of records in words.
pub(super) fn named(ranges: &[(u64, u64)]) -> String {
    let names: Vec<String> = ranges
        .iter()
        .take(MOST_RANGES)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") })
        .collect();
    let mut text = names.join(", ");
    if ranges.len() > MOST_RANGES {
        let _ = write!(text, " and {} more ranges", ranges.len() - MOST_RANGES);
    }
    text
}

#[cfg(test)]
mod tests;
