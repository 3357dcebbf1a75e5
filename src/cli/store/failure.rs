use std::io;
use std::path::Path;

use crate::cli::source::SourceError;
use crate::store::{BuildError, ExportError, OpenError, StoreError};

/// What is wrong, and its cure.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) what: String,
    pub(super) cure: String,
}

impl Failure {
    pub(super) fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what: what.into(), cure: cure.into() }
    }

    /// A file or folder cannot be read.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(format!("{}: {error}", path.display()), "see that it is there and can be read by this user")
    }

    /// A file or folder cannot be written.
    pub(super) fn unwritable(path: &Path, error: &io::Error) -> Self {
        let cure = "see that the folder that it lies in belongs to this user, and that its disk has space";
        Self::new(format!("{} cannot be written: {error}", path.display()), cure)
    }

    /// Standard output takes nothing more.
    pub(super) fn output(error: &io::Error) -> Self {
        Self::new(format!("the output cannot be written: {error}"), "see who reads it, or that its disk has space")
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::new(error.to_string(), error.cure())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::new(error.to_string(), error.cure())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        OpenError::from(error).into()
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::new(error.to_string(), error.cure())
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        Self::new(error.to_string(), error.cure())
    }
}
