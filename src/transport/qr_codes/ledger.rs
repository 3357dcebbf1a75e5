//! Where it is written how many codes an account has used today: a line in a small file, replaced as a whole.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::domain::AccountName;

use super::budget::Used;

/// The folder below the store's.
const FOLDER: &str = "qr-budget";

/// One account's file.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    /// One writer at a time.
    writing: Mutex<()>,
}

impl Ledger {
    pub(super) fn new(store: &Path, account: &AccountName) -> Self {
        Self { path: store.join(FOLDER).join(account.as_str()), writing: Mutex::default() }
    }

    /// What was written last; `None` where nothing was, or nothing that can be read.
    pub(super) fn read(&self) -> Option<Used> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "today's QR codes are counted from 0: the count cannot be read");
                return None;
            }
        };
        let used = parse(&text);
        if used.is_none() {
            tracing::warn!(path = %self.path.display(), "today's QR codes are counted from 0: the count makes no sense");
        }
        used
    }

    /// Blocks until it is written. A crash leaves what was there before, or this.
    pub(super) fn write(&self, used: Used) {
        let _only_one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.replace(used) {
            tracing::warn!(path = %self.path.display(), %error, "the count of today's QR codes cannot be written");
        }
    }

    fn replace(&self, used: Used) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // No account's name holds a dot.
        let temporary = self.path.with_extension("new");
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(format!("day {} used {}\n", used.day, used.codes).as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)
    }
}

fn parse(text: &str) -> Option<Used> {
    let (day, codes) = text.trim_end().strip_prefix("day ")?.split_once(" used ")?;
    Some(Used { day: day.parse().ok()?, codes: codes.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path(), &AccountName::new("main").unwrap());
        assert_eq!(ledger.read(), None);
        for codes in [0, 64, 90_000] {
            ledger.write(Used { day: 20_456, codes });
            assert_eq!(ledger.read(), Some(Used { day: 20_456, codes }));
        }
        let files: Vec<_> = std::fs::read_dir(folder.path().join(FOLDER)).unwrap().collect();
        assert_eq!(files.len(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_makes_no_sense_counts_as_nothing() {
        for text in ["", "day", "day 1", "day x used 1", "day 1 used -1", "used 1 day 1", "day 1 used 1 2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(&folder.path().join("file"), &AccountName::new("main").unwrap());
        std::fs::write(folder.path().join("file"), "").unwrap();
        ledger.write(Used { day: 1, codes: 1 });
        assert_eq!(ledger.read(), None);
    }
}
