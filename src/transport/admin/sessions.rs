//! `/sessions` on the admin socket: what goes on now, and how the operator ends it.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{FutureExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actors::{EndedByAdmin, History, Logins, StoreError, Unavailable};
use crate::clock::Clock;
use crate::domain::{Event, Opener, Recorded, SceneId};
use crate::replay::Standing;

/// Sessions that are read at once, so that any number of them takes little memory.
const AT_ONCE: usize = 512;

/// The sessions of now, for the admin socket.
///
/// `GET /sessions` answers with `application/jsonl`, one session a line, the oldest first: those that go on, and those that ended so
/// lately that their browsers may still ask. A line is what [`Standing::write_jsonl`] writes of this moment. Where the journal
/// cannot be read on, the last line is `{"error": "…"}`.
///
/// `POST /sessions/expire` takes `{"session": ID}`, a scene id, or the id that an original page made for a session that goes on.
/// It ends the session, `denied` with the reason `admin`, and answers with an [`EndedSession`] once that is durable.
pub fn sessions_router(logins: Logins, history: History, clock: Clock) -> Router {
    let source = Source { logins, history, clock };
    Router::new()
        .route("/sessions", get(list).with_state(source.clone()))
        .route("/sessions/expire", post(expire).with_state(source))
}

#[derive(Clone)]
struct Source {
    logins: Logins,
    history: History,
    clock: Clock,
}

async fn list(State(source): State<Source>) -> Response {
    let scenes = match source.history.lately().await {
        Ok(scenes) => scenes,
        Err(error) => return unreadable(&error),
    };
    let lines = Lines { source, rest: scenes.into_iter() };
    let body = Body::from_stream(stream::unfold(lines, Lines::next));
    ([(header::CONTENT_TYPE, "application/jsonl")], body).into_response()
}

/// One answer on its way: reads a batch when the peer has taken the one before, and no earlier.
struct Lines {
    source: Source,
    rest: std::vec::IntoIter<SceneId>,
}

impl Lines {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let mut lines = Vec::new();
        while lines.is_empty() {
            let scenes: Vec<SceneId> = self.rest.by_ref().take(AT_ONCE).collect();
            if scenes.is_empty() {
                return None;
            }
            match self.source.history.sessions(scenes).await {
                Ok(sessions) => {
                    let now = self.source.clock.now();
                    let standings = sessions.iter().filter_map(|events| Standing::of(events, now));
                    standings.for_each(|standing| standing.write_jsonl(&mut lines));
                }
                Err(error) => {
                    lines.extend_from_slice(json!({ "error": error.to_string() }).to_string().as_bytes());
                    lines.push(b'\n');
                    self.rest = Vec::new().into_iter();
                }
            }
        }
        Some((Ok(lines.into()), self))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    session: String,
}

/// What became of the operator's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession {
    /// In one word.
    pub outcome: EndOutcome,
    /// The session, where there is one.
    pub scene_id: Option<String>,
    /// Where it stands by now: the name of a [`Stage`](crate::replay::Stage).
    pub state: Option<String>,
}

/// What became of it in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndOutcome {
    /// It is over by that.
    Ended,
    /// It was over before.
    OverBefore,
    /// There is no such session.
    Unknown,
}

async fn expire(State(source): State<Source>, body: Bytes) -> Response {
    let Ok(Ask { session }) = serde_json::from_slice(&body) else {
        return problem(StatusCode::BAD_REQUEST, "the request is not understood", "use the daemon's own version");
    };
    // What was begun is finished, also where the peer goes away meanwhile.
    match tokio::spawn(FutureExt::boxed(async move { source.end(&session).await })).await {
        Ok(Ok(ended)) => axum::Json(ended).into_response(),
        Ok(Err(NotEnded::Unreadable(error))) => unreadable(&error),
        Ok(Err(NotEnded::Unavailable(error))) => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            &error.to_string(),
            "it is not known whether the session ended: look with `scan-login sessions show`, and try again",
        ),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "ending it panicked", "look at the daemon's log"),
    }
}

enum NotEnded {
    Unreadable(StoreError),
    Unavailable(Unavailable),
}

impl From<StoreError> for NotEnded {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Unavailable> for NotEnded {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error)
    }
}

impl Source {
    async fn end(&self, session: &str) -> Result<EndedSession, NotEnded> {
        if let Ok(scene) = SceneId::new(session) {
            let outcome = self.logins.end_by_admin(&scene).await?;
            let events = self.history.session(&scene).await?;
            if outcome != EndedByAdmin::Unknown || !events.is_empty() {
                return Ok(self.told(outcome, &scene, &events));
            }
        }
        let Some(scene) = self.of_page(session).await? else {
            return Ok(EndedSession { outcome: EndOutcome::Unknown, scene_id: None, state: None });
        };
        let outcome = self.logins.end_by_admin(&scene).await?;
        let events = self.history.session(&scene).await?;
        Ok(self.told(outcome, &scene, &events))
    }

    fn told(&self, outcome: EndedByAdmin, scene: &SceneId, events: &[Recorded]) -> EndedSession {
        let standing = Standing::of(events, self.clock.now());
        let outcome = match outcome {
            EndedByAdmin::Now => EndOutcome::Ended,
            // The journal knows it, so it was there.
            EndedByAdmin::Before | EndedByAdmin::Unknown => EndOutcome::OverBefore,
        };
        let state = standing.map(|standing| standing.stage().name().to_owned());
        EndedSession { outcome, scene_id: Some(scene.as_str().to_owned()), state }
    }

    /// The newest session of lately that an original page has given this id.
    async fn of_page(&self, id: &str) -> Result<Option<SceneId>, StoreError> {
        let scenes = self.history.lately().await?;
        for scenes in scenes.rchunks(AT_ONCE) {
            let sessions = self.history.sessions(scenes.to_vec()).await?;
            let found = sessions.iter().rev().find(|events| is_of_page(events, id));
            if let Some(first) = found.and_then(|events| events.first()) {
                return Ok(Some(first.scene.clone()));
            }
        }
        Ok(None)
    }
}

fn is_of_page(events: &[Recorded], id: &str) -> bool {
    matches!(events.first().map(|first| &first.event), Some(Event::Created(created))
        if matches!(&created.opener, Opener::Page { page, .. } if page.as_str() == id))
}

fn unreadable(error: &StoreError) -> Response {
    let cure = "look at the daemon's log, and keep a copy of the store before anything else";
    problem(StatusCode::INTERNAL_SERVER_ERROR, &format!("the journal cannot be read: {error}"), cure)
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let problem = json!({ "title": title, "detail": detail, "status": status.as_u16() });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
}
