use std::path::PathBuf;

use crate::cli::daemon::DaemonError;
use crate::store::{OpenError, StoreError};

/// Why the records cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The daemon cannot be asked.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The daemon cannot read its journal.
    #[error("the daemon cannot read on: {0}")]
    Unreadable(String),
    /// A record is not where it must be.
    #[error("record {wanted} is missing")]
    Hole {
        /// Its sequence.
        wanted: u64,
    },
    /// Retention was at work meanwhile.
    #[error("retention removed records just now")]
    Moved,
    /// Another process has the store, and no daemon answers.
    #[error("the journal in {store} is in use by another process, and no daemon answers at {socket}")]
    Locked {
        /// The store's folder.
        store: PathBuf,
        /// Where a daemon would answer.
        socket: PathBuf,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
}

impl SourceError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        let cure = match self {
            Self::Daemon(error) => return error.cure(),
            Self::Open(error) => return error.cure(),
            Self::Moved => "ask again",
            Self::Unreadable(_) => "look at the daemon's log, and keep a copy of the store before anything else",
            Self::Locked { .. } => {
                "where a daemon is starting, try again in a moment; else give this command the daemon's configuration, \
                 or stop that process"
            }
            Self::Hole { .. } | Self::Read(StoreError::Damaged(_)) => {
                "keep a copy of the folder before anything else, then restore a backup"
            }
            Self::Read(StoreError::Index(_)) => {
                "stop the daemon, remove that file from the store's folder, and start it: it is made again from the log"
            }
            Self::Read(_) => "see that the disk is well and that this user may read the folder, and try again",
        };
        cure.to_owned()
    }
}
