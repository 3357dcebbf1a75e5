//! `GET /events` on the admin socket: the journal as lines of JSON, from the past into the future.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::actors::{Follow, Head, History};
use crate::domain::{Recorded, SceneId};
use crate::replay::{Filter, FilterError, Selector, write_jsonl};

/// How many events may be passed over in silence where the reader wants to see progress.
const PROGRESS_EVERY: u64 = 10_000;

/// The journal's interface for the program's own commands, for the admin socket.
///
/// `GET /events` takes the pairs of a [`Filter`], `from` (a sequence, default 1), `follow` and `progress` (`true` or
/// `false`, default `false`). It answers with `application/jsonl`, one event a line in the journal's order, and with the
/// last durable sequence as `x-journal-head`. Without `follow` it ends there; with it, it goes on until the peer or the
/// daemon ends. With `progress`, a line `{"progress": SEQ}` comes every 10,000 events of the journal, selected or not, and
/// once where the end is reached.
/// Where the journal cannot be read on, the last line is `{"error": "…"}`. Once `stop` is cancelled, no answer goes on.
pub fn events_router(history: History, stop: CancellationToken) -> Router {
    Router::new().route("/events", get(events).with_state(Source { history, stop }))
}

#[derive(Clone)]
struct Source {
    history: History,
    stop: CancellationToken,
}

async fn events(State(source): State<Source>, RawQuery(query): RawQuery) -> Response {
    let query = match Query::parse(query.as_deref().unwrap_or_default()) {
        Ok(query) => query,
        Err(error) => return refused(&error),
    };
    let history = source.history.clone();
    let identify = Arc::new(move |account: &_, openid: &_| history.person(account, openid));
    let mut follow = source.history.follow(query.from);
    // What cannot be read is told where it is read.
    let _ = follow.pass(query.filter.times()).await;
    let head = follow.head();
    let reader = Reader {
        follow,
        head: source.history.head(),
        scene: query.filter.scene_id(),
        first: query.from,
        last: head,
        history: source.history,
        stop: source.stop,
        selector: query.filter.selector(identify),
        end: if query.follow { None } else { Some(head) },
        tells_progress: query.progress,
        silent: 0,
        reached_end: false,
        done: false,
    };
    let headers = [("content-type", "application/jsonl".to_owned()), ("x-journal-head", head.to_string())];
    (headers, Body::from_stream(stream::unfold(reader, Reader::next))).into_response()
}

fn refused(error: &QueryError) -> Response {
    let problem = json!({ "title": error.to_string(), "detail": error.cure(), "status": 400 });
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
}

#[derive(Debug)]
struct Query {
    filter: Filter,
    from: u64,
    follow: bool,
    progress: bool,
}

#[derive(Debug, thiserror::Error)]
enum QueryError {
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("`{}` is not a value of {key}", .value.escape_debug())]
    Value { key: &'static str, value: String },
    #[error("this daemon does not know `{}`", .0.escape_debug())]
    Unknown(String),
}

impl QueryError {
    fn cure(&self) -> String {
        match self {
            Self::Filter(error) => error.cure(),
            Self::Value { key: "from", .. } => "give a sequence of the journal, 1 or more".to_owned(),
            Self::Value { .. } => "give true or false".to_owned(),
            Self::Unknown(_) => "use the version of scan-login that the daemon has".to_owned(),
        }
    }
}

impl Query {
    /// What nobody knows is an error: an older daemon that passed over a condition would show what was not asked for.
    fn parse(text: &str) -> Result<Self, QueryError> {
        let mut query = Self { filter: Filter::default(), from: 1, follow: false, progress: false };
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            let bad = |key| QueryError::Value { key, value: value.clone().into_owned() };
            match &*key {
                "from" => query.from = value.parse().ok().filter(|&from| from > 0).ok_or_else(|| bad("from"))?,
                "follow" => query.follow = value.parse().map_err(|_| bad("follow"))?,
                "progress" => query.progress = value.parse().map_err(|_| bad("progress"))?,
                _ if query.filter.set(&key, &value)? => (),
                _ => return Err(QueryError::Unknown(key.into_owned())),
            }
        }
        query.filter = query.filter.checked()?;
        Ok(query)
    }
}

/// One answer on its way: reads a batch when the peer has taken the one before, and no earlier.
struct Reader {
    history: History,
    follow: Follow,
    head: watch::Receiver<Head>,
    /// What may be the one session that is asked for; `None` once that is settled.
    scene: Option<SceneId>,
    /// The first sequence to give.
    first: u64,
    /// The last durable sequence at the beginning.
    last: u64,
    stop: CancellationToken,
    selector: Selector,
    /// The last sequence to give; `None` where there is no last.
    end: Option<u64>,
    tells_progress: bool,
    /// Events since the last word about progress.
    silent: u64,
    reached_end: bool,
    done: bool,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let mut lines = Vec::new();
        while lines.is_empty() && !self.done {
            self.read(&mut lines).await;
        }
        if lines.is_empty() { None } else { Some((Ok(lines.into()), self)) }
    }

    /// Reads one batch, or waits for something to read.
    async fn read(&mut self, lines: &mut Vec<u8>) {
        if self.stop.is_cancelled() {
            return self.stopped(lines);
        }
        if let Some(scene) = self.scene.take() {
            return self.read_session(&scene, lines).await;
        }
        // Looked at before the batch is read, so that what comes in between wakes the wait below.
        let head = self.head.borrow_and_update().clone();
        let batch = match self.follow.batch().await {
            Ok(batch) => batch,
            Err(error) => return self.fail(&error.to_string(), lines),
        };
        for recorded in &batch {
            if self.end.is_some_and(|end| recorded.seq > end) {
                self.done = true;
                return;
            }
            self.take(recorded, lines);
        }
        if !batch.is_empty() {
            return;
        }
        if !std::mem::replace(&mut self.reached_end, true) {
            return self.tell_progress(head.seq, lines);
        }
        if self.end.is_some() {
            self.done = true;
        } else if let Some(failure) = head.failure {
            self.fail(&format!("the journal can no longer be written: {failure}"), lines);
        } else {
            tokio::select! {
                () = self.stop.cancelled() => self.stopped(lines),
                changed = self.head.changed() => self.done |= changed.is_err(),
            }
        }
    }

    /// The one session by the store's index, so that the rest of the journal need not be read.
    async fn read_session(&mut self, scene: &SceneId, lines: &mut Vec<u8>) {
        let events = match self.history.session(scene).await {
            Ok(events) => events,
            Err(error) => return self.fail(&error.to_string(), lines),
        };
        if events.is_empty() {
            // It can still be a page id.
            return;
        }
        self.selector.of_scene_only();
        let wanted = self.first..=self.last;
        events.iter().filter(|recorded| wanted.contains(&recorded.seq)).for_each(|recorded| self.take(recorded, lines));
        self.follow = self.history.follow(self.first.max(self.last + 1));
    }

    fn take(&mut self, recorded: &Recorded, lines: &mut Vec<u8>) {
        if self.selector.matches(recorded) {
            write_jsonl(recorded, lines);
        }
        self.silent += 1;
        if self.silent >= PROGRESS_EVERY {
            self.tell_progress(recorded.seq, lines);
        }
    }

    fn tell_progress(&mut self, seq: u64, lines: &mut Vec<u8>) {
        self.silent = 0;
        if self.tells_progress {
            lines.extend_from_slice(format!("{{\"progress\":{seq}}}\n").as_bytes());
        }
    }

    /// A reader that follows has got all there is; one that has not reached its end must learn that it has not.
    fn stopped(&mut self, lines: &mut Vec<u8>) {
        self.done = true;
        if self.end.is_some() {
            self.fail("the daemon stopped before the end of the journal was reached", lines);
        }
    }

    fn fail(&mut self, error: &str, lines: &mut Vec<u8>) {
        self.done = true;
        lines.extend_from_slice(json!({ "error": error }).to_string().as_bytes());
        lines.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (String, String) {
        let error = Query::parse(text).unwrap_err();
        (error.to_string(), error.cure())
    }

    #[test]
    fn a_query_has_defaults() {
        let query = Query::parse("").unwrap();
        assert_eq!((query.from, query.follow, query.progress, query.filter.narrows()), (1, false, false, false));
        let query = Query::parse("from=5&follow=true&progress=true&type=denied").unwrap();
        assert_eq!((query.from, query.follow, query.progress, query.filter.narrows()), (5, true, true, true));
    }

    #[test]
    fn nothing_of_a_query_is_passed_over() {
        assert_eq!(refusal("follow=yes").0, "`yes` is not a value of follow");
        for from in ["from=0", "from=-1", "from=", "from=x"] {
            assert_eq!(refusal(from).1, "give a sequence of the journal, 1 or more");
        }
        assert_eq!(refusal("sceen=1").0, "this daemon does not know `sceen`");
        assert_eq!(refusal("type=begun").0, "`begun` is not a kind of event");
        assert!(refusal("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z").0.starts_with("the end of the time"));
    }
}
