use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::super::client_address::ClientAddress;
use super::super::extract::{Query, Scene};
use super::super::measure;
use super::super::problem::Problem;
use super::super::site::Shared;
use super::super::websocket::{Limits, Upgrade, WebSocket};
use super::attached::{attach, to_json};
use crate::actors::Watched;
use crate::metrics::ConnectionKind;

/// The sub-protocol that these messages are.
const PROTOCOL: &str = "scan-login.v1";

/// A peer whose answer to a ping has not come by the next one is gone.
const PING: Duration = Duration::from_secs(25);

/// How long a peer may take to let one message out of our buffers.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Browsers have nothing to say here; what waits for them is a handful of short messages.
const LIMITS: Limits = Limits { max_message_bytes: 1024, max_waiting_bytes: 16 << 10 };

/// How a socket is closed (RFC 6455 §7.4.1).
type Farewell = (u16, &'static str);
const OVER: Farewell = (1000, "the session is over");
const SILENT: Farewell = (1001, "no answer to a ping");
/// Registered by the same RFC's registry as "Service Restart": come back.
const RESTART: Farewell = (1012, "service restart");

/// `GET /v1/sessions/{scene_id}/ws`: the messages over a WebSocket, each as a text.
pub(super) async fn connect(
    State(site): State<Shared>,
    scene: Result<Scene, Problem>,
    query: Query,
    Extension(address): Extension<ClientAddress>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let after = query.number("after", 0)?;
    let watched = attach(&site, scene, &query, &parts.headers, address, after).await?.watched;
    let upgrade = match Upgrade::from_parts(&mut parts) {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(rejection.into_response()),
    };
    let Ok(place) = site.sockets.clone().try_acquire_owned() else {
        return Err(Problem::from(crate::actors::Unavailable));
    };
    let (response, socket) = upgrade.accept(LIMITS, Some(PROTOCOL));
    let session = site.clone();
    site.tasks.spawn(async move {
        let _place = place;
        let _connected = session.metrics.http().connected(ConnectionKind::WebSocket);
        let Ok(mut socket) = socket.await else { return };
        if let Some((code, reason)) = tell(&session, watched, &mut socket).await {
            socket.close(code, reason).await;
        }
    });
    Ok(response)
}

/// Tells what was missed and what comes; how to close then, or `None` where the peer has gone.
async fn tell(site: &Shared, Watched { created, mut watch }: Watched, socket: &mut WebSocket) -> Option<Farewell> {
    let stopping: CancellationToken = site.stopping.clone();
    let mut pings = interval_at(tokio::time::Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            messages = watch.next_or_end() => {
                let Some(messages) = messages else { return Some(OVER) };
                for text in to_json(site, &created, &messages) {
                    // A slow browser is closed, never waited for.
                    timeout(WRITE_TIMEOUT, socket.send_text(text.to_string())).await.ok()?.ok()?;
                }
                measure::pushed(&site.metrics, &site.traces, &watch);
            }
            said = socket.recv() => drop(said?),
            _ = pings.tick() => {
                if socket.ping_is_unanswered() {
                    return Some(SILENT);
                }
                timeout(WRITE_TIMEOUT, socket.ping()).await.ok()?.ok()?;
            }
            () = stopping.cancelled() => return Some(RESTART),
        }
    }
}
