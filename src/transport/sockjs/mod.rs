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
//! | `/iframe*.html` | a page for clients' own frames, where [`Options::client_script`] says what it loads |
//! | `/websocket` | a WebSocket without SockJS's frames, for programs that are no pages |
//! | `/{server}/{session}/websocket` | a session over a WebSocket |
//! | `/{server}/{session}/xhr_streaming`, `…/eventsource`, `…/htmlfile` | a session's frames, one after the other |
//! | `/{server}/{session}/xhr`, `…/jsonp` | a session's next frame |
//! | `/{server}/{session}/xhr_send`, `…/jsonp_send` | messages for a session |
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
//! Pure, and tested alone: `frame` and `callback` (what is read and written), `route` (what a path means), `session` with
//! `message` and `outbox` (what is owed to whom, and when it ends). `live` and `table` put sessions into a world with tasks
//! and time. `handler`, `answer`, `body`, `head`, `info` and `iframe` are HTTP. Each file of `transports` carries frames in
//! one way; a new one needs a line in `route` and one in `handler`.
//!
//! # What bounds it
//!
//! Sessions in all (past it 1013), the bytes of a message (1009), the bytes that wait in a session for either side (1008),
//! and the time for which a client may be slow: see [`Options`]. A session that nobody reads is gone after the disconnect
//! delay. It keeps its id and the head of the request that opened it, which are as long as the server around lets a head be.
//! Nothing runs that [`Options::tasks`] does not count, and [`Options::shutdown`] ends all sessions in good order
//! (1012).
//!
//! What a lost client leaves in the buffers of its connection is for the server around to take back: it sets the
//! connection's own timeouts.

mod answer;
mod body;
mod callback;
mod frame;
mod handler;
mod head;
mod iframe;
mod info;
mod live;
mod message;
mod options;
mod outbox;
#[cfg(any(test, fuzzing))]
pub mod properties;
mod route;
mod service;
mod session;
mod table;
mod transports;

use std::sync::Arc;

use axum::Router;
use axum::routing::any;

pub use frame::Payload;
pub use message::Message;
pub use options::{Admission, AllowedOrigins, Options, Places};
pub use service::{Connection, Sender, Service};
pub use session::Closed;

use handler::{Serving, handle};
use iframe::IframePage;
use table::Sessions;

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
    let state = Serving {
        prefix: Box::from(prefix),
        iframe: options.client_script.as_deref().map(IframePage::new),
        sessions: Arc::new(Sessions::new(options, Arc::new(service))),
    };
    // Below the prefix paths are judged by `Route`, as they came; no pattern matches an empty rest, hence three.
    let mut router = Router::new().route(&format!("{prefix}/"), any(handle));
    if !prefix.is_empty() {
        router = router.route(prefix, any(handle));
    }
    router.route(&format!("{prefix}/{{*path}}"), any(handle)).with_state(Arc::new(state))
}
