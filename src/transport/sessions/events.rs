use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::super::client_address::ClientAddress;
use super::super::connection_place::ConnectionPlace;
use super::super::extract::{Query, Scene};
use super::super::headers::PRIVATE;
use super::super::measure;
use super::super::problem::Problem;
use super::super::site::Shared;
use super::super::sockets::Who;
use super::attached::{attach, told};
use crate::actors::{Message, Watched};
use crate::metrics::ConnectionKind;

/// Proxies take a connection for dead that says nothing for a minute or so.
const PING: Duration = Duration::from_secs(25);

/// What a browser sends with its next attempt (HTML, server-sent events).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// nginx keeps answers back to fill its buffers unless it is told not to.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// `GET /v1/sessions/{scene_id}/events`: the messages as server-sent events, each with its `seq` as its id.
///
/// Where all is over and all was told, 204: so the browser does not ask again.
pub(super) async fn events(
    State(site): State<Shared>,
    scene: Result<Scene, Problem>,
    query: Query,
    Extension(address): Extension<ClientAddress>,
    Extension(place): Extension<ConnectionPlace>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = headers.get(&LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
    let after = match last {
        Some(last) => last,
        None => query.number("after", 0)?,
    };
    let mut watched = attach(&site, scene, &query, &headers, address, after).await?.watched;
    let (missed, has_ended) = watched.watch.look();
    if missed.is_empty() && has_ended {
        return Ok((StatusCode::NO_CONTENT, PRIVATE).into_response());
    }
    place.wait_among(&site.sockets, address, Who::MayAsk)?;
    let events = Sse::new(stream_of(site, watched, missed)).keep_alive(KeepAlive::new().interval(PING));
    let mut response = events.into_response();
    // In the place of what the library says of the same.
    for (name, value) in PRIVATE.into_iter().chain([UNBUFFERED]) {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// What was missed, and then what comes, until the session is over or the daemon stops.
fn stream_of(
    site: Shared,
    Watched { created, watch }: Watched,
    missed: Vec<Message>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let stopping = site.stopping.clone();
    // It goes with the stream, whoever ends that.
    let connected = site.metrics.http().connected(ConnectionKind::Sse);
    let coming = stream::unfold((watch, site.clone(), connected), |(mut watch, site, connected)| async move {
        let messages = watch.next_or_end().await?;
        measure::pushed(&site.metrics, &site.traces, &watch);
        Some((messages, (watch, site, connected)))
    });
    let batches = stream::once(std::future::ready(missed)).chain(coming);
    batches.take_until(stopping.cancelled_owned()).flat_map(move |messages| {
        let texts = told(&site, &created, &messages).map(|told| told.text());
        let events = messages
            .iter()
            .zip(texts)
            .map(|(message, text)| Ok(Event::default().id(message.seq.to_string()).data(text)));
        stream::iter(events.collect::<Vec<_>>())
    })
}
