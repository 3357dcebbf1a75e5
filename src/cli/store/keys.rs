//! The folder of the keys as files, for backups that are to hold them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::vault;

/// What is lost where the journal comes back without its keys.
pub(super) const LOST_WITHOUT: &str = "codes that are not redeemed, links on phones, access tokens, and the page ids of \
                                       pending logins are worth nothing without them; what has happened stays readable";

/// Copies the files of one folder into another, for this user alone, without those that `leaves_out` names; how many there are.
pub(super) fn copy(from: &Path, to: &Path, leaves_out: &[&str]) -> io::Result<usize> {
    let mut files = 0;
    DirBuilder::new().mode(0o700).recursive(true).create(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let is_left_out = leaves_out.iter().any(|name| entry.file_name() == *name);
        if !entry.file_type()?.is_file() || is_left_out {
            continue;
        }
        let target = to.join(entry.file_name());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target)?;
        file.write_all(&std::fs::read(entry.path())?)?;
        file.sync_all()?;
        files += 1;
    }
    File::open(to)?.sync_all()?;
    Ok(files)
}

/// Whether there is no key: nothing, or only the ledger of who was forgotten.
pub(super) fn holds_none(path: &Path) -> bool {
    let is_ledger =
        |entry: io::Result<std::fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() == vault::FORGOTTEN);
    std::fs::read_dir(path).map_or(!path.exists(), |mut entries| entries.all(is_ledger))
}

/// Whether nothing is there, or an empty folder.
pub(super) fn is_free(path: &Path) -> bool {
    std::fs::read_dir(path).map_or(!path.exists(), |mut entries| entries.next().is_none())
}
