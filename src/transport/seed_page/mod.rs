//! The original page's interface: `GET /qrcode?sceneId=` and a SockJS connection, made safe without a change of the page.
//!
//! The page chooses its own id, out of few; so it is only an alias, and both halves (the request for the QR code, the word
//! on the connection) must come from the same holder: the same address, or the same cookie.

mod connection;
mod connections;
mod holder;
mod qr_url;

use std::sync::Arc;

use axum::Router;

use crate::config::{Client, SeedPage};

use super::site::{Shared, Site};

pub use self::connections::{Around, PageConnections};

/// The routes below `base`, where the operator has turned the original page on.
pub(super) fn routes(base: &str, site: &Arc<Site>) -> Router<Shared> {
    match site.page_connections.router(base) {
        Some(connections) => Router::new().merge(qr_url::routes(base)).merge(connections.with_state(())),
        None => Router::new(),
    }
}

/// The page's settings and the client whose logins these are.
fn configured(site: &Site) -> Option<(&SeedPage, &Client)> {
    let seed_page = site.config.seed_page.as_ref()?;
    Some((seed_page, site.config.client(&seed_page.client_id)?))
}
