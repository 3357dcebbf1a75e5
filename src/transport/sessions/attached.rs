//! Who watches a session: the browser that holds its attach token, on whichever transport.

use http::{HeaderMap, header};

use super::super::client_address::ClientAddress;
use super::super::extract::{Query, Scene};
use super::super::problem::Problem;
use super::super::site::{Shared, Site};
use super::super::{cors, websocket};
use super::message::Told;
use crate::actors::{Message, Watched};
use crate::domain::{Created, SceneId};

/// The sub-protocol that carries the token is this and the token: a browser can give a WebSocket no header.
const TOKEN_PROTOCOL: &str = "token.";

/// A session that the request may watch, and end.
pub(super) struct Attached {
    pub(super) scene: SceneId,
    pub(super) token: String,
    pub(super) watched: Watched,
}

/// The session that the request bears the token of, watched from behind the message `after`.
///
/// # Errors
/// 403 for a page of a stranger, 401 without a token, and the same 404 for a wrong token and an unknown scene.
pub(super) async fn attach(
    site: &Shared,
    scene: Result<Scene, Problem>,
    query: &Query,
    headers: &HeaderMap,
    address: ClientAddress,
    after: u32,
) -> Result<Attached, Problem> {
    let origin = cors::origin(headers);
    if origin.is_some_and(|origin| !cors::is_any_clients(origin, &site.config)) {
        return Err(cors::foreign());
    }
    let token = token(headers, query).ok_or_else(Problem::unauthorized)?;
    let Scene(scene) = scene?;
    let watched = site.logins.watch(&scene, &token, after, address.0).await?.ok_or_else(Problem::not_found)?;
    let client = site.config.client(&watched.created.client);
    let is_foreign = |client| origin.is_some_and(|origin| !cors::is_clients(origin, client, &site.config));
    if client.is_some_and(is_foreign) { Err(cors::foreign()) } else { Ok(Attached { scene, token, watched }) }
}

/// The token, where one was sent: as a bearer (RFC 6750 §2.1), as a sub-protocol, or in the query.
fn token(headers: &HeaderMap, query: &Query) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    let offered = || websocket::offered_protocols(headers).find_map(|name| name.strip_prefix(TOKEN_PROTOCOL));
    bearer.or_else(|| offered().map(str::to_owned)).or_else(|| query.text("token").map(str::to_owned))
}

/// Messages as the browser gets them.
pub(super) fn told<'a>(site: &Site, created: &Created, messages: &'a [Message]) -> impl Iterator<Item = Told<'a>> {
    let issuer = site.config.server.public_url.as_str();
    messages.iter().map(|message| Told::of(message, created, issuer))
}
