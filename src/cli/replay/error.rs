use std::io;
use std::path::PathBuf;

use super::ask::AskError;
use crate::cli::Exit;
use crate::cli::daemon::DaemonError;
use crate::store::{OpenError, StoreError};

/// Why a replay does not end well.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ReplayError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error("the daemon cannot read on: {0}")]
    Unreadable(String),
    #[error("the daemon has stopped, so nothing more is to come")]
    DaemonStopped,
    #[error("no daemon answers at {path}, so nothing more is to come")]
    NothingToFollow { path: PathBuf },
    #[error("the journal in {store} is in use by another process, and no daemon answers at {socket}")]
    Locked { store: PathBuf, socket: PathBuf },
    #[error(transparent)]
    Open(OpenError),
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    #[error("{path} cannot be the report: {reason}")]
    NoFile { path: PathBuf, reason: &'static str },
    #[error("the report {path} cannot be written: {reason}")]
    Unwritable { path: PathBuf, reason: io::Error },
    /// Nothing that anybody has to be told.
    #[error("nobody reads the output any more")]
    NoReader,
}

impl ReplayError {
    /// What the operator can do.
    pub(in crate::cli) fn cure(&self) -> String {
        let cure = match self {
            Self::Ask(error) => return error.cure(),
            Self::Daemon(error) => return error.cure(),
            Self::Open(error) => return error.cure(),
            Self::Unreadable(_) => "look at the daemon's log; what was printed is right",
            Self::DaemonStopped => "start it again with `scan-login serve`, and follow with --since",
            Self::NothingToFollow { .. } => "start it with `scan-login serve`; what happened until now was printed",
            Self::Locked { .. } => {
                "where a daemon is starting, try again in a moment; else give this command the daemon's configuration, \
                 or stop that process"
            }
            Self::Read(StoreError::Damaged(_)) => {
                "keep a copy of the folder before anything else, then restore a backup; what was printed is right"
            }
            Self::Read(StoreError::Index(_)) => {
                "stop the daemon, remove that file from the store's folder, and start it: it is made again from the log"
            }
            Self::Read(_) => "see that the disk is well and that this user may read the folder, and try again",
            Self::NoFile { .. } => "give the name of a file, new or to be replaced, in a folder that exists",
            Self::Unwritable { .. } => "see that its disk has space and that this user may write to its folder",
            Self::Output(_) => "see that its disk has space",
            Self::NoReader => "none is needed",
        };
        cure.to_owned()
    }

    pub(in crate::cli) fn exit(&self) -> Exit {
        match self {
            Self::Ask(_) | Self::NoFile { .. } => Exit::Usage,
            Self::NoReader => Exit::Done,
            _ => Exit::Failed,
        }
    }
}
