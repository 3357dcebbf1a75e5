//! The page's word on its connection: one id, and what comes of it.
//!
//! Bound to a cookie, a browser's first visit goes another way than later ones. The page opens its connection when it loads,
//! before it fetches the QR code with whose answer the cookie comes. A WebSocket opened then would never bear it; so none is
//! taken without the cookie ([`admission`]), and the client polls. There the id comes in a request of its own, two seconds
//! later, and that request bears the cookie. (Setting the cookie with an earlier answer as well would be a race: two answers
//! without the browser's word in between, two values.)

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::actors::{Logins, Message, MessageBody, PageClaim};
use crate::config::{SeedBind, SeedMessage, SeedPage};
use crate::domain::PageId;
use crate::keys::Keys;
use crate::metrics::{ConnectionKind, Metrics};
use crate::traces::Traces;

use super::super::client_address::ClientAddress;
use super::super::measure;
use super::super::sockjs::{Admission, Connection, Message as Said, Service};
use super::holder::{PageCookie, holder};

/// What the original page looks for; the value follows.
const AUTOMATIC_LOGIN: &str = "AUTOMATIC_LOGIN####";

/// A connection that says no id costs us something, so it is closed: sockjs-client 1.1.2 leaves silent ones behind.
const SILENCE: Duration = Duration::from_secs(60);

/// A close code of ours, in the range for applications (RFC 6455 §7.4.2), and its reason.
type Farewell = (u16, &'static str);

/// One refusal for unknown, used and foreign ids.
const REFUSED: Farewell = (4003, "Scene id refused");
const NO_ID: Farewell = (4000, "No scene id");
const GONE: Farewell = (4004, "Scene is over");
const UNAVAILABLE: Farewell = (4503, "Try again later");

/// Which WebSockets can still become a page's.
pub(super) fn admission(bind: SeedBind) -> Admission {
    match bind {
        SeedBind::Cookie => Admission::when(|request| PageCookie::of(&request.headers).is_some()),
        SeedBind::Address => Admission::default(),
    }
}

/// Serves the original page's connections.
pub(super) struct PageService(Arc<Surroundings>);

/// What a page's connection works with.
pub(super) struct Surroundings {
    pub(super) settings: SeedPage,
    pub(super) keys: Arc<Keys>,
    pub(super) logins: Logins,
    pub(super) metrics: Metrics,
    pub(super) traces: Traces,
}

impl PageService {
    pub(super) fn new(around: Surroundings) -> Self {
        Self(Arc::new(around))
    }
}

impl Service for PageService {
    fn serve(&self, connection: Connection) -> BoxFuture<'static, ()> {
        let around = self.0.clone();
        Box::pin(async move {
            let mut connection = connection;
            let _connected = around.metrics.http().connected(ConnectionKind::SockJs);
            if let Some((code, reason)) = converse(&around, &mut connection).await {
                if code == REFUSED.0 {
                    around.metrics.logins().refused("page_id_refused");
                }
                connection.close(code, reason);
            }
        })
    }
}

/// Speaks with one page until it goes; else why it is sent away.
async fn converse(around: &Surroundings, connection: &mut Connection) -> Option<Farewell> {
    // In a box, because every page that waits for a scan would keep room for its beginning.
    let (page, mut claim) = match Box::pin(introduce(around, connection)).await {
        Ok(introduced) => introduced?,
        Err(why) => return Some(why),
    };
    loop {
        tokio::select! {
            messages = claim.watch.next() => {
                let Some(messages) = messages else { return Some(GONE) };
                for value in messages.iter().filter_map(|message| value(message, &around.settings)) {
                    connection.send(format!("{AUTOMATIC_LOGIN}{value}")).ok()?;
                    measure::pushed(&around.metrics, &around.traces, &claim.watch);
                }
            }
            said = connection.recv() => {
                // One id a connection; saying it again changes nothing.
                if said? != page.as_str() {
                    return Some(REFUSED);
                }
            }
        }
    }
}

/// Which page it is, and its claim on that; `None` where it goes before.
async fn introduce(
    around: &Surroundings,
    connection: &mut Connection,
) -> Result<Option<(PageId, PageClaim)>, Farewell> {
    let Some(first) = first(connection).await? else { return Ok(None) };
    let page = PageId::new(first.text()).map_err(|_| REFUSED)?;
    let claim = claim(around, page.clone(), connection, first).await?;
    Ok(Some((page, claim)))
}

/// The first message, which is not awaited for ever; `None` where the page goes before.
async fn first(connection: &mut Connection) -> Result<Option<Said>, Farewell> {
    tokio::time::timeout(SILENCE, connection.recv_message()).await.map_err(|_| NO_ID)
}

async fn claim(
    around: &Surroundings,
    page: PageId,
    connection: &Connection,
    said: Said,
) -> Result<PageClaim, Farewell> {
    let request = connection.request();
    let address = request.extensions.get::<ClientAddress>().ok_or(REFUSED)?;
    let brought = said.request().map(|request| &request.headers);
    let cookie = PageCookie::of_connection(&request.headers, brought).map_err(|_| REFUSED)?;
    let half = holder(&around.keys, &around.settings, page, *address, cookie.as_ref()).ok_or(REFUSED)?;
    match around.logins.claim_page(&half).await {
        Ok(Ok(claim)) => Ok(claim),
        Ok(Err(_)) => Err(REFUSED),
        Err(_) => Err(UNAVAILABLE),
    }
}

/// What follows `AUTOMATIC_LOGIN####`, once there is something.
fn value(message: &Message, settings: &SeedPage) -> Option<String> {
    match (&message.body, settings.message) {
        (MessageBody::Confirmed { code, .. }, SeedMessage::Code) => Some(code.to_string()),
        (MessageBody::Confirmed { openid, .. }, SeedMessage::Openid) => Some(openid.as_str().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tokio::time::Instant;
    use tower::ServiceExt;

    use super::super::super::sockjs::{self, Options};
    use super::*;

    async fn poll(app: &axum::Router) -> String {
        let request = http::Request::post("/sockjs/0/a/xhr").body(Body::empty()).unwrap();
        let body = app.clone().oneshot(request).await.unwrap().into_body().collect().await.unwrap();
        String::from_utf8(body.to_bytes().into()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_no_id_is_closed_after_a_minute() {
        let service = |mut connection: Connection| async move {
            if let Err((code, reason)) = first(&mut connection).await {
                connection.close(code, reason);
            }
        };
        let app = sockjs::router("/sockjs", Options::default(), service);
        let began = Instant::now();
        for frame in ["o\n", "h\n", "h\n", "c[4000,\"No scene id\"]\n"] {
            assert_eq!(poll(&app).await, frame);
        }
        assert_eq!(began.elapsed().as_secs(), 60);
    }
}
