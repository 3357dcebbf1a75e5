use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::super::client_address::ClientAddress;
use super::super::connection_place::ConnectionPlace;
use super::super::extract::{Query, Scene};
use super::super::json;
use super::super::measure;
use super::super::problem::Problem;
use super::super::site::Shared;
use super::super::sockets::Who;
use super::attached::{Attached, attach, told};
use super::message::Told;
use crate::actors::Watched;
use crate::metrics::ConnectionKind;

/// The longest that a poll waits.
const MAX_WAIT: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Answer<'a> {
    messages: Vec<Told<'a>>,
}

/// `GET /v1/sessions/{scene_id}?after=&wait=`: the messages behind `after`, as soon as there is one, or none.
pub(super) async fn poll(
    State(site): State<Shared>,
    scene: Result<Scene, Problem>,
    query: Query,
    Extension(address): Extension<ClientAddress>,
    Extension(place): Extension<ConnectionPlace>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (after, wait) = (query.number("after", 0)?, query.number("wait", 0)?);
    let Watched { created, mut watch } = attach(&site, scene, &query, &headers, address, after).await?.watched;
    let mut messages = watch.ready();
    if messages.is_empty() && wait > 0 {
        place.wait_among(&site.sockets, address, Who::MayAsk)?;
        let _connected = site.metrics.http().connected(ConnectionKind::Poll);
        let wait = Duration::from_secs(wait.into()).min(MAX_WAIT);
        messages = tokio::select! {
            next = watch.next() => next.unwrap_or_default(),
            () = tokio::time::sleep(wait) => Vec::new(),
            () = site.stopping.cancelled() => Vec::new(),
        };
    }
    measure::pushed(&site.metrics, &site.traces, &watch);
    let messages = told(&site, &created, &messages).collect();
    Ok(json::private(StatusCode::OK, &Answer { messages }))
}

/// `DELETE /v1/sessions/{scene_id}`: the browser gives up, and whose page may watch may do so.
pub(super) async fn give_up(
    State(site): State<Shared>,
    scene: Result<Scene, Problem>,
    query: Query,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let Attached { scene, token, .. } = attach(&site, scene, &query, &headers, address, 0).await?;
    if site.logins.give_up(&scene, &token).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
