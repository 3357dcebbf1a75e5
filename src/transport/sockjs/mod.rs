//! A SockJS server (protocol 0.3.3 and what its test suite has become since): messages both ways with any browser, over a
//! WebSocket where there is one and over plain HTTP where not.
//!
//! The module knows nothing of what it carries. [`router`] makes an [`axum::Router`] for a prefix of the caller's choice
//! from [`Options`] and a [`Service`]; the service gets each opened session as a [`Connection`].
//!
//! ```
//! use scan_login::transport::sockjs::{self, Connection, Options};
//!
//! let echo = sockjs::router("/echo", Options::default(), |mut connection: Connection| async move {
//!     while let Some(message) = connection.recv().await {
//!         if connection.send(message).is_err() {
//!             break;
//!         }
//!     }
//! });
//! let app: axum::Router = axum::Router::new().merge(echo);
//! # let _ = app;
//! ```
//!
//! # What is served
//!
//! | path below the prefix (and with a slash at its end) | |
//! |---|---|
//! | (nothing) | a greeting |
//! | `/info` | what clients ask first |
//! | `/{server}/{session}/websocket` | a session over a WebSocket |
//! | `/{server}/{session}/xhr`, `…/xhr_send` | a session over polling |
//!
//! Anything else is not found, which makes clients try their next transport.
//!
//! # Who sends
//!
//! [`Connection::request`] is the request that opened the session. Over a WebSocket it stands for everything; over polling
//! each message comes in a request of its own, which may bear more than the first one did (a cookie that was set in
//! between). Where [`Options::keep_requests`] says so, [`Connection::recv_message`] gives a [`Message`] with it. Where a
//! WebSocket would come too early, [`Options::admit_websocket`] turns it away, and the client polls.
//!
//! # How it is built
//!
//! `frame` (what is written) and `session` (what is owed to whom, and when it ends) are pure. `live` and `table` put them
//! into a world with tasks and time. `route`, `answer` and `body` are HTTP. Each file of `transports` carries frames in
//! one way; a new one needs a receiver from `table`, a line in
//! `route`, and one here.
//!
//! # What bounds it
//!
//! Sessions in all, the bytes of a message, the bytes that wait in a session for either side, and the time for which a
//! client may be slow: see [`Options`]. A session that nobody reads is gone after the disconnect delay. Nothing runs that
//! [`Options::tasks`] does not count, and [`Options::shutdown`] ends all sessions in good order.

mod answer;
mod body;
mod frame;
mod info;
mod live;
mod options;
mod route;
mod service;
mod session;
mod table;
mod transports;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::{Method, StatusCode};

pub use options::{Admission, AllowedOrigins, Options};
pub use service::{Connection, Sender, Service};
pub use session::{Closed, Message};

use answer::{Common, PLAIN, answer, empty, method_not_allowed, not_found, preflight};
use route::{Route, Transport};
use table::Sessions;
use transports::{websocket, xhr};

/// A router that serves `service` over SockJS under `prefix`, such as `/sockjs`. Merge it into another one.
///
/// It is not to be nested: [`Router::nest`] swallows a slash behind its own prefix, so that `/sockjs//info` would be
/// answered as if it were `/sockjs/info`. Each router has sessions of its own. Its handlers start tasks, so they must run
/// inside a tokio runtime.
///
/// # Panics
/// As [`Router::route`] does: where the prefix is neither empty nor begins with a slash, or holds a pattern that is none.
pub fn router(prefix: &str, options: Options, service: impl Service) -> Router {
    let prefix = prefix.trim_end_matches('/');
    let state = Serving { prefix: Arc::from(prefix), sessions: Arc::new(Sessions::new(options, Arc::new(service))) };
    // Below the prefix paths are judged by `Route`, as they came; no pattern matches an empty rest, hence three.
    let mut router = Router::new().route(&format!("{prefix}/"), any(handle));
    if !prefix.is_empty() {
        router = router.route(prefix, any(handle));
    }
    router.route(&format!("{prefix}/{{*path}}"), any(handle)).with_state(state)
}

#[derive(Clone)]
struct Serving {
    prefix: Arc<str>,
    sessions: Arc<Sessions>,
}

async fn handle(State(Serving { prefix, sessions }): State<Serving>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let uri = parts.uri.clone();
    let path = uri.path().strip_prefix(&*prefix);
    let Some(route) = path.and_then(Route::of) else { return not_found() };
    let options = &sessions.options;
    if matches!(route, Route::Session { transport: Transport::WebSocket, .. }) && !options.websocket {
        return not_found();
    }
    let common = Common::of(options, &parts.method, &parts.headers);
    let mut response = if !route.allows(&parts.method) {
        method_not_allowed(route.methods())
    } else if parts.method == Method::OPTIONS {
        preflight(route.methods())
    } else if matches!(route, Route::Session { .. }) && !common.is_allowed() {
        // Browsers let every page send, and hold no WebSocket to CORS at all: the server has to look at the origin itself
        // (Fetch §3.2, RFC 6455 §10.2).
        empty(StatusCode::FORBIDDEN)
    } else {
        match route {
            Route::Greeting => answer(StatusCode::OK, PLAIN, "Welcome to SockJS!\n"),
            Route::Info => info::info(options),
            Route::Session { transport: Transport::WebSocket, .. } => websocket::upgrade(&sessions, parts),
            Route::Session { id, transport: Transport::Xhr } => xhr::poll(&sessions, id, parts, body).await,
            Route::Session { id, transport: Transport::XhrSend } => xhr::send(&sessions, id, parts, body).await,
        }
    };
    match route {
        Route::Greeting => (),
        Route::Session { transport: Transport::WebSocket, .. } => common.no_cache(&mut response),
        Route::Info => {
            common.no_cache(&mut response);
            common.cors(&mut response);
        }
        Route::Session { transport: Transport::Xhr | Transport::XhrSend, .. } => {
            common.no_cache(&mut response);
            common.cors(&mut response);
            common.cookie(&mut response);
        }
    }
    response
}
