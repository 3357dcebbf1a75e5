//! The files of signed checkpoints. Before each stands a line with the time and the note's length, so that a last one that
//! a crash has torn is told apart from one that was altered; the time is a help for people, and nothing vouches for it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::clock::{parse_rfc3339, rfc3339_micros};
use crate::domain::Timestamp;
use crate::tlog::{Checkpoint, Note, NoteError, Verifier};

/// In the store's folder.
pub(super) const ALL: &str = "CHECKPOINTS";
/// Beside the keys.
pub(super) const LAST: &str = "checkpoint.last";

const HEAD: &str = "checkpoint ";
/// As much of a file's end as holds its last checkpoint.
const TAIL: u64 = 64 * 1024;

/// A checkpoint that was signed, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// When it was signed, as far as the file tells.
    pub at: Timestamp,
    /// The signed note.
    pub note: String,
    /// What the note says; nobody has looked at its signature yet.
    pub checkpoint: Checkpoint,
}

impl Kept {
    /// Whether the key signed it.
    ///
    /// # Errors
    /// [`NoteError`] where not.
    pub fn verify(&self, verifier: &Verifier) -> Result<(), NoteError> {
        Note::parse(&self.note)?.verified_text(verifier).map(drop)
    }

    fn framed(&self) -> String {
        format!("{HEAD}{} {}\n{}\n", rfc3339_micros(self.at), self.note.len(), self.note)
    }
}

/// Why a file of checkpoints cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NotesError {
    /// It was altered.
    #[error("{path} does not read as it was written, from byte {offset} on")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the first bad entry begins.
        offset: u64,
    },
    /// The system refuses.
    #[error("{path}: {reason}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

/// All checkpoints that were signed for the log in this folder, the oldest first; a torn last one is passed over.
///
/// # Errors
/// [`NotesError`].
pub fn read_all(folder: &Path) -> Result<Vec<Kept>, NotesError> {
    let path = folder.join(ALL);
    let bytes = read_from(&path, 0)?.1;
    Ok(parse(&path, 0, &bytes)?.0)
}

/// The sizes within `range` of all checkpoints that were signed for the log in this folder. Of the file there is one checkpoint
/// in memory at a time.
///
/// # Errors
/// [`NotesError`].
pub(super) fn sizes(folder: &Path, range: &Range<u64>) -> Result<BTreeSet<u64>, NotesError> {
    let path = folder.join(ALL);
    let io = |reason| NotesError::Io { path: path.clone(), reason };
    let mut input = match File::open(&path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(io(error)),
    };
    let (mut sizes, mut offset, mut bytes) = (BTreeSet::new(), 0, Vec::new());
    loop {
        bytes.clear();
        input.read_until(b'\n', &mut bytes).map_err(io)?;
        let length = head(&bytes).map_or(0, |(_, length, _)| length as u64 + 1);
        Read::by_ref(&mut input).take(length).read_to_end(&mut bytes).map_err(io)?;
        match entry(&bytes) {
            Some((kept, _)) if range.contains(&kept.checkpoint.size) => drop(sizes.insert(kept.checkpoint.size)),
            Some(_) => {}
            None if is_torn(&bytes) => return Ok(sizes),
            None => return Err(NotesError::Damaged { path, offset }),
        }
        offset += bytes.len() as u64;
    }
}

/// The last checkpoint in a file, and where the next one belongs.
pub(super) fn last(path: &Path) -> Result<(Option<Kept>, u64), NotesError> {
    let (begin, bytes) = read_from(path, TAIL)?;
    let skipped = if begin == 0 { 0 } else { first_head(&bytes).unwrap_or(bytes.len()) };
    let begin = begin + skipped as u64;
    let (kept, end) = parse(path, begin, &bytes[skipped..])?;
    Ok((kept.into_iter().next_back(), end))
}

/// The last `most` bytes of a file, or all where that is 0, and where they begin.
fn read_from(path: &Path, most: u64) -> Result<(u64, Vec<u8>), NotesError> {
    let io = |reason| NotesError::Io { path: path.to_owned(), reason };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, Vec::new())),
        Err(error) => return Err(io(error)),
    };
    let length = file.metadata().map_err(io)?.len();
    let begin = if most == 0 { 0 } else { length.saturating_sub(most) };
    file.seek(SeekFrom::Start(begin)).map_err(io)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io)?;
    Ok((begin, bytes))
}

/// Where the first entry begins in the middle of a file: each but the first has an empty line before it.
fn first_head(bytes: &[u8]) -> Option<usize> {
    let needle = format!("\n\n{HEAD}");
    bytes.windows(needle.len()).position(|window| window == needle.as_bytes()).map(|at| at + 2)
}

fn parse(path: &Path, begin: u64, bytes: &[u8]) -> Result<(Vec<Kept>, u64), NotesError> {
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match entry(&bytes[at..]) {
            Some((one, length)) => {
                kept.push(one);
                at += length;
            }
            // The last that was written, and not as a whole.
            None if is_torn(&bytes[at..]) => break,
            None => return Err(NotesError::Damaged { path: path.to_owned(), offset: begin + at as u64 }),
        }
    }
    Ok((kept, begin + at as u64))
}

/// The entry at the beginning, and its length.
fn entry(bytes: &[u8]) -> Option<(Kept, usize)> {
    let (at, length, head) = head(bytes)?;
    let note = std::str::from_utf8(bytes.get(head..head + length)?).ok()?;
    if bytes.get(head + length) != Some(&b'\n') {
        return None;
    }
    let checkpoint = Checkpoint::parse(Note::parse(note).ok()?.unverified_text()).ok()?;
    Some((Kept { at, note: note.to_owned(), checkpoint }, head + length + 1))
}

/// Time and length that an entry's first line gives, and the length of that line.
fn head(bytes: &[u8]) -> Option<(Timestamp, usize, usize)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (at, length) = std::str::from_utf8(&bytes[..end]).ok()?.strip_prefix(HEAD)?.split_once(' ')?;
    Some((parse_rfc3339(at)?, length.parse().ok()?, end + 1))
}

/// Whether a crash can have left this: too short for what it says of itself, or with bytes that never reached the disk.
fn is_torn(bytes: &[u8]) -> bool {
    let is_short = match head(bytes) {
        Some((_, length, head)) => bytes.len() < head + length + 1,
        None => !bytes.contains(&b'\n') && bytes.len() < 64,
    };
    is_short || bytes.contains(&0)
}

/// Appends a checkpoint behind `end`, and says where the next one belongs. It is durable when this returns.
pub(super) fn append(path: &Path, end: u64, kept: &Kept) -> Result<u64, NotesError> {
    let text = kept.framed();
    let written = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        // Whatever a crash has torn there.
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if end == 0 { sync_folder(path) } else { Ok(()) }
    };
    written().map_err(|reason| NotesError::Io { path: path.to_owned(), reason })?;
    Ok(end + text.len() as u64)
}

/// Puts a checkpoint in the place of whatever the file holds, whole or not at all.
pub(super) fn replace(path: &Path, kept: &Kept) -> Result<(), NotesError> {
    let aside = path.with_extension("new");
    let written = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(kept.framed().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&aside, path)?;
        sync_folder(path)
    };
    written().map_err(|reason| NotesError::Io { path: path.to_owned(), reason })
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
