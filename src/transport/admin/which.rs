//! Which journal a command means. Two daemons may be configured for one socket, or a command with another store than the daemon
//! that answers: what it asks must not be answered, and above all not be done, of another journal.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The header in which a command names the journal that it means, as the store's `folder_id` gives it.
pub const JOURNAL_HEADER: &str = "x-journal";

/// `commands`, for those who mean the journal `ours` or name none; others get 421 (RFC 9110 section 15.5.20).
pub fn for_journal(ours: String, commands: Router) -> Router {
    commands.layer(middleware::from_fn_with_state(ours, judge))
}

async fn judge(State(ours): State<String>, request: Request<Body>, next: Next) -> Response {
    match request.headers().get(JOURNAL_HEADER) {
        Some(meant) if meant.as_bytes() != ours.as_bytes() => refused(),
        _ => next.run(request).await,
    }
}

fn refused() -> Response {
    let title = "it has another journal than [store] path of this configuration";
    let cure =
        "give [admin] socket here a path of its own, or this command the daemon's configuration; nothing was done";
    let problem = json!({ "title": title, "detail": cure, "status": 421 });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::MISDIRECTED_REQUEST, kind, problem.to_string()).into_response()
}
