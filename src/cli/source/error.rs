use std::io;
use std::path::PathBuf;

use crate::store::{OpenError, StoreError};

/// Why the records cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is a socket, and it cannot be used.
    #[error("the admin socket {path} cannot be used: {reason}")]
    Socket {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The daemon closed the connection.
    #[error("the daemon at {path} hung up: {reason}")]
    HungUp {
        /// The socket's path.
        path: PathBuf,
        /// What it looks like from here.
        reason: hyper::Error,
    },
    /// No answer in time.
    #[error("the daemon at {path} does not answer")]
    Silent {
        /// The socket's path.
        path: PathBuf,
    },
    /// The daemon answers, and says no.
    #[error("the daemon refuses: {title}")]
    Refused {
        /// What it says.
        title: String,
        /// The cure that it gives.
        detail: String,
    },
    /// The answer has no proper end.
    #[error("the daemon's answer broke off: {0}")]
    Broken(String),
    /// The daemon cannot read its journal.
    #[error("the daemon cannot read on: {0}")]
    Daemon(String),
    /// A record is not where it must be.
    #[error("record {wanted} is missing")]
    Hole {
        /// Its sequence.
        wanted: u64,
    },
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
            Self::Refused { detail, .. } => return detail.clone(),
            Self::Open(error) => return error.cure(),
            Self::Socket { .. } | Self::HungUp { .. } => "run this as the user that the daemon runs as, or as root",
            Self::Silent { .. } => "look at its log; once it is stopped, this command reads the store itself",
            Self::Broken(_) => "see whether the daemon still runs, and try again",
            Self::Daemon(_) => "look at the daemon's log, and keep a copy of the store before anything else",
            Self::Locked { .. } => {
                "where a daemon is starting, try again in a moment; else give this command the daemon's configuration, \
                 or stop that process"
            }
            Self::Hole { .. } | Self::Read(StoreError::Damaged(_)) => {
                "keep a copy of the folder before anything else, then restore a backup"
            }
            Self::Read(_) => "see that the disk is well and that this user may read the folder, and try again",
        };
        cure.to_owned()
    }
}
