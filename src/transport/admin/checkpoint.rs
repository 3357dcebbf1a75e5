//! `GET /checkpoint` on the admin socket: the daemon signs, so that its commands need no key.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use serde_json::json;

/// A head of the journal, signed.
pub struct SignedHead {
    /// The signed note.
    pub checkpoint: String,
    /// What verifies it.
    pub verifier_key: String,
}

/// Why there is none, and the cure.
pub struct Unsigned {
    /// What is wrong.
    pub what: String,
    /// What the operator can do.
    pub cure: String,
}

/// Signs the journal's head.
pub type Sign = Arc<dyn Fn() -> BoxFuture<'static, Result<SignedHead, Unsigned>> + Send + Sync>;

/// The log's checkpoint for the program's own commands, for the admin socket: `GET /checkpoint` answers with
/// `{"checkpoint": NOTE, "verifier_key": KEY}`.
pub fn checkpoint_router(sign: Sign) -> Router {
    Router::new().route("/checkpoint", get(checkpoint).with_state(sign))
}

async fn checkpoint(State(sign): State<Sign>) -> Response {
    match sign().await {
        Ok(SignedHead { checkpoint, verifier_key }) => {
            let body = json!({ "checkpoint": checkpoint, "verifier_key": verifier_key }).to_string();
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(Unsigned { what, cure }) => {
            let problem = json!({ "title": what, "detail": cure, "status": 503 }).to_string();
            let headers = [(header::CONTENT_TYPE, "application/problem+json")];
            (StatusCode::SERVICE_UNAVAILABLE, headers, problem).into_response()
        }
    }
}
