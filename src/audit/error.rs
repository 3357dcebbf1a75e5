use std::io;
use std::path::PathBuf;

use crate::clock::rfc3339_millis;
use crate::domain::Timestamp;
use crate::keys::KeysError;
use crate::store::StoreError;
use crate::tlog::NoteError;

use super::notes::NotesError;

/// Why no checkpoint can be signed, by what the operator does next.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Less is there than was signed.
    #[error(
        "the journal is not the one that was signed: the checkpoint of {}, {signed} records, is the last, and the journal \
         has {found}; was a backup restored?", rfc3339_millis(*.at)
    )]
    Shorter {
        /// When the checkpoint was signed.
        at: Timestamp,
        /// Its size.
        signed: u64,
        /// The log's.
        found: u64,
    },
    /// Nothing is there, and something was signed.
    #[error(
        "there is no journal in {path}, and the last checkpoint, of {}, was signed of {signed} records", rfc3339_millis(*.at)
    )]
    Gone {
        /// The store's folder.
        path: PathBuf,
        /// When the checkpoint was signed.
        at: Timestamp,
        /// Its size.
        signed: u64,
    },
    /// Something else is there.
    #[error(
        "the journal is not the one that was signed: its first {signed} records are not those of the last checkpoint, of \
         {}; they were altered, or it is a fork", rfc3339_millis(*.at)
    )]
    Other {
        /// When the checkpoint was signed.
        at: Timestamp,
        /// Its size.
        signed: u64,
    },
    /// What is to be removed was altered.
    #[error("records {first} to {last} are not those that the log was made of, so they are not removed")]
    NotRemoved {
        /// The first of those that do not fit.
        first: u64,
        /// The last.
        last: u64,
    },
    /// Beside the keys lies another log's checkpoint.
    #[error(
        "the journal is the log {found}, and the last checkpoint that was signed is of {signed}; was a backup restored?"
    )]
    OtherLog {
        /// The origin of the last checkpoint beside the store.
        found: String,
        /// The origin of the last checkpoint beside the keys.
        signed: String,
    },
    /// There are checkpoints, and nothing to hold them against.
    #[error("the journal has signed checkpoints, and the key {0} that signed them is missing")]
    KeyMissing(PathBuf),
    /// The key is another one, or the checkpoint was altered.
    #[error("the last checkpoint, of {size} records, does not hold against the key {key}: {reason}")]
    NotSigned {
        /// Its size.
        size: u64,
        /// The key's file.
        key: PathBuf,
        /// Why.
        reason: NoteError,
    },
    /// None was ever signed.
    #[error("the journal in {0} has no signed checkpoint yet")]
    None(PathBuf),
    /// The key cannot be used.
    #[error("the checkpoint key cannot be used: {0}")]
    Key(#[from] KeysError),
    /// A file of checkpoints cannot be used.
    #[error("the checkpoints cannot be read: {0}")]
    Notes(#[from] NotesError),
    /// The host of the public URL cannot be the name of a key.
    #[error(transparent)]
    Name(NoteError),
    /// The file of subtrees cannot be written.
    #[error("{path}: {reason}")]
    Tree {
        /// The file's folder.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What to do about a log that is not the one that was signed.
const FORK: &str = "see with `scan-login audit verify` what is there, and put the right store back; where this one is to go \
                    on (as after a restored backup), `scan-login serve --accept-fork` begins a new log with it";

impl AuditError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        match self {
            Self::Shorter { .. } | Self::Other { .. } | Self::OtherLog { .. } => FORK.to_owned(),
            Self::Gone { .. } => {
                "see that [store] path is right and its disk is mounted, or restore a backup; nothing was made. Where all is to \
                 begin anew, `scan-login serve --accept-fork` begins a new log"
                    .to_owned()
            }
            Self::Notes(NotesError::Damaged { .. }) => FORK.to_owned(),
            Self::NotRemoved { .. } => "see with `scan-login audit verify` what is there, and put the right store back".to_owned(),
            Self::KeyMissing(_) | Self::NotSigned { .. } => {
                "put the right key back from its backup; where it is lost, `scan-login serve --accept-fork` begins a new log \
                 with a new key"
                    .to_owned()
            }
            Self::None(_) => "start it once with `scan-login serve`, which makes the key and signs".to_owned(),
            Self::Key(error) => error.cure(),
            Self::Notes(NotesError::Io { .. }) | Self::Tree { .. } => {
                "see that it belongs to this user, and that its disk has space".to_owned()
            }
            Self::Name(_) => "give [server] public_url a host that is a name".to_owned(),
            Self::Store(_) => "keep a copy of [store] path before anything else, and restore a backup".to_owned(),
        }
    }

    /// Whether it is for the operator to say that this log goes on under another name.
    pub(super) fn can_be_accepted(&self) -> bool {
        matches!(
            self,
            Self::Shorter { .. }
                | Self::Other { .. }
                | Self::OtherLog { .. }
                | Self::KeyMissing(_)
                | Self::NotSigned { .. }
                | Self::Notes(NotesError::Damaged { .. })
        )
    }
}
