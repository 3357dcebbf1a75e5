//! The dashboard over HTTP, for the admin listener: the page, the stream that keeps it up to date, and one session.
//!
//! Without the token a reader gets figures that name nobody and no session. With it, in `Authorization: Bearer` and nowhere
//! else, also the newest events and a session's history, and may end a session.

mod assets;
mod page;
mod session;
mod stream;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::actors::Logins;
use crate::dashboard::Dashboard;

use token::Gate;

/// Most bytes of a request's body.
const BODY_MAX: usize = 1024;

/// What the dashboard asks.
pub struct DashboardHttp {
    /// What is shown.
    pub dashboard: Dashboard,
    /// What ends a session.
    pub logins: Logins,
    /// `[admin] token_file`.
    pub token: Option<SecretString>,
    /// Cancelled where the daemon stops, or the token is another: no stream goes on.
    pub stop: CancellationToken,
}

struct Inner {
    dashboard: Dashboard,
    logins: Logins,
    gate: Gate,
    stop: CancellationToken,
}

type Shared = Arc<Inner>;

/// `/` and everything below `/dashboard/`, to be mounted on the admin listener, which checks by what name it is called.
pub fn dashboard_router(http: DashboardHttp) -> Router {
    let DashboardHttp { dashboard, logins, token, stop } = http;
    let inner = Inner { dashboard, logins, gate: Gate::new(token), stop };
    Router::new()
        .route("/", get(page::page))
        .route("/dashboard/{file}", get(assets::asset))
        .route("/dashboard/stream", get(stream::stream))
        .route("/dashboard/session", get(session::show))
        .route("/dashboard/session/end", post(session::end))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(Arc::new(inner))
}
