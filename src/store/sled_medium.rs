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

use crate::vault::{NoVault, VaultError};

use super::archive::{Archive, ArchiveLimits};
use super::codec::{self, Chunk};
use super::medium::{Medium, MediumError, Visit};
use super::migrate::{self, LayoutError, MigrationTarget};
use super::note_file::{Note, NoteFile};
use super::old::Old;
use super::sled_lock::{Released, lock};
use super::streams::StreamIndex;
use super::{StoreError, archive, examine, half_made, streams};

/// The page cache. Its default of 1 GiB would grow with history; what sled holds for a page is two to three times what it
/// counts.
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
            Self::Store(StoreError::Index(_)) => {
                "remove that file from the store's folder: a start makes it again from the log"
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

/// A sled database, whose tree `log` holds the chunks, and two notes beside it.
pub(super) struct SledMedium {
    log: sled::Tree,
    db: sled::Db,
    /// The same file as sled's, for `fdatasync`.
    file: File,
    head: NoteFile,
    pending: NoteFile,
    /// What was noted there before.
    pending_from: u64,
    /// Last, since fields are dropped in this order: whoever opens the store next finds it free.
    _released: Released,
}

impl SledMedium {
    pub(super) fn open(path: &Path, if_missing: IfMissing, limits: ArchiveLimits) -> Result<(Self, Old), OpenError> {
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
        // What lies in them was looked at; a copy of the store may have left them out where they were empty.
        for folder in [archive::FOLDER, streams::FOLDER] {
            Store { db: &medium.db, path }.create_folder(folder).map_err(|reason| unusable(path, &reason))?;
        }
        medium.sync().map_err(|reason| unusable(path, &reason))?;
        sync_folder(path).map_err(|error| unusable(path, &error))?;
        medium.reaches(&examined)?;
        let archive = Archive::open(path, examined.archive, limits).map_err(|error| unusable(path, &error))?;
        let streams = StreamIndex::open(path, examined.streams).map_err(|error| unusable(path, &error))?;
        Ok((medium, Old { archive, streams }))
    }

    fn open_as_it_is(path: &Path, layout: u32) -> Result<Self, OpenError> {
        let open = |path: &Path| {
            // The journal flushes when it acknowledges; nothing else has to be written by a clock.
            guarded(|| sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None).open())
        };
        clear_half_made(path)?;
        let db = open(path).ok_or_else(broken)?.map_err(|error| not_opened(path, &error))?;
        migrate::run(path, &Store { db: &db, path }, layout)?;
        let log = guarded(|| db.open_tree("log")).ok_or_else(broken)?.map_err(|error| not_opened(path, &error))?;
        let file = File::options().write(true).open(path.join("db")).map_err(|error| unusable(path, &error))?;
        let pending_from = Note::Pending.read(path).unwrap_or_else(|error| {
            tracing::warn!(%error, "from where on sessions are pending is not known: all of the log is read");
            0
        });
        let [head, pending] = [Note::Head, Note::Pending].map(|note| NoteFile::open(path, note));
        let head = head.map_err(|error| unusable(path, &error))?;
        let pending = pending.map_err(|error| unusable(path, &error))?;
        Ok(Self { log, db, file, head, pending, pending_from, _released: Released::of(path) })
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

    fn note_head(&self, seq: u64, sync: bool) -> Result<(), MediumError> {
        self.head.write(seq).map_err(|error| told(&error))?;
        if sync { self.head.sync().map_err(|error| told(&error)) } else { Ok(()) }
    }

    fn note_pending(&self, seq: u64) -> Result<(), MediumError> {
        self.pending.write(seq).map_err(|error| told(&error))
    }

    fn pending_from(&self) -> u64 {
        self.pending_from
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
    half_made::clear(path).map_err(|error| unusable(path, &error))
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
struct Store<'a> {
    db: &'a sled::Db,
    path: &'a Path,
}

impl MigrationTarget for Store<'_> {
    fn create_tree(&self, name: &str) -> Result<(), MediumError> {
        self.db.open_tree(name).map(drop).map_err(|error| told(&error))
    }

    fn drop_tree(&self, name: &str) -> Result<(), MediumError> {
        self.db.drop_tree(name).map(drop).map_err(|error| told(&error))
    }

    fn create_folder(&self, name: &str) -> Result<(), MediumError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(self.path.join(name));
        made.map_err(|error| told(&error))
    }

    fn remove_folder(&self, name: &str) -> Result<(), MediumError> {
        match std::fs::remove_dir_all(self.path.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(told(&error)),
            _ => Ok(()),
        }
    }

    fn flush(&self) -> Result<(), MediumError> {
        self.db.flush().map(drop).map_err(|error| told(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sled_lock::with_database;
    use super::*;
    use crate::domain::{SceneId, Timestamp};
    use crate::store::EventStore;

    #[test]
    fn damage_that_sled_finds_is_not_told_as_a_folder_that_cannot_be_used() {
        let corrupted = sled::Error::Corruption { at: None, bt: () };
        let told = not_opened(Path::new("data"), &corrupted);
        assert!(matches!(told, OpenError::Store(StoreError::Damaged(_))), "{told}");
        assert!(told.cure().starts_with("keep a copy"), "{}", told.cure());
    }

    /// A store of layout 2, with an index in the log's file.
    fn layout_2(path: &Path) {
        std::fs::create_dir_all(path).unwrap();
        migrate::announce(path).unwrap();
        std::fs::write(path.join("LAYOUT"), "scan-login store, layout 2\n").unwrap();
        with_database(path, |db| {
            db.open_tree("log").unwrap();
            db.open_tree("retired").unwrap().insert("sl-0000000000000000000001", &[0, 0, 0, 0, 0, 0, 0, 7]).unwrap();
        });
    }

    #[test]
    fn what_older_stores_had_for_an_index_is_taken_away() {
        for has_database in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            layout_2(folder.path());
            if has_database {
                with_database(&folder.path().join("index"), |index| drop(index.open_tree("streams").unwrap()));
            }
            for _ in 0..2 {
                let (medium, _) = SledMedium::open(folder.path(), IfMissing::Refuse, ArchiveLimits::default()).unwrap();
                assert!(!medium.db.tree_names().contains(&"retired".into()), "it is still in the log's file");
                drop(medium);
                assert!(!folder.path().join("index").exists());
                let layout = std::fs::read_to_string(folder.path().join("LAYOUT")).unwrap();
                assert_eq!(layout, "scan-login store, layout 5\n");
            }
        }
    }

    /// As a copy that leaves out what is empty, or the cure for an index that is damaged.
    #[test]
    fn folders_that_are_missing_are_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let open = |if_missing| SledMedium::open(folder.path(), if_missing, ArchiveLimits::default()).map(drop);
        open(IfMissing::Create).unwrap();
        for name in [archive::FOLDER, streams::FOLDER] {
            std::fs::remove_dir(folder.path().join(name)).unwrap();
            open(IfMissing::Refuse).unwrap();
            assert!(folder.path().join(name).is_dir(), "{name}");
        }
    }

    #[test]
    fn a_store_without_its_database_is_damaged_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let open = |if_missing| SledMedium::open(folder.path(), if_missing, ArchiveLimits::default());
        open(IfMissing::Create).unwrap().0.note_head(7, false).unwrap();
        std::fs::remove_file(folder.path().join("db")).unwrap();
        let Err(error) = open(IfMissing::Refuse) else { panic!("it was opened") };
        assert!(error.to_string().ends_with("its file db is missing"), "{error}");
        assert!(!folder.path().join("db").exists());
    }

    #[tokio::test]
    async fn a_note_of_what_is_pending_of_another_log_hides_no_session() {
        let folder = tempfile::tempdir().unwrap();
        let open = || super::super::open_or_create(folder.path().to_owned(), NoVault::opened).unwrap();
        let journal = open();
        let scene = SceneId::new("sl-0000000000000000000001").unwrap();
        let events = vec![super::super::conformance::created()];
        journal.append(&scene, 0, Timestamp::from_micros(1), events).await.unwrap();
        journal.close().await;
        drop(journal);
        for (noted, unretired) in [(1, 1), (2, 0), (3, 1)] {
            std::fs::remove_file(folder.path().join("PENDING")).unwrap();
            NoteFile::open(folder.path(), Note::Pending).unwrap().write(noted).unwrap();
            let journal = open();
            assert_eq!(journal.unretired().await.unwrap().len(), unretired, "from {noted} on");
            journal.close().await;
        }
    }

    #[test]
    fn a_broken_note_of_what_is_pending_makes_a_start_read_everything() {
        let folder = tempfile::tempdir().unwrap();
        let open = |expected| {
            let (medium, _) = SledMedium::open(folder.path(), IfMissing::Create, ArchiveLimits::default()).unwrap();
            assert_eq!(medium.pending_from(), expected);
            medium
        };
        open(0).note_pending(9).unwrap();
        drop(open(9));
        std::fs::write(folder.path().join("PENDING"), "not what was written").unwrap();
        open(0);
    }
}
