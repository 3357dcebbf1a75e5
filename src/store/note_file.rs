//! A number that is noted in a small file beside the log: two lines that are written in turn, so that a torn one leaves the other.
//!
//! - `HEAD`: how far the log was durable, apart from the log. Each chunk vouches for those before it, but nothing in the log vouches for
//!   its last group: were it damaged after a crash, it would look as if it had never been acknowledged. So the writer notes the head
//!   after each group. It is synced at a start and at an orderly end only: it survives the process, and where the power goes it
//!   is merely older than it could be.
//! - `PENDING`: from where on records of sessions can lie to which something may still happen. A start reads the log from there;
//!   where the file is not there, or not whole, from the beginning.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::StoreError;

/// What is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// All records up to this one are durable.
    Head,
    /// Nothing more happens to sessions of which no record lies here or behind.
    Pending,
}

impl Note {
    const fn name(self) -> &'static str {
        match self {
            Self::Head => "HEAD",
            Self::Pending => "PENDING",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Head => "scan-login head, sequence ",
            Self::Pending => "scan-login pending, sequence ",
        }
    }

    const fn line_length(self) -> usize {
        self.prefix().len() + 20 + ", checksum ".len() + 8 + 1
    }

    fn line(self, seq: u64) -> String {
        let text = format!("{}{seq:020}", self.prefix());
        let checksum = crc32fast::hash(text.as_bytes());
        format!("{text}, checksum {checksum:08x}\n")
    }

    fn parsed(self, bytes: &[u8]) -> Option<u64> {
        let text = std::str::from_utf8(bytes).ok()?;
        let seq = text.strip_prefix(self.prefix())?.split(',').next()?.parse().ok()?;
        (self.line(seq) == text).then_some(seq)
    }

    /// What was noted in `folder`; 0 where nothing was.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be read, or has no whole line.
    pub(super) fn read(self, folder: &Path) -> Result<u64, StoreError> {
        let name = self.name();
        let bytes = match std::fs::read(folder.join(name)) {
            Ok(bytes) if !bytes.is_empty() => bytes,
            Ok(_) => return Ok(0),
            // Stores of older layouts have none.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(StoreError::Unreadable(error.to_string().into())),
        };
        let noted = bytes.chunks(self.line_length()).filter_map(|line| self.parsed(line)).max();
        noted.ok_or_else(|| StoreError::Damaged(format!("its file {name} does not read as it was written").into()))
    }
}

/// The file, open for notes that only grow.
pub(super) struct NoteFile {
    note: Note,
    file: File,
    second: AtomicBool,
}

impl NoteFile {
    pub(super) fn open(folder: &Path, note: Note) -> io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).open(folder.join(note.name()))?;
        Ok(Self { note, file, second: AtomicBool::new(false) })
    }

    pub(super) fn write(&self, seq: u64) -> io::Result<()> {
        let place = if self.second.fetch_xor(true, Ordering::Relaxed) { self.note.line_length() as u64 } else { 0 };
        self.file.write_all_at(self.note.line(seq).as_bytes(), place)
    }

    /// Makes the last note durable itself.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_note_counts() {
        let folder = tempfile::tempdir().unwrap();
        for note in [Note::Head, Note::Pending] {
            assert_eq!(note.read(folder.path()).unwrap(), 0);
            let file = NoteFile::open(folder.path(), note).unwrap();
            for seq in [1, 7, u64::MAX] {
                file.write(seq).unwrap();
                assert_eq!(note.read(folder.path()).unwrap(), seq);
            }
            let again = NoteFile::open(folder.path(), note).unwrap();
            again.write(u64::MAX).unwrap();
            again.sync().unwrap();
            assert_eq!(note.read(folder.path()).unwrap(), u64::MAX);
        }
    }

    #[test]
    fn a_torn_note_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let head = NoteFile::open(folder.path(), Note::Head).unwrap();
        head.write(41).unwrap();
        head.write(42).unwrap();
        let text = std::fs::read(folder.path().join("HEAD")).unwrap();
        for byte in 0..text.len() {
            let mut flipped = text.clone();
            flipped[byte] ^= 1;
            std::fs::write(folder.path().join("HEAD"), flipped).unwrap();
            let left = if byte < Note::Head.line_length() { 42 } else { 41 };
            assert_eq!(Note::Head.read(folder.path()).unwrap(), left, "byte {byte}");
        }
    }

    #[test]
    fn a_file_without_any_whole_note_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("HEAD"), "something else").unwrap();
        assert!(matches!(Note::Head.read(folder.path()), Err(StoreError::Damaged(_))));
    }
}
