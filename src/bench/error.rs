use std::path::PathBuf;

use super::loss::Losses;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// This daemon cannot be driven so, as it is or as it is asked for: nothing was done.
    #[error("{what}")]
    Unfit {
        /// What is in the way.
        what: String,
        /// What to do about it.
        cure: String,
    },
    /// A daemon of our own did not come up, or not back.
    #[error("the daemon cannot be started: {0}")]
    NotStarted(String),
    /// A daemon of our own ended while it was measured, and nobody had made it.
    #[error("the daemon ended by itself while it was measured: {0}")]
    Died(String),
    /// A daemon of our own has nowhere to be.
    #[error("no folder can be made in {}: {error}", dir.display())]
    Folder {
        /// Where it was to be.
        dir: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Another of the program's commands did not end with success.
    #[error("scan-login {command} ended with {status}{}{said}", if said.is_empty() { "" } else { ": " })]
    Command {
        /// Which.
        command: String,
        /// How it ended.
        status: String,
        /// What it complained of.
        said: String,
    },
    /// The machine does not let us.
    #[error("{what}: {error}")]
    Machine {
        /// What was tried.
        what: &'static str,
        /// Why not.
        error: std::io::Error,
    },
    /// Not one login came to its end.
    #[error("not one login came to its end: {0}")]
    AllLost(Losses),
}

impl BenchError {
    /// What to do about it.
    pub fn cure(&self) -> &str {
        match self {
            Self::Unfit { cure, .. } => cure,
            Self::NotStarted(_) => "see what it says above; --dir names another folder for its journal",
            Self::Died(_) => {
                "see what it says above, or the kernel's log where memory ran out; where the disk is full, --dir names a folder with more room for its journal"
            }
            Self::Folder { .. } => "name a folder with --dir that is there and writable",
            Self::Command { .. } => "do what it says; --dir names another folder, for what has no room in this one",
            Self::Machine { .. } => "see what this user may do on this machine",
            Self::AllLost(_) => "see that the daemon runs with the same configuration, and what its log says",
        }
    }

    pub(super) fn unfit(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::Unfit { what: what.into(), cure: cure.into() }
    }

    pub(super) fn machine(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Machine { what, error }
    }
}
