//! How far a website was told: the sequence up to which every message is settled.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use super::{WebhooksError, line_file};
use crate::keys::sha256;

/// A small file beside the journal, replaced as a whole.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    path: PathBuf,
    seq: u64,
}

impl Cursor {
    /// Reads the website's; where there is none it begins at `head`.
    pub(super) fn open(folder: &Path, client_id: &str, head: u64) -> Result<Self, WebhooksError> {
        // A client's id may hold characters that no file's name may.
        let name = HEXLOWER.encode(&sha256(client_id.as_bytes()).0[..16]);
        let path = folder.join(name);
        let unusable = |reason: String| WebhooksError::Cursor { path: path.clone(), reason };
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| unusable(error.to_string()))?;
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let seq = text.strip_suffix('\n').and_then(|text| text.parse().ok());
                let seq: u64 = seq.ok_or_else(|| unusable("holds no sequence of the journal".into()))?;
                // Of a journal that was restored to an earlier state, what comes is told.
                Ok(Self { seq: seq.min(head), path })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                line_file::write(&path, &head).map_err(|error| unusable(error.to_string()))?;
                Ok(Self { seq: head, path })
            }
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it, durably. Where that fails it stays, and more is told twice after a restart.
    pub(super) async fn move_to(&mut self, seq: u64) {
        self.seq = seq;
        line_file::note(&self.path, seq, "how far a website was told").await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_one_begins_at_the_head_and_an_old_one_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut cursor = Cursor::open(folder.path(), "a/b", 7).unwrap();
        assert_eq!(cursor.seq(), 7);
        assert_eq!(Cursor::open(folder.path(), "a/b", 20).unwrap().seq(), 7);
        cursor.move_to(12).await;
        assert_eq!(Cursor::open(folder.path(), "a/b", 20).unwrap().seq(), 12);
        assert_eq!(Cursor::open(folder.path(), "a/b", 10).unwrap().seq(), 10, "of a journal that was restored");
        std::fs::write(&cursor.path, "x\n").unwrap();
        assert!(Cursor::open(folder.path(), "a/b", 20).is_err());
    }
}
