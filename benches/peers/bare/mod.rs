//! The bare loop: the requests, sockets and syncs of a login at our daemon, and nothing else.
//!
//! It has the same HTTP library, the same WebSockets, the same store behind one writer that commits in groups, the same number of
//! syncs for a login, and asks WeChat for a QR code as our daemon does. It has no routes, no checks, no cryptography, no actors, no
//! codec, no index and no metrics: events and answers are constants, and which login a callback is for it reads from the text that
//! WeChat's compatible mode sends beside the ciphertext.

mod keys;
mod log;
mod wechat;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::serving::{answer, serve, upgrade};
use crate::settings::Settings;
use log::{Event, Log};
use wechat::WeChat;

/// What stands before the login that a callback is for.
const EVENT_KEY: &[u8] = b"<EventKey><![CDATA[";
const SESSIONS: &str = "/v1/sessions";

struct Bare {
    address: String,
    log: Log,
    wechat: Option<WeChat>,
    logins: AtomicU64,
    pending: Mutex<HashMap<u64, Pending>>,
}

/// A login that waits for its scan.
struct Pending {
    confirm: oneshot::Sender<()>,
    /// For its browser, until that comes.
    confirmed: Option<oneshot::Receiver<()>>,
}

/// Serves for ever; without calls to WeChat where `alone`.
pub async fn run(settings: Settings, alone: bool) {
    let wechat = if alone { None } else { Some(WeChat::of(&settings.wechat).await) };
    let bare = Arc::new(Bare {
        address: settings.address().to_string(),
        log: Log::open(&settings.folder),
        wechat,
        logins: AtomicU64::new(0),
        pending: Mutex::default(),
    });
    serve(settings.address(), move |request| bare.clone().answer(request)).await;
}

impl Bare {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let is_get = request.method() == Method::GET;
        let path = request.uri().path();
        match path {
            SESSIONS => self.create(request).await,
            "/oauth/token" => self.redeem(request).await,
            _ if is_get => self.attach(request),
            _ => self.callback(request).await,
        }
    }

    async fn create(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        read(request).await;
        let number = self.logins.fetch_add(1, Ordering::Relaxed);
        let asked = async {
            if let Some(wechat) = &self.wechat {
                wechat.make_code().await;
            }
        };
        tokio::join!(self.log.append(Event::Created), asked);
        let (confirm, confirmed) = oneshot::channel();
        self.pending.lock().unwrap().insert(number, Pending { confirm, confirmed: Some(confirmed) });
        let links = format!("{}{SESSIONS}/{number}", self.address);
        let body = format!(
            "{{\"scene_id\":\"{number}\",\"attach_token\":\"dGhpcyBpcyBub3QgbXVjaCBvZiBhIHNlY3JldA\",\
             \"qr_content\":\"http://weixin.qq.com/q/02b4reN4jUf3k1PqYx1B1z\",\"qr_svg\":\"http://{links}/qr.svg\",\
             \"qr_png\":\"http://{links}/qr.png\",\"expires_at\":\"2026-01-02T03:04:05.678Z\",\"expires_in\":300,\
             \"links\":{{\"ws\":\"ws://{links}/ws\",\"sse\":\"http://{links}/events\",\"poll\":\"http://{links}\"}}}}"
        );
        answer(StatusCode::CREATED, body)
    }

    fn attach(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let number =
            request.uri().path()[SESSIONS.len() + 1..].split('/').next().and_then(|number| number.parse().ok());
        let number: u64 = number.unwrap();
        let confirmed = self.pending.lock().unwrap().get_mut(&number).and_then(|login| login.confirmed.take()).unwrap();
        let (response, socket) = upgrade(request);
        tokio::spawn(async move {
            if let Some(socket) = socket.await {
                watch(socket, number, confirmed).await;
            }
        });
        response
    }

    async fn callback(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let number = login_of(&read(request).await);
        self.log.append(Event::ScannedAndConfirmed).await;
        let login = self.pending.lock().unwrap().remove(&number);
        if let Some(login) = login {
            let _ = login.confirm.send(());
        }
        answer(StatusCode::OK, "success")
    }

    async fn redeem(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        read(request).await;
        self.log.append(Event::Redeemed).await;
        let body = "{\"access_token\":\"bm90IG11Y2ggb2YgYSBzZWNyZXQgZWl0aGVy\",\"token_type\":\"Bearer\",\"expires_in\":600,\
                    \"scope\":\"wechat\",\"openid\":\"o000000000000000000000000000\"}";
        answer(StatusCode::OK, body)
    }
}

async fn read(request: Request<Incoming>) -> Bytes {
    request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default()
}

fn login_of(body: &[u8]) -> u64 {
    let at = memchr::memmem::find(body, EVENT_KEY).unwrap() + EVENT_KEY.len();
    let digits = body[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Tells the browser what happens, until it goes.
async fn watch(mut socket: WebSocketStream<TcpStream>, number: u64, confirmed: oneshot::Receiver<()>) {
    if tell(&mut socket, 1, "created", "").await.is_err() {
        return;
    }
    tokio::select! {
        told = confirmed => {
            let code = format!(",\"code\":\"{number}\"");
            if told.is_err()
                || tell(&mut socket, 2, "scanned", "").await.is_err()
                || tell(&mut socket, 3, "confirmed", &code).await.is_err()
            {
                return;
            }
        }
        _ = socket.next() => return,
    }
    while let Some(Ok(_)) = socket.next().await {}
}

async fn tell(
    socket: &mut WebSocketStream<TcpStream>,
    seq: u32,
    kind: &str,
    more: &str,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let message = format!("{{\"seq\":{seq},\"type\":\"{kind}\",\"at\":\"2026-01-02T03:04:05.678Z\"{more}}}");
    socket.send(Message::text(message)).await
}
