//! Peers that are slow, or send too much, on every route: each is ended in time and told what fits, and others are served
//! meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::callback::now;
use crate::phone::{asking_with, press, scan};
use crate::support::*;

const WWW_FORM: &str = "application/x-www-form-urlencoded";

/// The longest of the daemon's own times is 15 s.
const IN_TIME: Duration = Duration::from_secs(40);

/// So many large answers fill the buffers of both ends.
const MORE_THAN_FITS: usize = 2_000;

/// One route, with an address below it that leads somewhere.
#[derive(Clone)]
struct Route {
    /// As the description of the interface names it.
    name: &'static str,
    method: &'static str,
    path: String,
    body: Option<Body>,
}

/// What a route takes, and answers to a body that does not come in time and to one that is too large.
#[derive(Clone, Copy)]
struct Body {
    media_type: &'static str,
    most: usize,
    late: u16,
    large: u16,
}

impl Route {
    fn get(name: &'static str, path: impl Into<String>) -> Self {
        Self { name, method: "GET", path: path.into(), body: None }
    }

    fn post(name: &'static str, media_type: &'static str, (late, large): (u16, u16)) -> Self {
        let body = Body { media_type, most: 16 << 10, late, large };
        Self { name, method: "POST", path: name.into(), body: Some(body) }
    }

    fn at(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }
}

/// A daemon with a login that was scanned, and all its routes.
struct Served {
    world: World,
    routes: Vec<Route>,
}

impl Served {
    async fn start() -> Self {
        let world = asking_with("tap", |config| config).await;
        let page = world.create().await;
        let link = scan(&world, &page, "oAlice").await;
        let session = format!("/v1/sessions/{}", page.scene);
        let token = format!("token={}", page.attach_token);
        let phone = link.strip_prefix(&world.url("")).unwrap().to_owned();
        let login = "client_id=shop&redirect_uri=https://shop.example.com/callback?from=scan";
        let callback = format!("/wechat/main?msg_signature=x&timestamp={}&nonce=1&encrypt_type=aes", now());
        // OAuth prescribes 400 where it prescribes an answer (RFC 6749 §5.2, RFC 6750 §3.1).
        let (problem, oauth) = ((408, 413), (400, 400));
        let routes = vec![
            Route::post("/v1/sessions", "application/json", problem),
            Route::get("/v1/sessions/{scene_id}", format!("{session}?{token}")),
            Route::get("/v1/sessions/{scene_id}/events", format!("{session}/events?{token}")),
            Route::get("/v1/sessions/{scene_id}/ws", format!("{session}/ws?{token}")),
            Route::get("/v1/sessions/{scene_id}/qr.svg", format!("{session}/qr.svg")),
            Route::get("/v1/sessions/{scene_id}/qr.png", format!("{session}/qr.png")),
            Route::get("/oauth/authorize", format!("/oauth/authorize?{login}")),
            Route::post("/oauth/authorize", WWW_FORM, problem),
            Route::get("/login", format!("/login?{login}")),
            Route::post("/login/session", WWW_FORM, problem),
            Route::post("/oauth/token", WWW_FORM, oauth),
            Route::get("/oauth/userinfo", "/oauth/userinfo"),
            Route::post("/oauth/userinfo", WWW_FORM, oauth),
            Route::post("/oauth/revoke", WWW_FORM, oauth),
            Route::get("/.well-known/openid-configuration", "/.well-known/openid-configuration"),
            Route::get("/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server"),
            Route::get("/.well-known/jwks.json", "/.well-known/jwks.json"),
            Route::get("/c/{token}", phone.clone()),
            Route::post("/c/{token}", WWW_FORM, problem).at(phone),
            Route::get("/qrcode", "/qrcode?sceneId=0.4455617780570172"),
            Route::get("/widget.js", "/widget.js"),
            Route::get("/widget.d.ts", "/widget.d.ts"),
            Route::get("/openapi.json", "/openapi.json"),
            Route::get("/sockjs", "/sockjs/info"),
            Route {
                body: Some(Body { media_type: "text/xml", most: 64 << 10, late: 408, large: 413 }),
                ..Route::post("/wechat/{account}", "", problem).at(callback)
            },
        ];
        Self { world, routes }
    }

    /// Those that take a body.
    fn with_body(&self) -> impl Iterator<Item = (&Route, Body)> {
        self.routes.iter().filter_map(|route| Some((route, route.body?)))
    }

    /// A request's head, as far as it goes without an end.
    fn head(&self, Route { method, path, body, .. }: &Route) -> String {
        let (origin, media_type) = (self.world.url(""), body.map_or("text/plain", |body| body.media_type));
        format!("{method} {path} HTTP/1.1\r\nhost: shop\r\norigin: {origin}\r\ncontent-type: {media_type}\r\n")
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.world.socket_address()).await.unwrap()
    }

    /// The status that this gets.
    async fn status_of(&self, request: &str) -> u16 {
        let mut stream = self.connect().await;
        // Who is refused may find the connection shut before all is sent.
        stream.write_all(request.as_bytes()).await.ok();
        status(&mut stream).await
    }

    /// Somebody else logs in.
    async fn log_in(&self, openid: &str) {
        let page = self.world.create().await;
        let link = scan(&self.world, &page, openid).await;
        press(&link, "confirm").await;
        let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
        assert_eq!(self.world.redeem(&code).await.json()["openid"], openid);
    }
}

/// The status of the answer that comes; 0 where the connection ends without one.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut line = Vec::new();
    let read =
        async { while !line.contains(&b'\n') && stream.read_buf(&mut line).await.is_ok_and(|count| count > 0) {} };
    tokio::time::timeout(PATIENCE, read).await.expect("neither an answer nor an end");
    let line = String::from_utf8_lossy(&line).into_owned();
    line.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

/// Sends `begun`, and from then on a byte now and then, without an end. How the daemon answers.
async fn dribble(mut stream: TcpStream, begun: &str) -> u16 {
    stream.write_all(begun.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let dribbling = tokio::spawn(async move {
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(IN_TIME, read.read_to_end(&mut answer)).await;
    dribbling.abort();
    assert!(ended.is_ok(), "still held: {begun}");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

#[tokio::test]
async fn every_route_that_is_described_is_among_them_and_leads_somewhere() {
    let served = Served::start().await;
    let described = served.world.get("/openapi.json", &[]).await.json();
    let described: BTreeSet<&str> = described["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = served.routes.iter().map(|route| route.name).collect();
    assert!(described.is_subset(&known), "not among them: {:?}", described.difference(&known).collect::<Vec<_>>());
    for route in served.routes.iter().filter(|route| route.method == "GET") {
        let status = served.status_of(&format!("{}\r\n", served.head(route))).await;
        assert_ne!(status, 404, "{} leads nowhere", route.path);
    }
}

#[tokio::test]
async fn heads_and_bodies_that_dribble_are_ended_in_time_and_others_log_in_meanwhile() {
    let served = Served::start().await;
    let heads = served.routes.iter().map(async |route| {
        let status = dribble(served.connect().await, &format!("{}x-slow: ", served.head(route))).await;
        assert_eq!(status, 0, "{}: what is no request yet gets no answer", route.name);
    });
    let bodies = served.with_body().map(async |(route, body)| {
        let head = format!("{}content-length: 1000\r\n\r\n", served.head(route));
        assert_eq!(dribble(served.connect().await, &head).await, body.late, "{}", route.name);
    });
    let others = async {
        for number in 0..5 {
            served.log_in(&format!("oOther{number}")).await;
        }
    };
    tokio::join!(join_all(heads), join_all(bodies), others);
}

#[tokio::test]
async fn who_says_nothing_to_the_admin_listener_soon_gives_its_place_back() {
    let world = World::start().await;
    let mut silent = TcpStream::connect((world.address, 9090)).await.unwrap();
    let ended = async { while silent.read(&mut [0; 512]).await.is_ok_and(|length| length > 0) {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("it may take a probe's place for long");
}

#[tokio::test]
async fn heads_and_bodies_over_their_bounds_are_refused() {
    let served = Served::start().await;
    for route in &served.routes {
        let head = served.head(route);
        let long = format!("{head}x-long: {}\r\n\r\n", "x".repeat(16 << 10));
        assert_eq!(served.status_of(&long).await, 431, "{}: a long head", route.name);
        let many = format!("{head}{}\r\n", "x-many: x\r\n".repeat(101));
        assert_eq!(served.status_of(&many).await, 431, "{}: many headers", route.name);
    }
    for (route, body) in served.with_body() {
        let (head, size, large) = (served.head(route), body.most + 1, "x".repeat(body.most + 1));
        let announced = format!("{head}content-length: {size}\r\n\r\n{large}");
        assert_eq!(served.status_of(&announced).await, body.large, "{}: an announced body", route.name);
        let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{large}\r\n0\r\n\r\n");
        assert_eq!(served.status_of(&chunked).await, body.large, "{}: a chunked body", route.name);
    }
}

/// Waits until the daemon has given up its end of this connection, which the peer itself is not told.
async fn until_dropped(name: &str, stream: &TcpStream) {
    let peer = stream.local_addr().unwrap();
    let octets = match peer.ip() {
        std::net::IpAddr::V4(address) => u32::from_ne_bytes(address.octets()),
        std::net::IpAddr::V6(_) => unreachable!("the daemon listens on IPv4"),
    };
    // The daemon's line names the peer as the remote end (proc_net_tcp in the kernel's documentation); 01: established.
    let line = format!(" {octets:08X}:{:04X} 01 ", peer.port());
    let waiting = async {
        while std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&line) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(IN_TIME, waiting).await.is_ok(), "{name}: still held");
}

#[tokio::test]
async fn who_reads_nothing_is_dropped_and_others_log_in_meanwhile() {
    let served = Served::start().await;
    let mut peers = tokio::task::JoinSet::new();
    for route in served.routes.iter().filter(|route| !route.name.ends_with("/events")) {
        let (name, mut stream) = (route.name, served.connect().await);
        let asked = format!("{}content-length: 0\r\n\r\n", served.head(route));
        peers.spawn(async move {
            stream.write_all(asked.as_bytes()).await.unwrap();
            until_dropped(name, &stream).await;
        });
    }
    let large = ["/widget.js", "/openapi.json", "/login", "/v1/sessions/{scene_id}/qr.svg"];
    for route in served.routes.iter().filter(|route| large.contains(&route.name)) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let (name, mut stream) = (route.name, socket.connect(served.world.socket_address()).await.unwrap());
        let asked = format!("{}\r\n", served.head(route)).repeat(MORE_THAN_FITS);
        peers.spawn(async move {
            // The daemon stops reading where its answers are not read, so not all need be taken.
            tokio::time::timeout(PATIENCE, stream.write_all(asked.as_bytes())).await.ok();
            until_dropped(name, &stream).await;
        });
    }
    for number in 0..5 {
        served.log_in(&format!("oOther{number}")).await;
    }
    peers.join_all().await;
}
