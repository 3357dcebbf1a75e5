//! The lock that sled holds on a database's file, and when it lets go of it.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::sled_medium::OpenError;

/// What sled's threads may still take to put down a database that was dropped: 500 looks, a few milliseconds apart.
const LOOKS: u32 = 500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(4);

/// The store's file, open for reading while nobody else can have it open; the lock is sled's own. `None` where there is
/// no file yet.
pub(super) fn lock(path: &Path) -> Result<Option<File>, OpenError> {
    let unusable = |reason: String| OpenError::Unusable { path: path.to_owned(), reason };
    let file = match File::options().read(true).open(path.join("db")) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error.to_string())),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked(path.to_owned())),
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// Stands behind a database of sled's and, dropped after it, waits until its lock is gone: threads of sled's pool may
/// hold a database for some time after the last handle of it, and whoever opens it next would be told that it is in use.
pub(super) struct Released(PathBuf);

impl Released {
    /// Of the database in the folder `path`.
    pub(super) fn of(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        for _ in 0..LOOKS {
            if !matches!(lock(&self.0), Err(OpenError::Locked(_))) {
                return;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }
}

/// What `work` returns of a database that is closed again afterwards.
#[cfg(test)]
pub(super) fn with_database<T>(path: &Path, work: impl FnOnce(&sled::Db) -> T) -> T {
    let (db, released) = (sled::open(path).unwrap(), Released::of(path));
    let done = work(&db);
    drop(db);
    drop(released);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_was_closed_can_be_opened_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20_u64 {
            with_database(folder.path(), |db| {
                // Work for sled's threads, which they may still have when the last handle is gone.
                for key in 0..200_u64 {
                    db.insert(key.to_be_bytes(), vec![u8::try_from(round).unwrap(); 4000]).unwrap();
                }
            });
        }
    }

    #[test]
    fn who_holds_the_lock_for_good_is_not_waited_for_without_end() {
        let folder = tempfile::tempdir().unwrap();
        with_database(folder.path(), |_| ());
        let held = lock(folder.path()).unwrap();
        drop(Released::of(folder.path()));
        drop(held);
    }
}
