//! Why the daemon ends before it is told to, and what the operator can do.

use std::path::PathBuf;
use std::sync::Arc;

use crate::actors::{NotForgotten, StartError};
use crate::audit::AuditError;
use crate::keys::KeysError;
use crate::store::OpenError;
use crate::transport::admin::SocketError;
use crate::transport::wechat::api::NoRootCertificates;
use crate::transport::{PlaceDatabaseError, WebhooksError};

/// Why the daemon cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The keys cannot be used.
    #[error("the keys cannot be used: {0}")]
    Keys(#[from] KeysError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal is not the one that was signed, or cannot be signed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The actors cannot be started.
    #[error("the sessions cannot be brought back: {0}")]
    Start(#[from] StartError),
    /// A person is not wholly forgotten.
    #[error("a forgetting that was interrupted cannot be finished: {0}")]
    Forgetting(#[from] NotForgotten),
    /// WeChat cannot be called safely.
    #[error(transparent)]
    Certificates(#[from] NoRootCertificates),
    /// The database of places cannot be used.
    #[error(transparent)]
    Places(#[from] PlaceDatabaseError),
    /// Websites cannot be told what happens.
    #[error("the webhooks cannot be started: {0}")]
    Webhooks(#[from] WebhooksError),
    /// What is remembered beside the journal cannot be opened.
    #[error("{path}: {error}")]
    Recall {
        /// Its folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The admin socket cannot be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The journal can no longer be written.
    #[error("stopped, because the journal can no longer be written: {0}")]
    Journal(Arc<str>),
    /// The disk did not answer when the daemon stopped.
    #[error("stopped, though the journal's disk does not answer; what was acknowledged is there")]
    Stuck,
    /// The supervision tree has failed.
    #[error("stopped, because the supervision tree failed; what was acknowledged is in the journal")]
    Tree,
}

impl RunError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        match self {
            Self::Keys(error) => error.cure(),
            Self::Open(error) => error.cure(),
            Self::Audit(error) => error.cure(),
            Self::Start(_) => "keep a copy of [store] path before anything else, and restore a backup".into(),
            Self::Forgetting(error) => error.cure(),
            Self::Certificates(_) => "install the package ca-certificates".into(),
            Self::Places(_) => {
                "put a database in MaxMind's format there (.mmdb, cities or countries), or leave [server] place_database out"
                    .into()
            }
            Self::Webhooks(WebhooksError::Certificates(_)) => "install the package ca-certificates".into(),
            Self::Webhooks(WebhooksError::Cursor { .. }) => {
                "see that the file belongs to this user; it can be removed: then the website is told what happens from now on"
                    .into()
            }
            Self::Recall { .. } => {
                "see that the folder can be made, belongs to this user, and that its disk has space; it can be removed: \
                 then WeChat's repetitions of the last minutes count as new"
                    .into()
            }
            Self::Socket(error) => error.cure().to_owned(),
            Self::Journal(_) => {
                "see to the disk of [store] path (space, health); then start again: what was acknowledged is there"
                    .into()
            }
            Self::Stuck => "see to the disk of [store] path; then start again".into(),
            Self::Tree => "start again, and report what the log says above".into(),
        }
    }
}
