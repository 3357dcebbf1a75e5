use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use super::super::client_address::ClientAddress;
use super::super::extract::{Query, Scene};
use super::super::measure;
use super::super::problem::Problem;
use super::super::site::Shared;
use super::super::sockets::{SocketPlace, Who};
use super::super::websocket::{Closed, Limits, Upgrade, WebSocket};
use super::attached::{attach, told};
use crate::actors::{Message, Watch, Watched};
use crate::domain::Created;
use crate::metrics::{Connected, ConnectionKind};

/// The sub-protocol that these messages are.
const PROTOCOL: &str = "scan-login.v1";

/// A peer whose answer to a ping has not come by the next one is gone.
const PING: Duration = Duration::from_secs(25);

/// How long a peer may take to let one message out of our buffers.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Browsers have nothing to say here but that they are there; what waits for them is a handful of short messages.
const LIMITS: Limits = Limits { max_message_bytes: 1024, max_waiting_bytes: 16 << 10, read_bytes: 64 };

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
    let place = site.sockets.take(address, Who::MayAsk)?;
    let (response, socket) = upgrade.accept(LIMITS, Some(PROTOCOL));
    let beginning = Box::pin(begin(site.clone(), place, watched, socket));
    site.tasks.spawn(serve(beginning).boxed());
    Ok(response)
}

/// Minutes pass until somebody scans: what comes before that and behind it is in boxes, and gone or not there yet.
async fn serve(beginning: Pin<Box<impl Future<Output = Option<Browser>>>>) {
    let Some(mut browser) = beginning.await else { return };
    if let Some((code, reason)) = browser.tell().await {
        Box::pin(browser.socket.close(code, reason)).await;
    }
}

async fn begin(
    site: Shared,
    place: SocketPlace,
    Watched { created, watch }: Watched,
    socket: impl Future<Output = Result<WebSocket, hyper::Error>>,
) -> Option<Browser> {
    let socket = socket.await.ok()?;
    let mut pings = interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let connected = site.metrics.http().connected(ConnectionKind::WebSocket);
    Some(Browser { site, created, watch, socket, pings, _place: place, _connected: connected })
}

/// A browser that watches.
struct Browser {
    site: Shared,
    created: Arc<Created>,
    watch: Watch,
    socket: WebSocket,
    pings: Interval,
    _place: SocketPlace,
    _connected: Connected,
}

impl Browser {
    /// Tells what was missed and what comes; how to close then, or `None` where the peer has gone.
    async fn tell(&mut self) -> Option<Farewell> {
        loop {
            let Self { site, watch, socket, pings, .. } = self;
            tokio::select! {
                messages = watch.next_or_end() => {
                    let Some(messages) = messages else { return Some(OVER) };
                    // A slow browser is closed, never waited for.
                    Box::pin(timeout(WRITE_TIMEOUT, self.say(&messages))).await.ok()?.ok()?;
                    measure::pushed(&self.site.metrics, &self.site.traces, &self.watch);
                }
                said = socket.recv() => drop(said?),
                _ = pings.tick() => {
                    if socket.ping_is_unanswered() {
                        return Some(SILENT);
                    }
                    Box::pin(timeout(WRITE_TIMEOUT, socket.ping())).await.ok()?.ok()?;
                }
                () = site.stopping.cancelled() => return Some(RESTART),
            }
        }
    }

    async fn say(&mut self, messages: &[Message]) -> Result<(), Closed> {
        let texts = told(&self.site, &self.created, messages).map(|told| told.text()).collect();
        self.socket.send_texts(texts).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_waits_takes_little() {
        let task = serve(Box::pin(std::future::ready(None)));
        let bytes = size_of_val(&task);
        assert!(bytes <= 1100, "{bytes} bytes for each, where all that is said takes its room at once");
    }
}
