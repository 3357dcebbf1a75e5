//! Beside a daemon: its admin socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

use super::error::ReplayError;
use super::output::Output;
use crate::replay::Filter;

/// How long a daemon may take to begin its answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// No line of the journal is longer.
const LINE_MAX: usize = 1024 * 1024;

/// A daemon that took our connection.
pub(super) struct Daemon {
    stream: UnixStream,
    path: PathBuf,
}

/// The daemon behind the socket at `path`; `None` where there is none.
pub(super) async fn connect(path: &Path) -> Result<Option<Daemon>, ReplayError> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Some(Daemon { stream, path: path.to_owned() })),
        Err(error) => match error.kind() {
            // A path that no socket can have is no daemon's; nor is another file of that name.
            io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput => Ok(None),
            _ => Err(ReplayError::Socket { path: path.to_owned(), reason: error }),
        },
    }
}

/// What tells the lines of an answer apart.
#[derive(Deserialize)]
struct Mark {
    seq: Option<u64>,
    progress: Option<u64>,
    error: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

impl Daemon {
    /// Prints what the daemon tells.
    pub(super) async fn replay(
        self,
        filter: &Filter,
        follow: bool,
        output: &mut Output<'_>,
    ) -> Result<(), ReplayError> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(filter.pairs()).append_pair("progress", "true");
        query.append_pair("follow", if follow { "true" } else { "false" });
        let response = self.get(&format!("/events?{}", query.finish())).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response).await);
        }
        let head = response.headers().get("x-journal-head").and_then(|head| head.to_str().ok()?.parse().ok());
        let mut reading = Reading { head: head.unwrap_or(0), output };
        reading.output.begin(reading.head)?;
        reading.reached(0);
        reading.print(response.into_body()).await?;
        if follow { Err(ReplayError::DaemonStopped) } else { Ok(()) }
    }

    async fn get(self, target: &str) -> Result<Response<Incoming>, ReplayError> {
        let Self { stream, path } = self;
        let hung_up = |reason| ReplayError::HungUp { path: path.clone(), reason };
        let answer = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(hung_up)?;
            tokio::spawn(connection);
            let request = Request::get(target).header("host", "localhost").body(Empty::<Bytes>::new());
            let request = request.map_err(|error| ReplayError::Broken(error.to_string()))?;
            sender.send_request(request).await.map_err(hung_up)
        };
        let answer = tokio::time::timeout(DEADLINE, answer).await;
        answer.unwrap_or_else(|_| Err(ReplayError::Silent { path: path.clone() }))
    }
}

async fn refusal(response: Response<Incoming>) -> ReplayError {
    let status = response.status();
    let body = match Limited::new(response.into_body(), LINE_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return ReplayError::Broken(error.to_string()),
    };
    match serde_json::from_slice(&body) {
        Ok(Problem { title, detail }) if !title.is_empty() => ReplayError::Refused { title, detail },
        _ => ReplayError::Refused {
            title: format!("status {status}"),
            detail: "see that [admin] socket is the daemon's, and that both are of one version".to_owned(),
        },
    }
}

struct Reading<'r, 'o> {
    /// The last sequence at the beginning.
    head: u64,
    output: &'r mut Output<'o>,
}

impl Reading<'_, '_> {
    async fn print(&mut self, mut body: Incoming) -> Result<(), ReplayError> {
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ReplayError::Broken(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            // Only what is new is searched: a line may come in many pieces.
            let Some(end) = data.iter().rposition(|&byte| byte == b'\n') else {
                rest.extend_from_slice(&data);
                if rest.len() > LINE_MAX {
                    return Err(ReplayError::Broken("a line has no end".to_owned()));
                }
                continue;
            };
            rest.extend_from_slice(&data[..end]);
            let lines = std::mem::replace(&mut rest, data[end + 1..].to_vec());
            for line in lines.split(|&byte| byte == b'\n') {
                self.line(line)?;
            }
            self.output.flush()?;
            if self.output.has_enough() {
                return Ok(());
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(ReplayError::Broken("its last line has no end".to_owned())) }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), ReplayError> {
        let mark: Mark = serde_json::from_slice(line).map_err(|error| ReplayError::Broken(error.to_string()))?;
        if let Some(error) = mark.error {
            return Err(ReplayError::Daemon(error));
        }
        if let Some(seq) = mark.seq {
            self.output.line(line)?;
            self.reached(seq);
        }
        if let Some(seq) = mark.progress {
            self.reached(seq);
        }
        Ok(())
    }

    fn reached(&mut self, seq: u64) {
        if seq < self.head {
            self.output.reached(seq);
        } else {
            self.output.caught_up();
        }
    }
}
