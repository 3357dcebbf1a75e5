//! What a crash leaves half made of sled's own files, and sled would stumble over.
//!
//! sled 0.34.7 writes a snapshot under a name that ends with `.generating`, syncs it and gives it its name; a start takes
//! one that was not finished for a damaged one, and refuses. The file `conf` it writes piece by piece, before there is a
//! database. Neither holds anything that was not there before.

use std::io;
use std::path::Path;

/// Removes both from a folder of sled's, which nobody has open.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let has_database = folder.join("db").exists();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_snapshot = name.starts_with("snap.") && name.ends_with(".generating");
        if is_snapshot || !has_database && name == "conf" {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_whole_stays() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["conf", "db", "snap.0A", "snap.0B.generating", "mine.generating"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        clear(folder.path()).unwrap();
        assert_eq!(left(folder.path()), ["conf", "db", "mine.generating", "snap.0A"]);
        std::fs::remove_file(folder.path().join("db")).unwrap();
        clear(folder.path()).unwrap();
        assert_eq!(left(folder.path()), ["mine.generating", "snap.0A"]);
        clear(&folder.path().join("nowhere")).unwrap();
    }
}
