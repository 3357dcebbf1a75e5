//! Beside a daemon: its admin socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

use super::SourceError;
use crate::store::RawRecord;

/// How long a daemon may take to begin its answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// No record, and no answer that is one piece, is longer.
const MOST: usize = 16 * 1024 * 1024;
/// Sequence and length before each body.
const FRAME_HEAD: usize = 12;

/// A daemon that took our connection; it is good for one request.
pub struct Daemon {
    stream: UnixStream,
    path: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

impl Daemon {
    /// The daemon behind the socket at `path`; `None` where there is none.
    ///
    /// # Errors
    /// [`SourceError::Socket`] where there is one that we cannot speak with.
    pub async fn connect(path: &Path) -> Result<Option<Self>, SourceError> {
        match UnixStream::connect(path).await {
            Ok(stream) => Ok(Some(Self { stream, path: path.to_owned() })),
            Err(error) => match error.kind() {
                // A path that no socket can have is no daemon's; nor is another file of that name.
                io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::InvalidFilename
                | io::ErrorKind::InvalidInput => Ok(None),
                _ => Err(SourceError::Socket { path: path.to_owned(), reason: error }),
            },
        }
    }

    /// What it answers to `GET target`, as text.
    ///
    /// # Errors
    /// [`SourceError`], with its cure.
    pub async fn text(self, target: &str) -> Result<String, SourceError> {
        let body = Limited::new(self.get(target).await?.into_body(), MOST).collect().await;
        let bytes = body.map_err(|error| SourceError::Broken(error.to_string()))?.to_bytes();
        String::from_utf8(bytes.into()).map_err(|error| SourceError::Broken(error.to_string()))
    }

    /// The head of its journal, and the records from `from` up to there.
    pub(super) async fn records(self, from: u64) -> Result<(u64, Frames), SourceError> {
        let response = self.get(&format!("/records?from={from}")).await?;
        let head = response.headers().get("x-journal-head").and_then(|head| head.to_str().ok()?.parse().ok());
        let head = head.ok_or_else(|| SourceError::Broken("it does not name the journal's head".to_owned()))?;
        Ok((head, Frames { body: response.into_body(), rest: BytesMut::new() }))
    }

    /// Its answer, where that is one of success.
    async fn get(self, target: &str) -> Result<Response<Incoming>, SourceError> {
        let Self { stream, path } = self;
        let hung_up = |reason| SourceError::HungUp { path: path.clone(), reason };
        let answer = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(hung_up)?;
            tokio::spawn(connection);
            let request = Request::get(target).header("host", "localhost").body(Empty::<Bytes>::new());
            let request = request.map_err(|error| SourceError::Broken(error.to_string()))?;
            sender.send_request(request).await.map_err(hung_up)
        };
        let answer = tokio::time::timeout(DEADLINE, answer).await;
        let response = answer.unwrap_or_else(|_| Err(SourceError::Silent { path: path.clone() }))?;
        if response.status() == StatusCode::OK { Ok(response) } else { Err(refusal(response).await) }
    }
}

async fn refusal(response: Response<Incoming>) -> SourceError {
    let status = response.status();
    let body = match Limited::new(response.into_body(), MOST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return SourceError::Broken(error.to_string()),
    };
    match serde_json::from_slice(&body) {
        Ok(Problem { title, detail }) if !title.is_empty() => SourceError::Refused { title, detail },
        _ => SourceError::Refused {
            title: format!("status {status}"),
            detail: "see that [admin] socket is the daemon's, and that both are of one version".to_owned(),
        },
    }
}

/// The answer of `/records` as it comes.
pub(super) struct Frames {
    body: Incoming,
    /// What came, and is not a whole record yet.
    rest: BytesMut,
}

impl Frames {
    /// The next records; empty where the answer has its end.
    pub(super) async fn batch(&mut self) -> Result<Vec<RawRecord>, SourceError> {
        let mut records = Vec::new();
        while records.is_empty() {
            let Some(frame) = self.body.frame().await else { break };
            let frame = frame.map_err(|error| SourceError::Broken(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            self.rest.extend_from_slice(&data);
            while let Some(record) = take(&mut self.rest)? {
                records.push(record);
            }
        }
        if records.is_empty() && !self.rest.is_empty() {
            return Err(SourceError::Broken("its last record has no end".to_owned()));
        }
        Ok(records)
    }
}

/// The record at the beginning of `bytes`, once it is whole.
fn take(bytes: &mut BytesMut) -> Result<Option<RawRecord>, SourceError> {
    let Some(mut head) = bytes.get(..FRAME_HEAD) else { return Ok(None) };
    let (seq, length) = (head.get_u64_le(), head.get_u32_le() as usize);
    if length > MOST {
        return Err(SourceError::Broken(format!("a record of {length} bytes cannot be")));
    }
    if bytes.len() < FRAME_HEAD + length {
        return Ok(None);
    }
    bytes.advance(FRAME_HEAD);
    let body = bytes.split_to(length).to_vec();
    if seq == 0 {
        Err(SourceError::Daemon(String::from_utf8_lossy(&body).into_owned()))
    } else {
        Ok(Some(RawRecord { seq, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seq: u64, body: &[u8]) -> Vec<u8> {
        [&seq.to_le_bytes()[..], &(body.len() as u32).to_le_bytes(), body].concat()
    }

    #[test]
    fn records_are_told_apart_wherever_they_are_cut() {
        let bytes = [frame(7, b"one"), frame(8, b""), frame(9, b"three")].concat();
        for cut in 0..=bytes.len() {
            let (mut rest, mut found) = (BytesMut::new(), Vec::new());
            for piece in [&bytes[..cut], &bytes[cut..]] {
                rest.extend_from_slice(piece);
                while let Some(record) = take(&mut rest).unwrap() {
                    found.push((record.seq, record.body));
                }
            }
            assert_eq!(found, [(7, b"one".to_vec()), (8, vec![]), (9, b"three".to_vec())], "cut at {cut}");
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn the_daemons_reason_and_what_cannot_be_are_errors() {
        let told = take(&mut BytesMut::from(&frame(0, b"the disk is gone")[..])).unwrap_err();
        assert_eq!(told.to_string(), "the daemon cannot read on: the disk is gone");
        let huge = [&1_u64.to_le_bytes()[..], &u32::MAX.to_le_bytes()].concat();
        assert!(matches!(take(&mut BytesMut::from(&huge[..])), Err(SourceError::Broken(_))));
    }
}
