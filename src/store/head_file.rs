//! The file `HEAD` beside sled's: how far the log was durable, apart from the log.
//!
//! Each chunk vouches for those before it, but nothing in the log vouches for its last group: were it damaged after a
//! crash, it would look as if it had never been acknowledged. So the writer notes the head here after each group. The
//! note is not synced, only at a start and at an orderly end: it survives the process, and where the power goes it is
//! merely older than it could be. It has two lines that are written in turn, so that a torn one leaves the other.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::StoreError;

const NAME: &str = "HEAD";
const PREFIX: &str = "scan-login head, sequence ";
const LINE: usize = PREFIX.len() + 20 + ", checksum ".len() + 8 + 1;

/// The file, open for notes.
pub(super) struct HeadFile {
    file: File,
    second: AtomicBool,
}

impl HeadFile {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).open(folder.join(NAME))?;
        Ok(Self { file, second: AtomicBool::new(false) })
    }

    /// Notes that all records up to `seq` are durable.
    pub(super) fn note(&self, seq: u64) -> io::Result<()> {
        let place = if self.second.fetch_xor(true, Ordering::Relaxed) { LINE as u64 } else { 0 };
        self.file.write_all_at(line(seq).as_bytes(), place)
    }

    /// Makes the last note durable itself.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// What was noted in `folder`; 0 where nothing was.
pub(super) fn read(folder: &Path) -> Result<u64, StoreError> {
    let bytes = match std::fs::read(folder.join(NAME)) {
        Ok(bytes) if !bytes.is_empty() => bytes,
        Ok(_) => return Ok(0),
        // Stores of layout 1 have none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(StoreError::Unreadable(error.to_string().into())),
    };
    let noted = bytes.chunks(LINE).filter_map(parsed).max();
    noted.ok_or_else(|| StoreError::Damaged(format!("its file {NAME} does not read as it was written").into()))
}

fn parsed(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let seq = text.strip_prefix(PREFIX)?.split(',').next()?.parse().ok()?;
    (line(seq) == text).then_some(seq)
}

fn line(seq: u64) -> String {
    let text = format!("{PREFIX}{seq:020}");
    let checksum = crc32fast::hash(text.as_bytes());
    format!("{text}, checksum {checksum:08x}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_note_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), 0);
        let head = HeadFile::open(folder.path()).unwrap();
        for seq in [1, 7, u64::MAX] {
            head.note(seq).unwrap();
            assert_eq!(read(folder.path()).unwrap(), seq);
        }
        let again = HeadFile::open(folder.path()).unwrap();
        again.note(u64::MAX).unwrap();
        again.sync().unwrap();
        assert_eq!(read(folder.path()).unwrap(), u64::MAX);
    }

    #[test]
    fn a_torn_note_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let head = HeadFile::open(folder.path()).unwrap();
        head.note(41).unwrap();
        head.note(42).unwrap();
        let text = std::fs::read(folder.path().join(NAME)).unwrap();
        for byte in 0..text.len() {
            let mut flipped = text.clone();
            flipped[byte] ^= 1;
            std::fs::write(folder.path().join(NAME), flipped).unwrap();
            assert_eq!(read(folder.path()).unwrap(), if byte < LINE { 42 } else { 41 }, "byte {byte}");
        }
    }

    #[test]
    fn a_file_without_any_whole_note_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), "something else").unwrap();
        assert!(matches!(read(folder.path()), Err(StoreError::Damaged(_))));
    }
}
