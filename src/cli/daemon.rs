//! The running daemon, as commands ask it: through its admin socket.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

use crate::config::Config;
use crate::store::folder_id;
use crate::transport::admin::JOURNAL_HEADER;

/// How long a daemon may take to begin its answer, where it has nothing long to do first.
const DEADLINE: Duration = Duration::from_secs(10);
/// No answer that is one piece is longer.
const MOST: usize = 16 * 1024 * 1024;

/// A daemon that took our connection; it is good for one request.
pub struct Daemon {
    stream: UnixStream,
    path: PathBuf,
    journal: String,
}

/// Where a daemon would answer, and the folder of the journal that is meant.
#[derive(Clone, Debug)]
pub struct Address {
    socket: PathBuf,
    store: PathBuf,
}

impl Address {
    /// As the configuration says.
    pub fn of(config: &Config) -> Self {
        Self { socket: config.admin.socket.clone(), store: config.store.path.clone() }
    }

    /// The folder of the journal that is meant.
    pub fn store(&self) -> &Path {
        &self.store
    }
}

/// Why the daemon cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
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
        /// Whether it is another user's, who takes us for a stranger.
        is_anothers: bool,
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
    /// The answer has no proper end, or is none.
    #[error("the daemon's answer broke off: {0}")]
    Broken(String),
}

impl DaemonError {
    /// An answer that is not what it should be.
    pub(super) fn broken(what: impl std::fmt::Display) -> Self {
        Self::Broken(what.to_string())
    }

    /// What the operator can do.
    pub fn cure(&self) -> String {
        let cure = match self {
            Self::Refused { detail, .. } => return detail.clone(),
            Self::Socket { .. } | Self::HungUp { is_anothers: true, .. } => {
                "run this as the user that the daemon runs as, or as root"
            }
            Self::HungUp { is_anothers: false, .. } => {
                "it has ended meanwhile: see whether it runs again, and try again"
            }
            Self::Silent { .. } => "look at its log; once it is stopped, this command reads the store itself",
            Self::Broken(_) => "see whether the daemon still runs, and try again; what was printed is right",
        };
        cure.to_owned()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

impl Daemon {
    /// The daemon at `address`; `None` where there is none. It refuses whatever is asked when it has another journal.
    ///
    /// # Errors
    /// [`DaemonError::Socket`] where there is one that we cannot speak with.
    pub async fn connect(address: &Address) -> Result<Option<Self>, DaemonError> {
        let path = &address.socket;
        // A folder that is not there is no daemon's, either.
        let journal = folder_id(&address.store).unwrap_or_else(|_| "none".to_owned());
        match UnixStream::connect(path).await {
            Ok(stream) => Ok(Some(Self { stream, path: path.clone(), journal })),
            Err(error) => match error.kind() {
                // A path that no socket can have is no daemon's; nor is another file of that name.
                io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::InvalidFilename
                | io::ErrorKind::InvalidInput => Ok(None),
                _ => Err(DaemonError::Socket { path: path.clone(), reason: error }),
            },
        }
    }

    /// Its answer to `GET target`, where that is one of success.
    ///
    /// # Errors
    /// [`DaemonError`], with its cure.
    pub(super) async fn get(self, target: &str) -> Result<Response<Incoming>, DaemonError> {
        let request = Request::get(target).header("host", "localhost").body(Full::default());
        let silent = DaemonError::Silent { path: self.path.clone() };
        let answer = self.send(request.map_err(DaemonError::broken)?);
        tokio::time::timeout(DEADLINE, answer).await.unwrap_or(Err(silent))
    }

    /// The same as text.
    ///
    /// # Errors
    /// [`DaemonError`], with its cure.
    pub async fn text(self, target: &str) -> Result<String, DaemonError> {
        let bytes = whole(self.get(target).await?).await?;
        String::from_utf8(bytes.into()).map_err(DaemonError::broken)
    }

    /// What it answers to `POST target` with this JSON; however long it takes.
    ///
    /// # Errors
    /// [`DaemonError`], with its cure.
    pub(super) async fn post(self, target: &str, json: &serde_json::Value) -> Result<Bytes, DaemonError> {
        let request = Request::post(target).header("host", "localhost").header("content-type", "application/json");
        let request = request.body(Full::new(Bytes::from(json.to_string())));
        whole(self.send(request.map_err(DaemonError::broken)?).await?).await
    }

    async fn send(self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, DaemonError> {
        let Self { stream, path, journal } = self;
        let journal = HeaderValue::try_from(journal).map_err(DaemonError::broken)?;
        request.headers_mut().insert(JOURNAL_HEADER, journal);
        let hung_up = |reason| DaemonError::HungUp { path: path.clone(), reason, is_anothers: is_anothers(&path) };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(hung_up)?;
        tokio::spawn(connection.boxed());
        let response = sender.send_request(request).await.map_err(hung_up)?;
        if response.status() == StatusCode::OK { Ok(response) } else { Err(refusal(response).await) }
    }
}

/// Whether the socket is a user's who does not take us: neither ours, nor are we root.
fn is_anothers(path: &Path) -> bool {
    let own = rustix::process::geteuid();
    let owner = std::fs::symlink_metadata(path).map(|metadata| metadata.uid());
    !own.is_root() && owner.is_ok_and(|owner| owner != own.as_raw())
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, DaemonError> {
    let body = Limited::new(response.into_body(), MOST).collect().await;
    Ok(body.map_err(DaemonError::broken)?.to_bytes())
}

async fn refusal(response: Response<Incoming>) -> DaemonError {
    let status = response.status();
    let body = match whole(response).await {
        Ok(body) => body,
        Err(error) => return error,
    };
    match serde_json::from_slice(&body) {
        Ok(Problem { title, detail }) if !title.is_empty() => DaemonError::Refused { title, detail },
        _ => DaemonError::Refused {
            title: format!("status {status}"),
            detail: "see that [admin] socket is the daemon's, and that both are of one version".to_owned(),
        },
    }
}
