//! The journal as a tape: the events of the daemon's admin socket, each with its latency since WeChat's push.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::stream::{self, Stream, TryStreamExt};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio_util::task::AbortOnDropHandle;

use super::wechat::SimulatedWeChat;
use crate::clock::parse_rfc3339;
use crate::domain::{OpenId, Timestamp};

/// Longer lines are no events of ours.
const MAX_LINE: usize = 64 * 1024;

/// Of how many events the latency is remembered: more than the page shows.
const REMEMBERED: usize = 1024;

/// The page is told that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How soon the page comes back after it lost the connection: the daemon may be back at once.
const RETRY: Duration = Duration::from_millis(300);

/// A handle to the tape. Clone it freely.
#[derive(Clone, Debug)]
pub struct Tape(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    socket: PathBuf,
    wechat: SimulatedWeChat,
    /// The latencies that were measured, by the events' seqs: the next reader is told the same.
    measured: Mutex<BTreeMap<u64, Duration>>,
}

/// One connection to the admin socket.
struct Reader {
    body: Incoming,
    buffer: BytesMut,
    /// Who scanned, for the events that do not say so themselves; forgotten when nothing more can come of it.
    scanned_by: HashMap<String, OpenId>,
    tape: Tape,
    /// Older events are read from the past of the journal.
    since: Timestamp,
    _connection: AbortOnDropHandle<()>,
}

impl Tape {
    /// The tape of the daemon with this admin socket; pushes are timed by this WeChat.
    pub fn new(socket: PathBuf, wechat: SimulatedWeChat) -> Self {
        Self(Arc::new(Inner { socket, wechat, measured: Mutex::default() }))
    }

    /// `/demo/journal`, as Server-Sent Events whose ids are the events' seqs.
    pub fn router(&self) -> Router {
        Router::new().route("/demo/journal", get(journal).with_state(self.clone()))
    }

    /// The events from `from` on, as they become durable, each as the admin socket prints it, with `ms_since_push` where
    /// a push led to it. Ends with the daemon.
    ///
    /// # Errors
    /// Where the socket cannot be read, now or later.
    pub async fn events(&self, from: u64) -> io::Result<impl Stream<Item = io::Result<Value>> + Send + use<>> {
        let since = self.0.wechat.now();
        let stream = UnixStream::connect(&self.0.socket).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(FutureExt::boxed(async move {
            // How the connection ended is seen on the body.
            let _ = connection.await;
        })));
        let request = Request::get(format!("/events?from={from}&follow=true"))
            .header(header::HOST, "localhost")
            .body(Full::<Bytes>::default())
            .map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        if response.status() != StatusCode::OK {
            return Err(io::Error::other(format!("the admin socket answers {}", response.status())));
        }
        let reader = Reader {
            body: response.into_body(),
            buffer: BytesMut::new(),
            scanned_by: HashMap::new(),
            tape: self.clone(),
            since,
            _connection: connection,
        };
        Ok(stream::try_unfold(reader, |mut reader| async move {
            let event = reader.next().await?;
            Ok(event.map(|event| (event, reader)))
        }))
    }

    /// The latency of the event `seq`: what was measured once stays.
    fn latency(&self, seq: u64, measure: impl FnOnce() -> Option<Duration>) -> Option<Duration> {
        let mut measured = self.0.measured.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latency) = measured.get(&seq) {
            return Some(*latency);
        }
        let latency = measure()?;
        measured.insert(seq, latency);
        while measured.len() > REMEMBERED {
            measured.pop_first();
        }
        Some(latency)
    }
}

impl Reader {
    async fn next(&mut self) -> io::Result<Option<Value>> {
        let Some(line) = self.line().await? else { return Ok(None) };
        let mut event: Value = serde_json::from_slice(&line)?;
        if let Some(latency) = self.latency(&event) {
            event["ms_since_push"] = json!(latency.as_secs_f64() * 1000.0);
        }
        Ok(Some(event))
    }

    /// The next line that is not empty, without its end.
    async fn line(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end).freeze();
                self.buffer.advance(1);
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            if self.buffer.len() > MAX_LINE {
                return Err(io::Error::other("a line without an end"));
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                None => return Ok(None),
            }
        }
    }

    fn latency(&mut self, event: &Value) -> Option<Duration> {
        let scene = event["scene_id"].as_str()?;
        let openid = match event["type"].as_str()? {
            "scanned" => {
                let openid = OpenId::new(event["openid"].as_str()?).ok()?;
                self.scanned_by.insert(scene.to_owned(), openid.clone());
                openid
            }
            "confirmed" => self.scanned_by.get(scene)?.clone(),
            "redeemed" => self.scanned_by.remove(scene)?,
            "denied" | "expired" => {
                self.scanned_by.remove(scene);
                return None;
            }
            _ => return None,
        };
        let at = parse_rfc3339(event["at"].as_str()?)?;
        let wechat = &self.tape.0.wechat;
        self.tape.latency(event["seq"].as_u64()?, || {
            let began = wechat.push_began(scene, &openid)?;
            // The same person scanned once more since: that push did not lead to this event.
            if began > at {
                return None;
            }
            // `at` is when the daemon took the scan; what counts is when it is durable, and only a live event tells that.
            (at >= self.since).then(|| began.until(wechat.now().max(at)))
        })
    }
}

async fn journal(State(tape): State<Tape>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match tape.events(last.map_or(1, |seq| seq.saturating_add(1))).await {
        Ok(events) => {
            let events = events.map_ok(|event| {
                let sse = Event::default().retry(RETRY).data(event.to_string());
                match event["seq"].as_u64() {
                    Some(seq) => sse.id(seq.to_string()),
                    None => sse,
                }
            });
            Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

#[cfg(test)]
mod tests;
