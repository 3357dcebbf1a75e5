//! One login, step by step, as a browser, a phone and a website take it.

use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use form_urlencoded::Serializer;
use futures_util::StreamExt;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use scan_login::simulator::Sealed;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::daemon::{CLIENT, CLIENT_SECRET, Checked, Daemon, ORIGIN, REDIRECT_URI};

const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

/// A login whose browser shows the QR code and watches.
pub struct Login<'a> {
    daemon: &'a Daemon,
    pub number: u32,
    scene: String,
    socket: WebSocketStream<TcpStream>,
}

impl<'a> Login<'a> {
    /// Asks for a session, and attaches.
    pub async fn begin(daemon: &'a Daemon) -> Self {
        let number = daemon.next_login();
        let address = address_of(number);
        let session = create(daemon, number, address).await;
        let socket = attach(daemon, &session, address, 0).await.unwrap();
        let scene = session["scene_id"].as_str().unwrap().to_owned();
        let mut login = Self { daemon, number, scene, socket };
        assert_eq!(login.next().await["type"], "created");
        login
    }

    /// The push that says that this person has scanned.
    pub fn scan(&self, person: u32) -> Sealed {
        self.daemon.scan(&self.scene, person)
    }

    /// Waits until the login is confirmed, for its code.
    pub async fn confirmed(&mut self) -> String {
        assert_eq!(self.next().await["type"], "scanned");
        let confirmed = self.next().await;
        assert_eq!(confirmed["type"], "confirmed");
        assert_eq!(confirmed["redirect_to"].is_string(), self.daemon.checked.is_all());
        confirmed["code"].as_str().unwrap().to_owned()
    }

    /// The browser goes, and the website redeems the code.
    pub async fn redeem(mut self, code: &str) {
        self.socket.close(None).await.unwrap();
        let form = self.token_request(code);
        let credentials = STANDARD.encode(format!("{CLIENT}:{CLIENT_SECRET}"));
        let request = Request::post(format!("http://{}/oauth/token", self.daemon.address))
            .header(header::AUTHORIZATION, format!("Basic {credentials}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer: Value = serde_json::from_slice(&self.daemon.post(request, form).await).unwrap();
        assert!(answer["openid"].is_string());
        assert_eq!(answer["id_token"].is_string(), self.daemon.checked == Checked::AllWithIdToken);
    }

    fn token_request(&self, code: &str) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code").append_pair("code", code);
        if self.daemon.checked.is_all() {
            form.append_pair("redirect_uri", REDIRECT_URI).append_pair("code_verifier", &verifier(self.number));
        }
        form.finish()
    }

    async fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.next().await.expect("the socket was closed").unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

/// The address of a login's browser. Loopback is 127.0.0.0/8; the daemons themselves are at its beginning.
pub fn address_of(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + number)
}

pub async fn create(daemon: &Daemon, number: u32, from: Ipv4Addr) -> Value {
    let mut ask = json!({ "client_id": CLIENT, "scope": daemon.checked.scope() });
    let mut request = Request::post("/v1/sessions")
        .header(header::HOST, daemon.address.to_string())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONTENT_TYPE, "application/json");
    if daemon.checked.is_all() {
        request = request.header(header::ORIGIN, ORIGIN);
        ask["redirect_uri"] = REDIRECT_URI.into();
        ask["state"] = format!("state-{number:016}").into();
        ask["nonce"] = format!("nonce-{number:016}").into();
        ask["code_challenge"] = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier(number))).into();
        ask["code_challenge_method"] = "S256".into();
    }
    let request = request.body(Full::<Bytes>::from(ask.to_string())).unwrap();
    let stream = TokioIo::new(connect(from, daemon.address).await);
    let (mut http, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let answer = http.send_request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// Watches from behind the message `after`; `None` where the daemon is about to end.
pub async fn attach(
    daemon: &Daemon,
    session: &Value,
    from: Ipv4Addr,
    after: u64,
) -> Option<WebSocketStream<TcpStream>> {
    let url = format!("{}?after={after}", session["links"]["ws"].as_str().unwrap());
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    let protocols = format!("scan-login.v1, token.{}", session["attach_token"].as_str().unwrap());
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocols.parse().unwrap());
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if daemon.checked.is_all() {
        headers.insert(header::ORIGIN, HeaderValue::from_static(ORIGIN));
    }
    let stream = connect(from, daemon.address).await;
    tokio_tungstenite::client_async(request, stream).await.ok().map(|(socket, _)| socket)
}

pub async fn connect(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let stream = socket.connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The code verifier of a login: no shorter than it must be (RFC 7636 §4.1).
pub fn verifier(number: u32) -> String {
    format!("{number:043}")
}
