//! Where a new folder is made, and how it comes into its place: whole or not at all.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::TempDir;

/// Whether nothing is there, or an empty folder.
pub(super) fn is_free(path: &Path) -> io::Result<bool> {
    match std::fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        looked => looked,
    }
}

/// Tells the folder at `path` from every other of this machine, by whatever name it is reached.
///
/// # Errors
/// Whatever looking at it gives.
pub fn folder_id(path: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    Ok(format!("{:x}-{:x}", metadata.dev(), metadata.ino()))
}

/// A folder beside `path`, which goes away by itself unless it is put in its place.
pub(super) fn beside(path: &Path) -> io::Result<TempDir> {
    let parent = parent(path);
    DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    tempfile::Builder::new().prefix("store-new-").permissions(Permissions::from_mode(0o700)).tempdir_in(parent)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Everything under `folder` on the disk, and for its owner alone.
pub(super) fn settle(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::set_permissions(entry.path(), Permissions::from_mode(0o700))?;
            settle(&entry.path())?;
        } else {
            std::fs::set_permissions(entry.path(), Permissions::from_mode(0o600))?;
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

/// Gives the folder its name. An empty one gives way; anything else is an error.
pub(super) fn put(folder: TempDir, path: &Path) -> io::Result<()> {
    std::fs::rename(folder.path(), path)?;
    // It has another name by now.
    let _ = folder.keep();
    File::open(parent(path))?.sync_all()
}
