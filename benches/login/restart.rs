//! Whether a login is lost while the daemon is restarted under load, and how long its visitors notice.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::Serializer;
use futures_util::StreamExt;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::daemon::{CLIENT, CLIENT_SECRET, Checked, Daemon, REDIRECT_URI};
use crate::latency::arrivals;
use crate::login::{address_of, attach, connect, create, verifier};
use crate::{quantile, round};

const PER_SECOND: u32 = if cfg!(debug_assertions) { 20 } else { 200 };
const RESTARTS: u32 = 5;
/// From one restart to the next.
const APART: Duration = Duration::from_secs(3);
/// How long a visitor looks at the QR code before they scan.
const LOOKING: Duration = Duration::from_secs(2);
/// A login that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(30);
const PROBED_EVERY: Duration = Duration::from_millis(5);

/// From where it is probed whether there is an answer.
const PROBE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub async fn measure() -> Value {
    let daemon = Arc::new(Daemon::start_handed_over(Checked::All).await);
    let seconds = (APART * (RESTARTS + 1)).as_secs() as u32;
    let began = Instant::now();
    let arrivals = arrivals(PER_SECOND, PER_SECOND * seconds);
    let logins: Vec<_> = arrivals.iter().map(|after| tokio::spawn(log_in(daemon.clone(), began + *after))).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let probe = tokio::spawn(probe(daemon.clone(), is_over.clone()));
    let (mut stopping, mut starting) = (Vec::new(), Vec::new());
    for _ in 0..RESTARTS {
        tokio::time::sleep(APART).await;
        let (stopped, started) = daemon.restart().await;
        stopping.push(stopped.as_secs_f64() * 1e3);
        starting.push(started.as_secs_f64() * 1e3);
    }
    let (mut lost, mut came_back) = (0, 0);
    for login in logins {
        match login.await {
            Ok(Some(times)) => came_back += times,
            _ => lost += 1,
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let (waits, refused) = probe.await.unwrap();
    let milliseconds = |values: &[f64], share| round(quantile(values.iter().copied(), share));
    json!({
        "scenario": "restart", "restarts": RESTARTS, "logins": arrivals.len(), "per_s": PER_SECOND, "lost": lost,
        "connections_resumed": came_back, "refused": refused, "outage_ms": milliseconds(&waits, 1.0),
        "unnoticed_p50_ms": milliseconds(&waits, 0.5),
        "stop_p50_ms": milliseconds(&stopping, 0.5), "start_p50_ms": milliseconds(&starting, 0.5),
        "target_lost": 0, "target_refused": 0,
    })
}

/// How often its browser came back, where the login came to its end.
async fn log_in(daemon: Arc<Daemon>, from: Instant) -> Option<u32> {
    tokio::time::sleep_until(from.into()).await;
    let number = daemon.next_login();
    let login = async {
        let session = create(&daemon, number, address_of(number)).await;
        let scene = session["scene_id"].as_str().unwrap().to_owned();
        let scanning = async {
            tokio::time::sleep(LOOKING).await;
            let push = daemon.scan(&scene, number);
            // WeChat delivers again what was not answered.
            let uri = format!("/wechat/main?{}", push.query);
            while post(&daemon, number, &uri, &[(header::CONTENT_TYPE, "text/xml")], push.body.clone())
                .await
                .is_none_or(|(status, _)| status != StatusCode::OK)
            {}
        };
        let ((), (code, came_back)) = tokio::join!(scanning, watch(&daemon, &session, number));
        redeem(&daemon, number, &code).await;
        came_back
    };
    tokio::time::timeout(LOOKING + PATIENCE, login).await.ok()
}

/// Watches until the login is confirmed, on as many connections as it takes: the code, and how many there were beside the first.
async fn watch(daemon: &Daemon, session: &Value, number: u32) -> (String, u32) {
    let (mut after, mut connections) = (0, 0);
    loop {
        let Some(mut socket) = attach(daemon, session, address_of(number), after).await else { continue };
        connections += 1;
        while let Some(Ok(came)) = socket.next().await {
            let Message::Text(text) = came else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            after = message["seq"].as_u64().unwrap();
            if message["type"] == "confirmed" {
                return (message["code"].as_str().unwrap().to_owned(), connections - 1);
            }
        }
    }
}

/// Once: a second time would revoke what the first has given.
async fn redeem(daemon: &Daemon, number: u32, code: &str) {
    let credentials = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{CLIENT_SECRET}")));
    let headers = [(header::AUTHORIZATION, &*credentials), (header::CONTENT_TYPE, "application/x-www-form-urlencoded")];
    let (status, body) =
        post(daemon, number, "/oauth/token", &headers, token_request(number, code)).await.expect("no answer came");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}

fn token_request(number: u32, code: &str) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code").append_pair("code", code);
    form.append_pair("redirect_uri", REDIRECT_URI).append_pair("code_verifier", &verifier(number));
    form.finish()
}

/// On a connection of its own; `None` where it was lost before an answer came.
async fn post(
    daemon: &Daemon,
    number: u32,
    uri: &str,
    headers: &[(header::HeaderName, &str)],
    body: String,
) -> Option<(StatusCode, Bytes)> {
    let mut request = Request::post(uri).header(header::HOST, daemon.address.to_string());
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    send(daemon, address_of(number), request.body(Full::from(body)).unwrap()).await
}

async fn send(daemon: &Daemon, from: Ipv4Addr, request: Request<Full<Bytes>>) -> Option<(StatusCode, Bytes)> {
    let stream = TokioIo::new(connect(from, daemon.address).await);
    let (mut http, connection) = hyper::client::conn::http1::handshake(stream).await.ok()?;
    tokio::spawn(connection);
    let answer = http.send_request(request).await.ok()?;
    let status = answer.status();
    Some((status, answer.into_body().collect().await.ok()?.to_bytes()))
}

/// How long each answer took, in milliseconds, and how many did not come.
async fn probe(daemon: Arc<Daemon>, is_over: Arc<AtomicBool>) -> (Vec<f64>, u32) {
    let (mut waits, mut refused) = (Vec::new(), 0);
    while !is_over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let request = Request::get("/openapi.json").header(header::HOST, daemon.address.to_string());
        match send(&daemon, PROBE, request.body(Full::default()).unwrap()).await {
            Some((StatusCode::OK, _)) => waits.push(asked.elapsed().as_secs_f64() * 1e3),
            _ => refused += 1,
        }
        tokio::time::sleep(PROBED_EVERY).await;
    }
    (waits, refused)
}
