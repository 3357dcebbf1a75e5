//! The original page's connections, over changes of the configuration.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{Extensions, Method};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::Logins;
use crate::config::{Config, SeedBind, SeedPage};
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::traces::Traces;

use super::super::client_address::ClientAddress;
use super::super::connection_place::ConnectionPlace;
use super::super::problem::Problem;
use super::super::sockets::{NoSocket, SocketPlace, Sockets, Who};
use super::super::sockjs::{self, AllowedOrigins, Options, Places};
use super::connection;

/// Most bytes of what a page says at once: its id is a few digits.
const MAX_MESSAGE: usize = 4 << 10;
/// Most bytes that wait for a page or from it: a few requests' heads, which are kept where a cookie counts.
const MAX_WAITING: usize = 64 << 10;
/// A page says one thing, and its machine that it is there; it waits for minutes.
const READ_AT_ONCE: usize = 64;

/// Who is connected, and whoever may still. Clone it freely: the clones share the connections.
#[derive(Clone, Default)]
pub struct PageConnections(Option<Arc<Inner>>);

struct Inner {
    settings: SeedPage,
    origins: Vec<String>,
    /// Each path that they are served below, and what serves them there.
    routers: Vec<(String, Router)>,
    ended: CancellationToken,
}

/// What the connections need beside the configuration.
pub struct Around<'a> {
    /// For pseudonyms of browsers.
    pub keys: &'a Arc<Keys>,
    /// Where the pages' sessions are.
    pub logins: &'a Logins,
    /// What is counted.
    pub metrics: &'a Metrics,
    /// Who hears of each login as a trace.
    pub traces: &'a Traces,
    /// A place for each, shared with all other sockets.
    pub sockets: &'a Arc<Sockets>,
    /// Cancelled when the daemon stops.
    pub stopping: &'a CancellationToken,
    /// Counts what runs.
    pub tasks: &'a TaskTracker,
}

impl PageConnections {
    /// Those of `config`, none yet; or those that are there, where nothing is different for them.
    #[must_use]
    pub fn followed_by(&self, config: &Config, around: &Around<'_>) -> Self {
        let Some(settings) = &config.seed_page else { return Self(None) };
        let Some(client) = config.client(&settings.client_id) else { return Self(None) };
        // The client's origins, and ours: a page may be served beside the daemon.
        let mut origins = client.origins.clone();
        origins.push(config.server.public_url.origin().to_owned());
        match &self.0 {
            Some(inner) if inner.settings == *settings && inner.origins == origins => self.clone(),
            _ => Self(Some(Arc::new(Inner::new(config, settings.clone(), origins, around)))),
        }
    }

    /// Sends whoever is connected away, unless `next` are the same.
    pub fn end_unless(&self, next: &Self) {
        let Some(inner) = &self.0 else { return };
        if !next.0.as_ref().is_some_and(|next| Arc::ptr_eq(inner, next)) {
            inner.ended.cancel();
        }
    }

    /// What serves them below `base`.
    pub(super) fn router(&self, base: &str) -> Option<Router> {
        let routers = &self.0.as_ref()?.routers;
        routers.iter().find(|(below, _)| below == base).map(|(_, router)| router.clone())
    }
}

impl Inner {
    fn new(config: &Config, settings: SeedPage, origins: Vec<String>, around: &Around<'_>) -> Self {
        let ended = around.stopping.child_token();
        let router = |base: &str| {
            // No `client_script`, so no iframe pages: it would run with our own origin (docs/adr/0011).
            let options = Options {
                allowed_origins: AllowedOrigins::List(origins.clone()),
                admit_websocket: connection::admission(settings.bind),
                keep_requests: settings.bind == SeedBind::Cookie,
                extensions: kept,
                places: places(around),
                max_message_bytes: MAX_MESSAGE,
                max_waiting_bytes: MAX_WAITING,
                websocket_read_bytes: READ_AT_ONCE,
                shutdown: ended.clone(),
                tasks: around.tasks.clone(),
                ..Options::default()
            };
            let service = connection::PageService::new(connection::Surroundings {
                settings: settings.clone(),
                keys: around.keys.clone(),
                logins: around.logins.clone(),
                metrics: around.metrics.clone(),
                traces: around.traces.clone(),
            });
            let door = Door { sockets: around.sockets.clone(), logins: around.logins.clone() };
            let waiting = from_fn_with_state(door, wait_among_sockets);
            sockjs::router(&format!("{base}/sockjs"), options, service).layer(waiting)
        };
        let base = config.server.public_url.path();
        let bases = if base.is_empty() { vec![""] } else { vec!["", base] };
        let routers = bases.into_iter().map(|base| (base.to_owned(), router(base))).collect();
        Self { settings, origins, routers, ended }
    }
}

/// Of SockJS's transports, those whose answers wait for something to tell.
const WAITING: [&str; 5] = ["xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp"];

/// A socket's place for each session, or SockJS's own words that there is none.
fn places(around: &Around<'_>) -> Places {
    let (sockets, metrics) = (around.sockets.clone(), around.metrics.clone());
    Places::by(move |request| {
        let place = place_of(&sockets, request);
        place.inspect_err(|why| metrics.logins().refused(why.code())).ok()
    })
}

fn place_of(sockets: &Arc<Sockets>, request: &Extensions) -> Result<SocketPlace, NoSocket> {
    let address = request.get::<ClientAddress>().ok_or(NoSocket::Taken)?;
    match request.get() {
        Some(NothingShown) => Err(sockets.refuse(NoSocket::Taken)),
        None => sockets.take(*address, Who::MustWait),
    }
}

/// Where sockets are short: from the address of this request no page shows a code that waits for its connection. A page that
/// was refused its code connects all the same, and must not take the place of one that has it.
#[derive(Clone, Copy)]
struct NothingShown;

#[derive(Clone)]
struct Door {
    sockets: Arc<Sockets>,
    logins: Logins,
}

/// A connection over which a page waits is a socket's, not one of HTTP. A WebSocket's is its session's.
async fn wait_among_sockets(
    State(Door { sockets, logins }): State<Door>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let transport = request.uri().path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let waits = WAITING.contains(&transport) && request.method() != Method::OPTIONS;
    let may_open = waits || transport == "websocket";
    let address = request.extensions().get::<ClientAddress>().copied();
    let Some(address) = address.filter(|_| may_open) else { return Ok(next.run(request).await) };
    if sockets.are_short() && !logins.shows_page_of(address.network()).await.unwrap_or(false) {
        request.extensions_mut().insert(NothingShown);
    }
    if waits && let Some(place) = request.extensions().get::<ConnectionPlace>() {
        place.wait_among(&sockets, address, Who::MustWait)?;
    }
    Ok(next.run(request).await)
}

/// Who asks, and whether a session may be opened, is all that a connection needs of what was put beside its request.
fn kept(mut all: Extensions) -> Extensions {
    let mut kept = Extensions::new();
    if let Some(address) = all.remove::<ClientAddress>() {
        kept.insert(address);
    }
    if let Some(nothing) = all.remove::<NothingShown>() {
        kept.insert(nothing);
    }
    kept
}
