use std::io;
use std::path::PathBuf;

use crate::audit::{AuditError, Damage, NotesError, Unprovable};
use crate::cli::Exit;
use crate::cli::source::SourceError;
use crate::clock::rfc3339_millis;
use crate::domain::{SceneId, Timestamp};
use crate::keys::KeysError;
use crate::tlog::{CheckpointError, NoteError};

/// Why an audit does not end well.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the checkpoint {file} cannot be read: {reason}")]
    Given { file: PathBuf, reason: io::Error },
    #[error("{file}: {reason}")]
    NoNote { file: PathBuf, reason: NoteError },
    #[error("{file}: {reason}")]
    NoCheckpoint { file: PathBuf, reason: CheckpointError },
    #[error("{file} is a checkpoint of another log: {theirs}, and this one is {ours}")]
    OtherLog { file: PathBuf, theirs: String, ours: String },
    #[error("{file} was not signed by this log: {reason}")]
    OtherKey { file: PathBuf, reason: NoteError },
    #[error("the checkpoint of {size} records ({}) in CHECKPOINTS is not what was signed: {reason}", rfc3339_millis(*.at))]
    Signature { size: u64, at: Timestamp, reason: NoteError },
    #[error("no signature can be verified: {0}")]
    Key(KeysError),
    #[error(transparent)]
    Damage(Damage),
    #[error("the index is damaged: of the session {scene} it does not have record {seq}")]
    Index { scene: SceneId, seq: u64 },
    #[error("the index is damaged: of the session {scene} it has record {seq}, which is another's or is not there")]
    IndexSurplus { scene: SceneId, seq: u64 },
    #[error(
        "nothing can be said of {file}: its {size} records end among those that retention has removed, 1 to {removed}, and this log has no checkpoint of that size"
    )]
    Unheld { file: PathBuf, size: u64, removed: u64 },
    #[error("the file TREE cannot be read: {0}")]
    Tree(io::Error),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Unprovable(#[from] Unprovable),
    #[error("the daemon's answer makes no sense: {0}")]
    Answer(serde_json::Error),
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
}

impl From<NotesError> for Failure {
    fn from(error: NotesError) -> Self {
        Self::Audit(error.into())
    }
}

impl Failure {
    /// What the operator can do.
    pub(super) fn cure(&self) -> String {
        let cure = match self {
            Self::Source(error) => return error.cure(),
            Self::Audit(error) => return error.cure(),
            Self::Given { .. } => "name a file that this user may read, or `-` for standard input",
            Self::NoNote { .. } | Self::NoCheckpoint { .. } => "give a file as `scan-login audit checkpoint` prints it",
            Self::OtherLog { .. } => "give this log's own checkpoint, or the configuration of the log that it is of",
            Self::OtherKey { .. } => "see that the file is what was printed, and that --vkey is the key that signed it",
            Self::Key(KeysError::Missing(_)) => "put the key there, or give its public half with --vkey",
            Self::Key(error) => return error.cure(),
            Self::Signature { .. } => {
                "see whether [keys] has the key that signed; if so the file was altered: keep a copy of the folder, and find \
                 out by whom"
            }
            Self::Damage(Damage::Tree { .. }) => {
                "start the daemon: it makes that part of the file again; the records are what was signed"
            }
            Self::Index { .. } | Self::IndexSurplus { .. } => {
                "remove the folder `streams` in the store while no daemon runs: a start makes it again from the log"
            }
            Self::Damage(Damage::Removed { .. }) => {
                "put TREE and NODES back from a backup; what is left of the records is not touched by it"
            }
            Self::Unheld { .. } => {
                "give another checkpoint: of those in CHECKPOINTS and of those behind the removed records each will do"
            }
            Self::Damage(_) => {
                "keep a copy of the folder before anything else; find out who could write there, and compare with a backup"
            }
            Self::Tree(_) => "see that this user may read the store's folder",
            Self::Unprovable(Unprovable::Beyond { .. }) => {
                "give a sequence as `scan-login replay --format jsonl` shows it"
            }
            Self::Unprovable(Unprovable::Removed { .. }) => {
                "a proof that was printed before is as good as ever; see [store] retention"
            }
            Self::Unprovable(_) => "see with `scan-login audit verify` what is wrong",
            Self::Answer(_) => "use the version of scan-login that the daemon has",
            Self::Output(_) => "see that its disk has space",
        };
        cure.to_owned()
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Given { .. } | Self::NoNote { .. } | Self::NoCheckpoint { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}
