//! `GET /records` on the admin socket: the journal's records as they are stored.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::actors::{History, StoreError};

/// Most records in one piece of an answer: bounds the memory of a reader.
const BATCH: u64 = 1024;

/// The records for the program's own commands, for the admin socket.
///
/// `GET /records` takes `from` (a sequence, default 1) and answers with all records from there, or from the journal's first,
/// which `x-journal-first` names, up to the last durable one at its beginning, which `x-journal-head` names: each its sequence (u64, little endian), the length of its body (u32,
/// little endian), and its body. Where it cannot go on it ends with the sequence 0 and, in place of a body, the reason in
/// words. Once `stop` is cancelled, no answer goes on.
pub fn records_router(history: History, stop: CancellationToken) -> Router {
    Router::new().route("/records", get(records).with_state(Source { history, stop }))
}

#[derive(Clone)]
struct Source {
    history: History,
    stop: CancellationToken,
}

async fn records(State(source): State<Source>, RawQuery(query): RawQuery) -> Response {
    let Some(next) = from(query.as_deref().unwrap_or_default()) else { return refused() };
    let head = source.history.head().borrow().seq;
    let first = source.history.beginning().first;
    let headers = [
        ("content-type", "application/octet-stream".to_owned()),
        ("x-journal-head", head.to_string()),
        ("x-journal-first", first.to_string()),
    ];
    let reader = Reader { source, next: next.max(first), head };
    (headers, Body::from_stream(stream::unfold(reader, Reader::next))).into_response()
}

/// The sequence to begin with; what nobody knows is an error.
fn from(query: &str) -> Option<u64> {
    form_urlencoded::parse(query.as_bytes()).try_fold(1, |_, (key, value)| match &*key {
        "from" => value.parse().ok().filter(|&from| from > 0),
        _ => None,
    })
}

fn refused() -> Response {
    let cure = "give from=SEQ, a sequence of the journal, 1 or more, and nothing else";
    let problem = json!({ "title": "the query is not one of /records", "detail": cure, "status": 400 });
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
}

/// One answer on its way: reads a batch when the peer has taken the one before, and no earlier.
struct Reader {
    source: Source,
    next: u64,
    head: u64,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.next > self.head {
            return None;
        }
        let mut bytes = Vec::new();
        if let Err(reason) = self.read(&mut bytes).await {
            frame(0, reason.as_bytes(), &mut bytes);
            self.next = u64::MAX;
        }
        Some((Ok(bytes.into()), self))
    }

    async fn read(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        if self.source.stop.is_cancelled() {
            return Err("the daemon stopped before the end of the journal was reached".to_owned());
        }
        let limit = (self.head - self.next + 1).min(BATCH) as usize;
        let told = |error: StoreError| error.to_string();
        let records = self.source.history.read_raw(self.next, limit).await.map_err(told)?;
        let found = records.first().map_or(self.next, |record| record.seq);
        if found > self.next {
            return Err(format!(
                "records up to {} were removed by retention while they were read: ask again",
                found - 1
            ));
        }
        for record in &records {
            frame(record.seq, &record.body, bytes);
            self.next = record.seq + 1;
        }
        if records.is_empty() { Err(format!("record {}: it is missing", self.next)) } else { Ok(()) }
    }
}

fn frame(seq: u64, body: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&seq.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_query_is_passed_over() {
        assert_eq!((from(""), from("from=7")), (Some(1), Some(7)));
        for query in ["from=0", "from=", "from=-1", "from=x", "form=1", "from=1&until=3"] {
            assert_eq!(from(query), None, "{query}");
        }
    }
}
