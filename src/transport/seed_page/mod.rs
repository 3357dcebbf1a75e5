//! The original page's interface: `GET /qrcode?sceneId=` and a SockJS connection, made safe without a change of the page.
//!
//! The page chooses its own id, out of few; so it is only an alias, and both halves (the request for the QR code, the word
//! on the connection) must come from the same holder: the same address, or the same cookie.

mod connection;
mod holder;
mod qr_url;

use std::sync::Arc;

use axum::Router;
use http::Extensions;

use crate::config::{Client, SeedBind, SeedPage};

use super::client_address::ClientAddress;
use super::site::{Shared, Site};
use super::sockjs::{self, AllowedOrigins, Options};

/// Most bytes of what a page says at once: its id is a few digits.
const MAX_MESSAGE: usize = 4 << 10;
/// Most bytes that wait for a page or from it: a few requests' heads, which are kept where a cookie counts.
const MAX_WAITING: usize = 64 << 10;

/// The routes below `base`, where the operator has turned the original page on.
pub(super) fn routes(base: &str, site: &Arc<Site>) -> Router<Shared> {
    let Some((settings, client)) = configured(site) else { return Router::new() };
    // No `client_script`, so no iframe pages: it would run with our own origin (docs/adr/0011).
    let options = Options {
        allowed_origins: AllowedOrigins::List(origins(site, client)),
        admit_websocket: connection::admission(settings.bind),
        keep_requests: settings.bind == SeedBind::Cookie,
        extensions: |mut all| all.remove::<ClientAddress>().map(kept).unwrap_or_default(),
        max_sessions: site.places.sockjs,
        max_message_bytes: MAX_MESSAGE,
        max_waiting_bytes: MAX_WAITING,
        shutdown: site.stopping.clone(),
        tasks: site.tasks.clone(),
        ..Options::default()
    };
    let service = connection::PageService(site.clone());
    Router::new()
        .merge(qr_url::routes(base))
        .merge(sockjs::router(&format!("{base}/sockjs"), options, service).with_state(()))
}

/// Who asks is all that a connection needs of what was put beside its request.
fn kept(address: ClientAddress) -> Extensions {
    let mut kept = Extensions::new();
    kept.insert(address);
    kept
}

/// The page's settings and the client whose logins these are.
fn configured(site: &Site) -> Option<(&SeedPage, &Client)> {
    let seed_page = site.config.seed_page.as_ref()?;
    Some((seed_page, site.config.client(&seed_page.client_id)?))
}

/// The client's origins, and ours: a page may be served beside the daemon.
fn origins(site: &Site, client: &Client) -> Vec<String> {
    let own = site.config.server.public_url.origin();
    client.origins.iter().cloned().chain([own]).collect()
}
