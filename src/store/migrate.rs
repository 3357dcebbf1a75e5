//! The layout of a store and the steps from one to the next.
//!
//! The layout's number stands in a file of its own, `LAYOUT`, beside sled's: it is read before sled touches anything, so
//! that a newer store, or another program's folder, is refused as it was found. The steps are in `migrations/`, one file
//! a step; each can be repeated, and the file is replaced only after the step is durable, so a crash in between repeats it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::medium::MediumError;

#[path = "../../migrations/0001_log.rs"]
mod m0001_log;
#[path = "../../migrations/0002_synced.rs"]
mod m0002_synced;
#[path = "../../migrations/0003_index.rs"]
mod m0003_index;
#[path = "../../migrations/0004_archive_and_seals.rs"]
mod m0004_archive_and_seals;
#[path = "../../migrations/0005_streams.rs"]
mod m0005_streams;

/// What a migration may do to a store.
pub(super) trait MigrationTarget {
    /// Makes the tree `name` where it does not exist.
    fn create_tree(&self, name: &str) -> Result<(), MediumError>;

    /// Takes the tree `name` away, where it exists.
    fn drop_tree(&self, name: &str) -> Result<(), MediumError>;

    /// Makes the folder `name` inside the store's where it does not exist.
    fn create_folder(&self, name: &str) -> Result<(), MediumError>;

    /// Takes the folder `name` inside the store's away, where it exists.
    fn remove_folder(&self, name: &str) -> Result<(), MediumError>;

    /// Makes everything durable that the step did.
    fn flush(&self) -> Result<(), MediumError>;
}

type Step = fn(&dyn MigrationTarget) -> Result<(), MediumError>;

/// The step at index i leads from layout i to layout i + 1, and what it does.
const STEPS: &[(Step, &str)] = &[
    (m0001_log::up, "makes the log in chunks"),
    (m0002_synced::up, "lets new chunks tell how far the log was durable before them; rewrites nothing"),
    (m0003_index::up, "takes the index of retired sessions out of the log's file"),
    (
        m0004_archive_and_seals::up,
        "makes the archive, into which old records move while the daemon runs; lets new records have what identifies a \
         person sealed",
    ),
    (m0005_streams::up, "makes the index of sessions again, in files of its own that are made of the archive"),
];

/// The layout of this program.
pub(super) const CURRENT: u32 = STEPS.len() as u32;

const FILE: &str = "LAYOUT";
const NEW: &str = "LAYOUT.new";
const WITHHELD: &str = "LAYOUT.withheld";
const PREFIX: &str = "scan-login store, layout ";

/// Why a folder is not taken for a store.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A newer program made it.
    #[error("the store in {path} has layout {found}, and this program knows layouts up to {CURRENT}")]
    Newer {
        /// Its folder.
        path: PathBuf,
        /// The layout found.
        found: u32,
    },
    /// Something else lies there.
    #[error("the folder {path} holds something that is not a store of scan-login: {reason}")]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The folder cannot be looked at.
    #[error("the store in {path} cannot be read: {reason}")]
    Unreadable {
        /// Its folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A step failed.
    #[error("the store in {path} cannot be brought to layout {CURRENT}: {reason}")]
    Failed {
        /// Its folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl LayoutError {
    /// What the operator can do.
    pub fn cure(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "run the version of scan-login that made it, or a later one; nothing was changed",
            Self::Foreign { .. } => "give [store] path a folder of its own; nothing was changed",
            Self::Unreadable { .. } => {
                "see that the folder belongs to the user that the daemon runs as, and run this as that user"
            }
            Self::Failed { .. } => {
                "see that the folder belongs to this user and that its disk has space, and start again"
            }
        }
    }
}

/// The layout of the store under `path`; `None` where there is none. Changes nothing.
pub(super) fn inspect(path: &Path) -> Result<Option<u32>, LayoutError> {
    let unreadable =
        |error: std::io::Error| LayoutError::Unreadable { path: path.to_owned(), reason: error.to_string() };
    let foreign = |reason: &str| LayoutError::Foreign { path: path.to_owned(), reason: reason.to_owned() };
    if path.exists() && !path.is_dir() {
        return Err(foreign("it is not a folder"));
    }
    let text = match std::fs::read(path.join(FILE)) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return match stranger(path).map_err(unreadable)? {
                Some(name) if name == "db" => Err(foreign("a database without a LAYOUT file")),
                Some(name) => Err(foreign(&format!("`{name}` without a LAYOUT file"))),
                None => Ok(None),
            };
        }
        Err(error) => return Err(unreadable(error)),
    };
    let number = text.strip_prefix(PREFIX).and_then(|rest| rest.trim_end().parse::<u32>().ok());
    match number {
        Some(found) if found > CURRENT => Err(LayoutError::Newer { path: path.to_owned(), found }),
        Some(found) => Ok(Some(found)),
        None => Err(foreign("its LAYOUT file is not ours")),
    }
}

/// What lies in a folder that is no store; the database first. What a system puts into every folder or disk does not count, nor
/// what a start leaves that is killed before it has written the layout.
fn stranger(path: &Path) -> std::io::Result<Option<String>> {
    if path.join("db").exists() {
        return Ok(Some("db".to_owned()));
    }
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let counts = !(name.starts_with('.') || name == "lost+found" || name == NEW || entry.file_type()?.is_socket());
        if counts {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The steps that a store of layout `found` has before it: the layout that each leads to, and what it does.
pub(super) fn steps_from(found: u32) -> Vec<(u32, &'static str)> {
    (1..).zip(STEPS).skip(found as usize).map(|(layout, (_, what))| (layout, *what)).collect()
}

/// Says, before the first byte of a new store, that it is going to be one.
pub(super) fn announce(path: &Path) -> Result<(), LayoutError> {
    write_layout(path, 0).map_err(|error| LayoutError::Failed { path: path.to_owned(), reason: error.to_string() })
}

/// Brings the store `db` under `path` from the layout that [`inspect`] found to the current one.
pub(super) fn run(path: &Path, db: &dyn MigrationTarget, found: u32) -> Result<(), LayoutError> {
    let failed = |reason: String| LayoutError::Failed { path: path.to_owned(), reason };
    for (layout, (step, _)) in (1..).zip(STEPS).skip(found as usize) {
        step(db).map_err(|reason| failed(reason.to_string()))?;
        db.flush().map_err(|reason| failed(reason.to_string()))?;
        write_layout(path, layout).map_err(|error| failed(error.to_string()))?;
        if found > 0 {
            tracing::info!(layout, "the store has a new layout");
        }
    }
    if found == 0 {
        tracing::info!(path = %path.display(), "made a new store");
    }
    Ok(())
}

/// Takes the layout's file away: what is half made is not a store that anybody would open.
pub(super) fn withhold(path: &Path) -> std::io::Result<()> {
    std::fs::rename(path.join(FILE), path.join(WITHHELD))
}

/// Puts it back: the store is whole.
pub(super) fn release(path: &Path) -> std::io::Result<()> {
    std::fs::rename(path.join(WITHHELD), path.join(FILE))
}

fn write_layout(path: &Path, layout: u32) -> std::io::Result<()> {
    let temporary = path.join(NEW);
    let mut file = File::create(&temporary)?;
    file.write_all(format!("{PREFIX}{layout}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path.join(FILE))?;
    File::open(path)?.sync_all()
}
