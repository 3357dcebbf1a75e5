use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::super::super::client_address::ClientAddress;
use super::super::super::problem::Problem;
use super::Shared;
use crate::dashboard::{Sight, Watching};

/// Proxies take a connection for dead that says nothing for a minute or so.
const PING: Duration = Duration::from_secs(25);

/// `GET /dashboard/stream`: server-sent events. The first, `access`, says what the reader may see; each `data` that follows is a
/// message of the dashboard, the whole hour first. It ends where the reader is too slow, and where the daemon stops.
pub(super) async fn stream(
    State(inner): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let sight = inner.gate.sight(&headers, address)?;
    let watching = inner.dashboard.watch(sight).map_err(|full| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_readers", full.to_string())
            .again_after(Duration::from_secs(10))
    })?;
    let access = json!({
        "sees_all": sight == Sight::All,
        "has_token": inner.gate.has_token(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    let access = Event::default().event("access").data(access.to_string());
    let told = stream::unfold(watching, |mut watching: Watching| async move {
        let text = watching.next().await?;
        Some((Event::default().data(&*text), watching))
    });
    let events = stream::once(std::future::ready(access)).chain(told).map(Ok::<_, Infallible>);
    let events = events.take_until(inner.stop.clone().cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(PING)))
}
