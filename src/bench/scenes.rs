//! Which scene the QR code of an original page holds: what a phone would read off the picture is read off the journal.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::error::BenchError;

/// How soon a daemon that has gone is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Who waits for the scene of a page.
type Waiting = Mutex<HashMap<String, oneshot::Sender<String>>>;

/// Follows the journal's `created` events.
#[derive(Debug)]
pub struct Scenes {
    waiting: Arc<Waiting>,
    _following: AbortOnDropHandle<()>,
}

impl Scenes {
    /// Those that are created from now on, of the daemon with this admin socket; also once it was started anew.
    ///
    /// # Errors
    /// [`BenchError::Unfit`] where the socket cannot be read.
    pub async fn in_journal(socket: PathBuf) -> Result<Self, BenchError> {
        let head = head(&socket).await.map_err(|error| {
            let what = format!("the admin socket {} cannot be read: {error}", socket.display());
            BenchError::unfit(what, "run it beside the daemon, as its user: the pages' scenes are found in the journal")
        })?;
        let waiting = Arc::<Waiting>::default();
        let following = tokio::spawn(follow(socket, head + 1, waiting.clone()).boxed());
        Ok(Self { waiting, _following: AbortOnDropHandle::new(following) })
    }

    /// The scene of this page, which is not created yet.
    pub fn of(&self, page_id: &str) -> oneshot::Receiver<String> {
        let (told, scene) = oneshot::channel();
        lock(&self.waiting).insert(page_id.to_owned(), told);
        scene
    }
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, HashMap<String, oneshot::Sender<String>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last sequence of the journal: nothing is behind the greatest of all.
async fn head(socket: &Path) -> io::Result<u64> {
    let events = Events::ask(socket, &format!("from={}", u64::MAX)).await?;
    events.head.ok_or_else(|| io::Error::other("it does not tell where the journal ends"))
}

/// Tells all who wait, for ever.
async fn follow(socket: PathBuf, mut from: u64, waiting: Arc<Waiting>) {
    loop {
        if let Ok(mut events) = Events::ask(&socket, &format!("from={from}&type=created&follow=true")).await {
            while let Some(event) = events.next().await {
                from = event["seq"].as_u64().map_or(from, |seq| seq + 1);
                let (Some(page_id), Some(scene)) = (event["page_id"].as_str(), event["scene_id"].as_str()) else {
                    continue;
                };
                if let Some(told) = lock(&waiting).remove(page_id) {
                    // Nobody listens where the login was lost meanwhile.
                    let _ = told.send(scene.to_owned());
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Events of the admin socket, as JSON lines.
struct Events {
    body: Incoming,
    buffer: BytesMut,
    head: Option<u64>,
    _connection: AbortOnDropHandle<()>,
}

impl Events {
    async fn ask(socket: &Path, query: &str) -> io::Result<Self> {
        let stream = UnixStream::connect(socket).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(FutureExt::boxed(async move {
            // How it ended is seen on the body.
            let _ = connection.await;
        })));
        let request = Request::get(format!("/events?{query}")).header(http::header::HOST, "localhost");
        let request = request.body(Full::<Bytes>::default()).map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        if !response.status().is_success() {
            return Err(io::Error::other(format!("it answers {}", response.status())));
        }
        let head = response.headers().get("x-journal-head").and_then(|head| head.to_str().ok()?.parse().ok());
        Ok(Self { body: response.into_body(), buffer: BytesMut::new(), head, _connection: connection })
    }

    /// The next event; none once the daemon has gone.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                match serde_json::from_slice(&line) {
                    Ok(event) => return Some(event),
                    Err(_) => continue,
                }
            }
            if let Ok(data) = self.body.frame().await?.ok()?.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
