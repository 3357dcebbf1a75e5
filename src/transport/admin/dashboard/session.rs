//! One session: its history, and its end by the operator's word.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::super::client_address::ClientAddress;
use super::super::super::extract::Query;
use super::super::super::headers::media_type;
use super::super::super::problem::Problem;
use super::Shared;
use crate::actors::EndedByAdmin;
use crate::clock::rfc3339_millis;
use crate::domain::{Recorded, SceneId, Session, State as Standing, Timestamp, evolve};
use crate::replay::{Stage, to_map};

/// `GET /dashboard/session?id=…`: the history of the session with this scene id or page id, each event as `replay` prints it.
pub(super) async fn show(
    State(inner): State<Shared>,
    query: Query,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    inner.gate.all(&headers, address)?;
    let id = query.text("id").map(str::trim).unwrap_or_default();
    let events = inner.dashboard.session(id).await.map_err(|error| {
        tracing::error!(%error, "the dashboard cannot read a session");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "journal", error.to_string())
    })?;
    match events {
        Some(events) => Ok(Json(told(&events, inner.dashboard.clock().now()))),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "unknown_session", "the journal knows no such session")),
    }
}

fn told(events: &[Recorded], now: Timestamp) -> Value {
    let state = events.iter().fold(Standing::Absent, |state, recorded| evolve(state, &recorded.event));
    let deadline = state.session().and_then(Session::deadline);
    json!({
        "scene_id": events.first().map(|first| first.scene.as_str()),
        "stage": state.session().map(|session| Stage::from(&session.phase).name()),
        "goes_on": deadline.is_some_and(|deadline| now < deadline),
        "deadline": deadline.map(rfc3339_millis),
        "events": events.iter().map(to_map).collect::<Vec<_>>(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    scene_id: String,
}

/// `POST /dashboard/session/end` with `{"scene_id": …}` as `application/json`: the session is denied, reason `admin`, and its
/// browser is told. A form cannot ask this, nor can another site's page.
pub(super) async fn end(
    State(inner): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    inner.gate.all(&headers, address)?;
    if !media_type(&headers).eq_ignore_ascii_case("application/json") {
        let detail = "send the body as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    let not_understood = |_| Problem::bad_request("invalid_request", "send {\"scene_id\": …}");
    let End { scene_id } = serde_json::from_slice(&body?).map_err(not_understood)?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "unknown_session", "no such session is known any more");
    let scene = SceneId::new(scene_id).map_err(|_| unknown())?;
    let ended =
        inner.logins.end_by_admin(&scene).await.map_err(|unavailable| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", unavailable.to_string())
        })?;
    match ended {
        EndedByAdmin::Now => {
            tracing::info!(%scene, "a session was ended from the dashboard");
            Ok(Json(json!({ "outcome": "ended" })))
        }
        EndedByAdmin::Before => Ok(Json(json!({ "outcome": "over_before" }))),
        EndedByAdmin::Unknown => Err(unknown()),
    }
}
