//! The medium on a disk: sled 0.34.7, with a sync of our own.
//!
//! sled's `flush` issues `sync_file_range` on Linux, which covers neither the file's metadata nor the drive's cache, so
//! an acknowledgement that rested on it could be lost with the power. Everything that sled writes goes into one file,
//! `db`, and [`SledMedium::sync`] asks for its `fdatasync` itself.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::domain::SceneId;
use crate::vault::{NoVault, VaultError};

use super::archive::{Archive, ArchiveLimits};
use super::codec::{self, Chunk};
use super::head_file::HeadFile;
use super::medium::{Medium, MediumError, Visit};
use super::migrate::{self, LayoutError, MigrationTarget};
use super::sled_index::{self, SledIndex};
use super::sled_lock::{Released, lock};
use super::{StoreError, examine, half_made};

/// The page cache of each of the two. Its default of 1 GiB would grow with history; what sled holds for a page is two to
/// three times what it counts.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none.
    #[error("there is no journal in {0}")]
    Missing(PathBuf),
    /// Another process has it open.
    #[error("the journal in {0} is in use by another process")]
    Locked(PathBuf),
    /// It was made by something else, or by a newer version; nothing was touched.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The folder cannot be used.
    #[error("the journal in {path} cannot be opened: {reason}")]
    Unusable {
        /// Its folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It lies where nothing can be written, and sled writes when it opens.
    #[error("the journal in {0} cannot be opened: Read-only file system")]
    ReadOnly(PathBuf),
    /// The keys of what identifies a person cannot be used.
    #[error("the keys of persons cannot be used: {0}")]
    Vault(#[from] VaultError),
    /// Its content is damaged, or the writer could not be started.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        let cure = match self {
            Self::Vault(error) => return error.cure(),
            Self::Missing(_) => "give the configuration that `scan-login serve` runs with, or start it once",
            Self::Locked(_) => {
                "ask the running daemon (`replay` does so by itself while [admin] socket is where the daemon has it), \
                 or stop it first"
            }
            Self::Layout(error) => error.cure(),
            Self::Unusable { .. } => "see that the folder exists, belongs to this user, and that its disk has space",
            Self::ReadOnly(_) => {
                "mount it for writing; as it is, `scan-login store export --whole-only --to FILE` reads it, with FILE elsewhere"
            }
            Self::Store(StoreError::Damaged(_)) => {
                "keep a copy of the folder before anything else; then `scan-login store export --whole-only --to FILE` \
                 writes what is whole and changes nothing, and `scan-login store restore --from DIR` restores a backup"
            }
            Self::Store(_) => "see that the disk is well and that this user may read the folder, and try again",
        };
        cure.to_owned()
    }
}

/// What to do where there is no store yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    Create,
    Refuse,
}

/// Two sled databases: the tree `log` of the one holds the chunks, the other is the index.
pub(super) struct SledMedium {
    log: sled::Tree,
    index: SledIndex,
    db: sled::Db,
    /// The same file as sled's, for `fdatasync`.
    file: File,
    head: HeadFile,
    /// Last, since fields are dropped in this order: whoever opens the store next finds it free.
    _released: [Released; 2],
}

impl SledMedium {
    pub(super) fn open(
        path: &Path,
        if_missing: IfMissing,
        limits: ArchiveLimits,
    ) -> Result<(Self, Archive), OpenError> {
        // Looked at before sled does: opening a folder is enough for sled to change it.
        let layout = match (migrate::inspect(path)?, if_missing) {
            (Some(layout), _) => layout,
            (None, IfMissing::Refuse) => return Err(OpenError::Missing(path.to_owned())),
            (None, IfMissing::Create) => {
                // It tells who logged in: nobody else may read it.
                let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
                made.map_err(|error| unusable(path, &error))?;
                migrate::announce(path)?;
                0
            }
        };
        let examined = examine_alone(path)?;
        if examined.is_doubtful {
            try_a_copy(path, &examined)?;
        }
        let medium = Self::open_as_it_is(path, layout)?;
        if std::fs::metadata(path).is_ok_and(|folder| folder.permissions().mode() & 0o077 != 0) {
            let path = path.display();
            tracing::warn!(%path, "other users can read who logged in: chmod go-rwx that folder");
        }
        medium.sync().map_err(|reason| unusable(path, &reason))?;
        sync_folder(path).map_err(|error| unusable(path, &error))?;
        medium.reaches(&examined)?;
        let archive = Archive::open(path, examined.archive, limits).map_err(|error| unusable(path, &error))?;
        Ok((medium, archive))
    }

    fn open_as_it_is(path: &Path, layout: u32) -> Result<Self, OpenError> {
        let open = |path: &Path| {
            // The journal flushes when it acknowledges; nothing else has to be written by a clock.
            guarded(|| sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None).open())
        };
        clear_half_made(path)?;
        // First: where it cannot be opened, the log has not been touched.
        let index = match open(&path.join(sled_index::FOLDER)) {
            Some(Ok(index)) => index,
            None | Some(Err(sled::Error::Corruption { .. })) => return Err(broken_index()),
            Some(Err(error)) => return Err(not_opened(path, &error)),
        };
        let db = open(path).ok_or_else(broken)?.map_err(|error| not_opened(path, &error))?;
        let old = index.clone();
        let index = guarded(|| SledIndex::new(index)).ok_or_else(broken_index)?;
        let index = index.map_err(|error| not_opened(path, &error))?;
        migrate::run(path, &Databases { db: &db, old: &old, index: &index, path }, layout)?;
        let log = guarded(|| db.open_tree("log")).ok_or_else(broken)?.map_err(|error| not_opened(path, &error))?;
        let file = File::options().write(true).open(path.join("db")).map_err(|error| unusable(path, &error))?;
        let head = HeadFile::open(path).map_err(|error| unusable(path, &error))?;
        let _released = [Released::of(path), Released::of(&path.join(sled_index::FOLDER))];
        Ok(Self { log, index, db, file, head, _released })
    }

    /// Whether the log ends where it must, or behind it.
    fn reaches(&self, examined: &examine::Examined) -> Result<(), OpenError> {
        let last = guarded(|| self.chunk_at_or_before(u64::MAX)).ok_or_else(broken)?;
        let last = match last.map_err(StoreError::Unreadable)? {
            None => 0,
            Some((first_seq, value)) => first_seq + codec::records_of(&value).1 as u64 - 1,
        };
        if last.max(examined.archive.last()) >= examined.least {
            return Ok(());
        }
        let told = format!("sled opens it with {last} records, but {} were durable", examined.least);
        Err(StoreError::Damaged(told.into()).into())
    }

    /// Reads the whole log behind the archive: each record once, and as far as it must reach.
    fn is_whole(&self, examined: &examine::Examined) -> Result<(), OpenError> {
        let (mut next, mut fault) = (examined.archive.last() + 1, None);
        let visited = guarded(|| {
            self.visit(next, &mut |first_seq, value| {
                match codec::decode_chunk(first_seq, value, &NoVault) {
                    Err(what) => fault = Some(what),
                    Ok(_) if first_seq > next => fault = Some(format!("record {next}: it is missing")),
                    Ok(records) => next = next.max(first_seq + records.len() as u64),
                }
                if fault.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        });
        visited.ok_or_else(broken)?.map_err(StoreError::Unreadable)?;
        fault.map_or(Ok(()), |fault| Err(StoreError::Damaged(fault.into())))?;
        self.reaches(examined)
    }
}

impl Medium for SledMedium {
    fn write(&self, chunks: &[Chunk]) -> Result<(), MediumError> {
        for chunk in chunks {
            self.log.insert(chunk.first_seq.to_be_bytes(), chunk.value.as_slice()).map_err(|error| told(&error))?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), MediumError> {
        self.db.flush().map_err(|error| told(&error))?;
        self.file.sync_data().map_err(|error| told(&error))
    }

    fn remove(&self, first_seqs: &[u64]) -> Result<(), MediumError> {
        for seq in first_seqs {
            self.log.remove(seq.to_be_bytes()).map_err(|error| told(&error))?;
        }
        Ok(())
    }

    fn chunk_at_or_before(&self, seq: u64) -> Result<Option<(u64, Vec<u8>)>, MediumError> {
        let found = self.log.range(..=seq.to_be_bytes()).next_back().transpose().map_err(|error| told(&error))?;
        found.map(|(key, value)| Ok((u64_from(&key)?, value.to_vec()))).transpose()
    }

    fn visit(&self, seq: u64, visit: &mut Visit<'_>) -> Result<(), MediumError> {
        let begin = self.log.range(..=seq.to_be_bytes()).next_back().transpose().map_err(|error| told(&error))?;
        let begin = begin.map_or_else(|| sled::IVec::from(&[]), |(key, _)| key);
        for chunk in self.log.range(begin..) {
            let (key, value) = chunk.map_err(|error| told(&error))?;
            if visit(u64_from(&key)?, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn retired(&self, scene: &SceneId) -> Result<Option<Vec<u64>>, MediumError> {
        self.index.get(scene)
    }

    fn retire(&self, streams: &[(SceneId, Vec<u64>)], unretired_from: u64) -> Result<(), MediumError> {
        self.index.put(streams, unretired_from)
    }

    fn unindex(&self, scenes: &[SceneId], first: u64) -> Result<(), MediumError> {
        self.index.cut(scenes, first)
    }

    fn note_head(&self, seq: u64, sync: bool) -> Result<(), MediumError> {
        self.head.note(seq).map_err(|error| told(&error))?;
        if sync { self.head.sync().map_err(|error| told(&error)) } else { Ok(()) }
    }

    fn unretired_from(&self) -> Result<u64, MediumError> {
        self.index.unretired_from()
    }
}

fn u64_from(bytes: &[u8]) -> Result<u64, MediumError> {
    Ok(u64::from_be_bytes(bytes.try_into().map_err(|_| "a sequence does not have eight bytes")?))
}

/// Looks at the store while nobody else can have it open.
pub(super) fn examine_alone(path: &Path) -> Result<examine::Examined, OpenError> {
    let _lock = lock(path)?;
    Ok(examine::examine(path)?)
}

/// A crash may have come while sled made its own files.
fn clear_half_made(path: &Path) -> Result<(), OpenError> {
    let _lock = lock(path)?;
    let cleared = half_made::clear(path).and_then(|()| half_made::clear(&path.join(sled_index::FOLDER)));
    cleared.map_err(|error| unusable(path, &error))
}

/// sled opens a copy, and all of it is read: only then may it touch the store itself.
fn try_a_copy(path: &Path, examined: &examine::Examined) -> Result<(), OpenError> {
    let unusable = |error: std::io::Error| unusable(path, &format!("its copy could not be made: {error}"));
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let copy = tempfile::Builder::new().prefix("store-copy-").tempdir_in(beside).map_err(unusable)?;
    for entry in std::fs::read_dir(path).map_err(unusable)? {
        let entry = entry.map_err(unusable)?;
        if entry.file_type().map_err(unusable)?.is_file() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).map_err(unusable)?;
        }
    }
    SledMedium::open_as_it_is(copy.path(), migrate::CURRENT)?.is_whole(examined)
}

/// What `work` returns; `None` where it panics, as sled does over a damaged file.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // The text of sled's panics helps nobody; that it failed is told by whoever asked it.
            if !panic.location().is_some_and(|place| place.file().contains("/sled-0.34")) {
                told(panic);
            }
        }));
    });
    std::panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

fn broken() -> OpenError {
    OpenError::Store(StoreError::Damaged("sled cannot make sense of its own file".into()))
}

fn broken_index() -> OpenError {
    let folder = sled_index::FOLDER;
    let told =
        format!("sled cannot read the index; without the folder `{folder}` in it, a start makes it again from the log");
    OpenError::Store(StoreError::Damaged(told.into()))
}

fn told(error: &dyn std::fmt::Display) -> MediumError {
    error.to_string().into()
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Unusable { path: path.to_owned(), reason: error.to_string() }
}

fn not_opened(path: &Path, error: &sled::Error) -> OpenError {
    match error {
        sled::Error::Corruption { .. } => OpenError::Store(StoreError::Damaged("sled cannot read its own file".into())),
        error if is_lock(error) => OpenError::Locked(path.to_owned()),
        sled::Error::Io(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly(path.to_owned()),
        error => unusable(path, error),
    }
}

/// sled tells a lock that another process holds only by its text.
fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(_)) && error.to_string().contains("could not acquire lock")
}

/// Makes the existence of new files durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// What a migration works on.
struct Databases<'a> {
    db: &'a sled::Db,
    old: &'a sled::Db,
    index: &'a SledIndex,
    path: &'a Path,
}

impl MigrationTarget for Databases<'_> {
    fn create_tree(&self, name: &str) -> Result<(), MediumError> {
        self.db.open_tree(name).map(drop).map_err(|error| told(&error))
    }

    fn move_to_index(&self, name: &str) -> Result<(), MediumError> {
        let moved = || {
            let to = self.old.open_tree(name)?;
            for entry in &self.db.open_tree(name)? {
                let (key, value) = entry?;
                to.insert(key, value)?;
            }
            self.old.flush()
        };
        moved().map_err(|error| told(&error))?;
        // Durable there before it is gone here.
        let file = File::open(self.path.join(sled_index::FOLDER).join("db"));
        file.and_then(|file| file.sync_all()).map_err(|error| told(&error))?;
        self.db.drop_tree(name).map(drop).map_err(|error| told(&error))
    }

    fn shorten_index(&self, name: &str) -> Result<(), MediumError> {
        self.index.take_over(name, self.path)
    }

    fn create_folder(&self, name: &str) -> Result<(), MediumError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(self.path.join(name));
        made.map_err(|error| told(&error))
    }

    fn flush(&self) -> Result<(), MediumError> {
        self.db.flush().map(drop).map_err(|error| told(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sled_lock::with_database;
    use super::*;

    #[test]
    fn damage_that_sled_finds_is_not_told_as_a_folder_that_cannot_be_used() {
        let corrupted = sled::Error::Corruption { at: None, bt: () };
        let told = not_opened(Path::new("data"), &corrupted);
        assert!(matches!(told, OpenError::Store(StoreError::Damaged(_))), "{told}");
        assert!(told.cure().starts_with("keep a copy"), "{}", told.cure());
    }

    const SCENE: &str = "sl-0000000000000000000001";

    /// A store of layout 2 with an index of two entries.
    fn layout_2(path: &Path) {
        std::fs::create_dir_all(path).unwrap();
        migrate::announce(path).unwrap();
        std::fs::write(path.join("LAYOUT"), "scan-login store, layout 2\n").unwrap();
        with_database(path, |db| {
            db.open_tree("log").unwrap();
            let retired = db.open_tree("retired").unwrap();
            retired.insert(SCENE, &[0, 0, 0, 0, 0, 0, 0, 7]).unwrap();
            retired.insert("unretired-from", &[0, 0, 0, 0, 0, 0, 0, 9]).unwrap();
        });
    }

    fn holds_the_index(path: &Path) {
        let (medium, _) = SledMedium::open(path, IfMissing::Refuse, ArchiveLimits::default()).unwrap();
        assert_eq!(medium.unretired_from().unwrap(), 9);
        assert_eq!(medium.retired(&SceneId::new(SCENE).unwrap()).unwrap().unwrap(), [7]);
        assert!(!medium.db.tree_names().contains(&"retired".into()), "it is still in its old place");
        drop(medium);
        let names = with_database(&path.join(sled_index::FOLDER), |index| index.tree_names());
        assert!(!names.contains(&"retired".into()), "it is still in its old form");
        assert_eq!(std::fs::read_to_string(path.join("LAYOUT")).unwrap(), "scan-login store, layout 4\n");
    }

    #[test]
    fn the_index_of_an_older_store_moves_into_a_database_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        layout_2(folder.path());
        holds_the_index(folder.path());
        holds_the_index(folder.path());
    }

    #[test]
    fn a_broken_index_is_told_with_its_cure_and_made_again_without_it() {
        let folder = tempfile::tempdir().unwrap();
        drop(SledMedium::open(folder.path(), IfMissing::Create, ArchiveLimits::default()).unwrap());
        let index = folder.path().join(sled_index::FOLDER);
        let log = std::fs::read(folder.path().join("db")).unwrap();
        for entry in std::fs::read_dir(&index).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_file() && !entry.ends_with("db") {
                std::fs::write(entry, "not what sled wrote").unwrap();
            }
        }
        let Err(error) = SledMedium::open(folder.path(), IfMissing::Refuse, ArchiveLimits::default()) else {
            panic!("it was opened")
        };
        assert!(error.to_string().contains("without the folder `index`"), "{error}");
        assert_eq!(std::fs::read(folder.path().join("db")).unwrap(), log, "the log was touched");
        std::fs::remove_dir_all(index).unwrap();
        SledMedium::open(folder.path(), IfMissing::Refuse, ArchiveLimits::default()).unwrap();
    }

    #[test]
    fn a_move_that_was_cut_off_goes_on() {
        for is_moved in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            layout_2(folder.path());
            // Half of it is there already; or all, and only the layout was not written any more.
            with_database(&folder.path().join(sled_index::FOLDER), |index| {
                index.open_tree("retired").unwrap().insert(SCENE, &[0, 0, 0, 0, 0, 0, 0, 7]).unwrap();
                if is_moved {
                    let new = SledIndex::new(index.clone()).unwrap();
                    with_database(folder.path(), |db| {
                        let databases = Databases { db, old: index, index: &new, path: folder.path() };
                        databases.move_to_index("retired").unwrap();
                    });
                }
            });
            holds_the_index(folder.path());
        }
    }
}
