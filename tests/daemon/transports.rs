//! The same numbered messages over WebSocket, server-sent events and long poll.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::*;

struct Socket(WebSocketStream<TcpStream>);

/// What came over a socket.
#[derive(Debug, PartialEq)]
enum Came {
    Message(Value),
    Close(u16),
    Nothing,
}

impl Socket {
    async fn open(address: SocketAddr, url: &str, headers: &[(&str, &str)]) -> Result<(Self, http::HeaderMap), u16> {
        Self::open_from(Ipv4Addr::LOCALHOST, address, url, headers).await
    }

    async fn open_from(
        from: Ipv4Addr,
        address: SocketAddr,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<(Self, http::HeaderMap), u16> {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, response)) => Ok((Self(socket), response.headers().clone())),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn next(&mut self) -> Came {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return Came::Message(serde_json::from_str(&text).unwrap()),
                    Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => return Came::Close(code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Came::Nothing,
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("nothing came")
    }

    async fn next_message(&mut self) -> Value {
        match self.next().await {
            Came::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }
}

fn link(page: &LoginPage, name: &str) -> String {
    page.created["links"][name].as_str().unwrap().to_owned()
}

async fn open(world: &World, page: &LoginPage, query: &str) -> Socket {
    let protocols = format!("scan-login.v1, token.{}", page.attach_token);
    let url = format!("{}{query}", link(page, "ws"));
    let (socket, headers) =
        Socket::open(world.socket_address(), &url, &[("sec-websocket-protocol", &protocols)]).await.unwrap();
    assert_eq!(headers["sec-websocket-protocol"], "scan-login.v1", "the token is not told back");
    socket
}

/// A stream of events, by hand.
struct Events(TcpStream, String);

impl Events {
    /// Sends the request, and reads the head of the answer.
    async fn open(world: &World, page: &LoginPage, headers: &str) -> (u16, String, Self) {
        let mut stream = TcpStream::connect(world.socket_address()).await.unwrap();
        let path = link(page, "sse").replace(&world.url(""), "");
        let request = format!("GET {path}?token={} HTTP/1.1\r\nhost: a\r\n{headers}\r\n", page.attach_token);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut events = Self(stream, String::new());
        let head = events.until("\r\n\r\n").await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), events)
    }

    async fn until(&mut self, mark: &str) -> String {
        let reading = async {
            loop {
                if let Some((part, rest)) = self.1.split_once(mark) {
                    let part = part.to_owned();
                    self.1 = rest.to_owned();
                    return part;
                }
                let mut buffer = [0; 2048];
                let length = self.0.read(&mut buffer).await.unwrap();
                assert!(length > 0, "the stream ended after {:?}", self.1);
                self.1.push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("nothing came")
    }

    /// The next event: its id, and what it says.
    async fn next(&mut self) -> (String, Value) {
        let event = self.until("\n\n").await;
        let field = |name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {event:?}")).trim().to_owned()
        };
        (field("id:"), serde_json::from_str(&field("data:")).unwrap())
    }
}

#[tokio::test]
async fn all_transports_tell_the_same_messages() {
    let world = World::start().await;
    let page = world.create().await;
    let mut socket = open(&world, &page, "").await;
    let (status, head, mut events) = Events::open(&world, &page, "").await;
    assert_eq!(status, 200);
    for header in ["content-type: text/event-stream", "x-accel-buffering: no", "cache-control: no-store"] {
        assert!(head.contains(header), "{head}");
    }
    assert_eq!(head.matches("cache-control:").count(), 1, "{head}");
    assert!(world.scan(&page.qr_content, "oAlice").await);
    let polled = page.poll(0, 0).await.json()["messages"].as_array().unwrap().clone();
    assert_eq!(polled.iter().map(|message| &message["type"]).collect::<Vec<_>>(), ["created", "scanned", "confirmed"]);
    for message in &polled {
        assert_eq!(socket.next_message().await, *message);
        assert_eq!(events.next().await, (message["seq"].to_string(), message.clone()));
    }
    assert_eq!(world.redeem(polled[2]["code"].as_str().unwrap()).await.status, 200);
    assert_eq!(socket.next().await, Came::Close(1000), "nothing more can come");
}

#[tokio::test]
async fn a_message_that_falls_into_a_reconnect_is_not_lost_not_even_in_a_restart() {
    let mut world = World::start().await;
    let page = world.create().await;
    let mut socket = open(&world, &page, "").await;
    assert_eq!(socket.next_message().await["seq"], 1);
    drop(socket);
    assert!(world.scan(&page.qr_content, "oAlice").await);
    world.kill_and_restart().await;
    let mut socket = open(&world, &page, "?after=1").await;
    assert_eq!(socket.next_message().await["type"], "scanned");
    assert_eq!(socket.next_message().await["type"], "confirmed");
    let (_, _, mut events) = Events::open(&world, &page, "last-event-id: 2\r\n").await;
    assert_eq!(events.next().await.1["type"], "confirmed");
}

#[tokio::test]
async fn several_tabs_hear_each_message() {
    let world = World::start().await;
    let page = world.create().await;
    let mut tabs = [open(&world, &page, "?after=1").await, open(&world, &page, "?after=1").await];
    page.give_up().await;
    for tab in &mut tabs {
        assert_eq!(tab.next_message().await["type"], "denied");
        assert_eq!(tab.next().await, Came::Close(1000));
    }
    let (status, ..) = Events::open(&world, &page, "last-event-id: 2\r\n").await;
    assert_eq!(status, 204, "a browser need not ask again");
}

#[tokio::test]
async fn without_the_token_or_from_a_strangers_page_nobody_watches_or_gives_up() {
    let world = World::start().await;
    let (page, other) = (world.create().await, world.create().await);
    let url = link(&page, "ws");
    let right = format!("token.{}", page.attach_token);
    let wrong = format!("token.{}", other.attach_token);
    let bearer = format!("Bearer {}", page.attach_token);
    let unknown = url.replace(&page.scene, "sl-0123456789abcdefghijkl");
    for (url, headers, expected) in [
        (&url, vec![], Err(401)),
        (&url, vec![("sec-websocket-protocol", "scan-login.v1")], Err(401)),
        (&url, vec![("sec-websocket-protocol", &*wrong)], Err(404)),
        (&unknown, vec![("sec-websocket-protocol", &*right)], Err(404)),
        (&url, vec![("sec-websocket-protocol", &*right), ("origin", "https://evil.example.com")], Err(403)),
        (&url, vec![("sec-websocket-protocol", &*right), ("origin", "null")], Err(403)),
        (&url, vec![("sec-websocket-protocol", &*right), ("origin", "https://old.example.com")], Err(403)),
        (&url, vec![("authorization", &*bearer), ("origin", "https://shop.example.com")], Ok(())),
        (&url, vec![("authorization", &*bearer)], Ok(())),
    ] {
        let opened = Socket::open(world.socket_address(), url, &headers).await;
        assert_eq!(opened.map(|_| ()), expected, "{headers:?}");
    }
    for (method, path) in [("GET", link(&page, "sse")), ("GET", page.poll.clone()), ("DELETE", page.poll.clone())] {
        for origin in ["https://evil.example.com", "null", "https://old.example.com"] {
            let foreign = [("origin", origin), ("authorization", &*bearer)];
            assert_eq!(send(method, &path, &foreign, "").await.status, 403, "{method} {path} {origin}");
        }
        assert_eq!(send(method, &path, &[], "").await.status, 401, "{method} {path}");
    }
    assert_eq!(world.events().await, ["created", "created"]);
    let plain = send("GET", &url.replace("ws://", "http://"), &[("authorization", &bearer)], "").await;
    assert_eq!(plain.status, 400, "no handshake");
}

#[tokio::test]
async fn when_the_daemon_stops_sockets_are_told_to_come_back() {
    let mut world = World::start().await;
    let page = world.create().await;
    let mut socket = open(&world, &page, "?after=1").await;
    let closed = tokio::spawn(async move { socket.next().await });
    let (status, log) = world.terminate().await;
    assert!(status.success(), "{log}");
    assert_eq!(closed.await.unwrap(), Came::Close(1012));
    assert!(!log.contains(&page.attach_token), "{log}");
}

#[tokio::test]
async fn where_browsers_hold_all_sockets_wechat_and_the_websites_still_come_in() {
    let mut world = World::prepare(|config| config).await;
    world.run_narrow().await;
    let page = world.create().await;
    let url = link(&page, "ws");
    let token = format!("scan-login.v1, token.{}", page.attach_token);
    let headers = [("sec-websocket-protocol", &*token)];
    let mut sockets = Vec::new();
    let refused = loop {
        // One address alone may not have all.
        let from = Ipv4Addr::from_bits(Ipv4Addr::new(127, 77, 0, 1).to_bits() + u32::try_from(sockets.len()).unwrap());
        match Socket::open_from(from, world.socket_address(), &url, &headers).await {
            Ok((socket, _)) => sockets.push(socket),
            Err(status) => break status,
        }
        assert!(sockets.len() < FEW_DESCRIPTORS, "there is no end");
    };
    assert_eq!((sockets.len(), refused), (193, 503), "76 %, but one for original pages");
    let other = world.create().await;
    for (page, openid) in [(&page, "oAlice"), (&other, "oBob")] {
        assert!(world.scan(&page.qr_content, openid).await);
        let confirmed = page.wait_for("confirmed").await;
        assert_eq!(world.redeem(confirmed["code"].as_str().unwrap()).await.status, 200);
    }
    for socket in &mut sockets {
        for kind in ["created", "scanned", "confirmed"] {
            assert_eq!(socket.next_message().await["type"], kind);
        }
        assert_eq!(socket.next().await, Came::Close(1000));
    }
    drop(sockets);
    let there_is_room = async { while Socket::open(world.socket_address(), &url, &headers).await.is_err() {} };
    tokio::time::timeout(PATIENCE, there_is_room).await.expect("their places are not free again");
}

#[tokio::test]
async fn the_links_lead_to_all_three_and_hold_no_token() {
    let world = World::start().await;
    let page = world.create().await;
    let base = world.url(&format!("/v1/sessions/{}", page.scene));
    let expected = json!({
        "ws": format!("{}/ws", base.replace("http://", "ws://")), "sse": format!("{base}/events"), "poll": base,
    });
    assert_eq!(page.created["links"], expected);
}
