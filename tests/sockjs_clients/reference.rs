//! The same requests to our server and to sockjs-node 0.3.24: the same answers, but for
//!
//! - 404 and 400: the protocol prescribes the status only; 500: status and body; 405: these and `Allow`, in any order;
//! - `etag`, `expires` and entropy: that they are there;
//! - how a response is framed where it is no stream, and how long the spaces at the beginning of `htmlfile` are;
//! - which of the messages that wait share a frame;
//! - what is not asked here, because sockjs-node does it otherwise and need not be followed: `*` for `Origin: null` on
//!   `eventsource`, one table of sessions for all prefixes, items of an array that are no strings, surrogates (escaped
//!   there), `<` in a script (escaped here), an empty callback, heartbeats over a WebSocket, and limits.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::chunks::Chunks;
use crate::node::Node;
use crate::server;
use crate::support::{Answer, SOON, ask};

/// What is compared of a head beside the status. `etag` and `expires` may differ in what they say, not in being there.
const HEADERS: [&str; 12] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-type",
    "last-modified",
    "set-cookie",
    "vary",
    "x-content-type-options",
];

struct Request {
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

const fn request(
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Request {
    Request { method, path, headers, body }
}

const ORIGIN: &[(&str, &str)] = &[("origin", "https://www.example.com")];
const NULL: &[(&str, &str)] = &[("origin", "null"), ("access-control-request-headers", "a, b")];
const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
const TEXT: &[(&str, &str)] = &[("content-type", "text/plain;charset=UTF-8")];
const COOKIE: &[(&str, &str)] = &[("cookie", "a=b; JSESSIONID=abcdef")];

/// In this order: the sessions of earlier ones are there for later ones.
const REQUESTS: &[Request] = &[
    request("GET", "/echo", &[], ""),
    request("GET", "/echo/", ORIGIN, ""),
    request("POST", "/echo", &[], ""),
    request("GET", "/echo//", &[], ""),
    request("GET", "/echo/a", &[], ""),
    request("GET", "/echo/a.html", &[], ""),
    request("GET", "/echo/a/a/", &[], ""),
    request("GET", "/echo/iframe.html", &[], ""),
    request("GET", "/echo/iframe-1.1.2.html?t=1", ORIGIN, ""),
    request("GET", "/echo/iframe-/.html", &[], ""),
    request("GET", "/echo/IFRAME.HTML", &[], ""),
    request("GET", "/echo/info", &[], ""),
    request("GET", "/echo/info", ORIGIN, ""),
    request("GET", "/echo/info/?t=1", NULL, ""),
    request("OPTIONS", "/echo/info", NULL, ""),
    request("POST", "/echo/info", ORIGIN, ""),
    request("GET", "/disabled_websocket_echo/info", &[], ""),
    request("GET", "/cookie_needed_echo/info", &[], ""),
    // Polling, its mistakes included.
    request("OPTIONS", "/echo/0/xhr/xhr", NULL, ""),
    request("OPTIONS", "/echo/0/xhr/xhr_send", ORIGIN, ""),
    request("OPTIONS", "/echo/0/xhr/xhr_streaming", ORIGIN, ""),
    request("POST", "/echo/0/xhr/xhr_send", TEXT, "[\"too early\"]"),
    request("POST", "/echo/0/xhr/xhr", ORIGIN, ""),
    request("POST", "/echo/0/xhr/xhr_send", ORIGIN, "[\"x\"]"),
    request("POST", "/echo/1/xhr/xhr", NULL, ""),
    request("POST", "/echo/0/xhr/xhr_send", TEXT, ""),
    request("POST", "/echo/0/xhr/xhr_send", TEXT, "[\"x"),
    request("POST", "/echo/0/xhr/xhr_send", TEXT, "{}"),
    request("POST", "/echo/0/xhr/xhr_send", TEXT, "\"a\""),
    request("POST", "/echo/0/xhr/xhr_send", TEXT, "null"),
    request("POST", "/echo/0/xhr/xhr_send", TEXT, "[]"),
    request("POST", "/echo/0/xhr/xhr_send", FORM, "[\"x\"]"),
    request("POST", "/echo/0/xhr/xhr_send", &[("content-type", "T")], r#"["\u0000\u200c\u2028\uffff\b\t\n\f\r\"\\/"]"#),
    request("POST", "/echo/0/xhr/xhr", &[], ""),
    request("POST", "/echo/0/xhr/xhr_send", &[], "[\"a\",\"\u{e9}\u{6c49}\u{ff}%\"]"),
    request("POST", "/echo/0/xhr/xhr", &[], ""),
    request("GET", "/echo/0/xhr/xhr", &[], ""),
    request("PUT", "/echo/0/xhr/xhr_send", &[], ""),
    request("POST", "/echo/0./xhr/xhr", &[], ""),
    request("POST", "/echo//xhr/xhr", &[], ""),
    request("POST", "/echo/0/xhr/xhr//", &[], ""),
    // Scripts and forms.
    request("GET", "/echo/0/jsonp/jsonp", &[], ""),
    request("GET", "/echo/0/jsonp/jsonp?c=abc%28", &[], ""),
    request("GET", "/echo/0/jsonp/jsonp?c=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", &[], ""),
    request("POST", "/echo/0/jsonp/jsonp_send", FORM, "d=%5B%22x%22%5D"),
    request("GET", "/echo/0/jsonp/jsonp?c=%63allback", ORIGIN, ""),
    request("POST", "/echo/0/jsonp/jsonp_send", FORM, "d=%5B%22x+y%22%5D"),
    request("GET", "/echo/0/jsonp/jsonp?callback=_jp.a-0", &[], ""),
    request("POST", "/echo/0/jsonp/jsonp_send", FORM, "d=%5B%22x"),
    request("POST", "/echo/0/jsonp/jsonp_send", FORM, ""),
    request("POST", "/echo/0/jsonp/jsonp_send", FORM, "d="),
    request("POST", "/echo/0/jsonp/jsonp_send", FORM, "p=p"),
    request("POST", "/echo/0/jsonp/jsonp_send?i=1", TEXT, "[\"%61bc\"]"),
    request("GET", "/echo/0/jsonp/jsonp?c=x", &[], ""),
    request("POST", "/echo/0/jsonp/jsonp?c=x", &[], ""),
    request("GET", "/echo/0/jsonp/jsonp_send", &[], ""),
    request("OPTIONS", "/echo/0/jsonp/jsonp_send", &[], ""),
    // Streams that end by themselves.
    request("POST", "/close/0/a/xhr_streaming", ORIGIN, ""),
    request("POST", "/close/0/a/xhr", &[], ""),
    request("POST", "/close/0/a/xhr_send", TEXT, "[\"x\"]"),
    request("GET", "/close/0/b/eventsource", ORIGIN, ""),
    request("GET", "/close/0/b2/eventsource", &[], ""),
    request("GET", "/close/0/c/htmlfile?c=callback", ORIGIN, ""),
    request("GET", "/close/0/c/htmlfile", &[], ""),
    request("GET", "/close/0/c/htmlfile?c=a%3Cb", &[], ""),
    request("GET", "/close/0/c/jsonp?c=x", &[], ""),
    request("POST", "/close/0/d/eventsource", &[], ""),
    request("OPTIONS", "/close/0/d/eventsource", &[], ""),
    // Cookies.
    request("POST", "/cookie_needed_echo/0/cookie-a/xhr", COOKIE, ""),
    request("OPTIONS", "/cookie_needed_echo/0/cookie-a/xhr", &[], ""),
    request("GET", "/cookie_needed_echo/0/cookie-b/jsonp?c=x", &[], ""),
    request("POST", "/cookie_needed_echo/0/cookie-b/jsonp_send", FORM, "d=%5B%5D"),
    request("POST", "/cookie_needed_echo/0/cookie-b/xhr_send", COOKIE, "[\"x\"]"),
    request("GET", "/cookie_needed_echo/iframe.html", COOKIE, ""),
    // No handshakes.
    request("GET", "/echo/0/a/websocket", &[], ""),
    request("POST", "/echo/0/a/websocket", &[], ""),
    request("GET", "/echo/websocket", &[], ""),
    request("GET", "/disabled_websocket_echo/0/a/websocket", &[], ""),
    request("GET", "/disabled_websocket_echo/websocket", &[], ""),
];

/// What must be the same.
fn essence(request: &Request, answer: &Answer) -> Vec<String> {
    let status = answer.status.as_u16();
    let body = body(request, &answer.body);
    match status {
        400 | 404 => return vec![status.to_string()],
        500 => return vec![status.to_string(), body],
        405 => {
            let mut allowed: Vec<_> = answer.header("allow").unwrap().split(", ").collect();
            allowed.sort_unstable();
            return vec![status.to_string(), body, allowed.join(", ")];
        }
        _ => (),
    }
    let headers = HEADERS.iter().map(|name| format!("{name}: {:?}", answer.header(name)));
    let presence = ["etag", "expires"].map(|name| format!("{name}: {}", answer.header(name).is_some()));
    [status.to_string(), body].into_iter().chain(headers).chain(presence).collect()
}

/// A body, without what is random and what fills it up.
fn body(request: &Request, body: &str) -> String {
    if request.path.contains("/htmlfile") {
        return body.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    }
    if !request.path.contains("/info") || body.is_empty() {
        return body.to_owned();
    }
    let mut info: Value = serde_json::from_str(body).unwrap();
    assert!(info["entropy"].take().is_u64());
    info.to_string()
}

async fn both() -> (Node, SocketAddr, SocketAddr) {
    let mut reference = Node::run("reference.js");
    let theirs = SocketAddr::from(([127, 0, 0, 1], reference.line().await.parse().unwrap()));
    (reference, server::serve_like_the_reference().await, theirs)
}

#[tokio::test]
async fn requests_are_answered_as_sockjs_node_answers_them() {
    let (_reference, ours, theirs) = both().await;
    let mut differences = Vec::new();
    for request in REQUESTS {
        let mut essences = Vec::new();
        for address in [ours, theirs] {
            let answer = ask(address, request.method, request.path, request.headers, request.body).await;
            essences.push(essence(request, &answer));
        }
        if essences[0] != essences[1] {
            let case = format!("{} {} {:?} {}", request.method, request.path, request.headers, request.body);
            let lines = essences[0].iter().zip(&essences[1]).filter(|(ours, theirs)| ours != theirs);
            differences.extend(lines.map(|(ours, theirs)| format!("{case}\n  ours   {ours:?}\n  theirs {theirs:?}")));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn streams_have_the_chunks_that_sockjs_node_sends() {
    let (_reference, ours, theirs) = both().await;
    for (method, transport) in [("POST", "xhr_streaming"), ("GET", "eventsource"), ("GET", "htmlfile?c=x")] {
        let mut streams = Vec::new();
        for address in [ours, theirs] {
            let session = format!("/echo/0/stream-{}", transport.len());
            let mut stream = Chunks::ask(address, method, &format!("{session}/{transport}"), "").await;
            assert_eq!(stream.status(), "200");
            let mut chunks = vec![stream.next().await, stream.next().await];
            for number in 0..40 {
                let message = format!("[\"{number} 100% {}\"]", "x".repeat(120));
                ask(address, "POST", &format!("{session}/xhr_send"), &[], &message).await;
                chunks.push(stream.next().await);
                if chunks.last().unwrap().is_empty() {
                    break;
                }
            }
            streams.push(chunks);
        }
        assert_eq!(streams[0], streams[1], "{transport}");
        assert!(streams[0].len() < 40, "{transport} has no limit");
    }
}

#[tokio::test]
async fn sockets_say_what_sockjs_node_says() {
    let (_reference, ours, theirs) = both().await;
    // What is said, and how many messages come back; with none expected, the socket closes.
    let said: [(&str, &[&str], usize); 7] = [
        ("/echo/0/a/websocket", &["", "[]", "[\"a\"]", "[\"b\",\"c\"]", "\"d\""], 4),
        ("/echo/0/a/websocket", &["[\"\\u2028\u{e9}\\u0000%\"]"], 1),
        ("/echo/0/a/websocket", &["[\"a"], 0),
        ("/close/0/a/websocket", &[], 0),
        ("/echo/websocket", &["a", "[\"a\"]", "\u{ffff}"], 3),
        ("/close/websocket", &[], 0),
        ("/echo/websocket", &["\0"], 1),
    ];
    for (path, messages, expected) in said {
        let ours = heard(ours, path, messages, expected).await;
        assert_eq!(ours, heard(theirs, path, messages, expected).await, "{path} {messages:?}");
    }
}

/// What a socket says, each message by itself, until as many came as are expected, or it closes; and how it closes.
async fn heard(address: SocketAddr, path: &str, messages: &[&str], expected: usize) -> Vec<String> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(format!("ws://localhost{path}"), stream).await.unwrap();
    for message in messages {
        socket.send(Message::text(*message)).await.unwrap();
    }
    let (mut heard, mut count) = (Vec::new(), 0);
    while expected == 0 || count < expected {
        match tokio::time::timeout(SOON, socket.next()).await.expect("it says nothing") {
            Some(Ok(Message::Text(frame))) => match frame.strip_prefix('a').map(serde_json::from_str::<Vec<String>>) {
                Some(Ok(messages)) => {
                    count += messages.len();
                    heard.extend(messages);
                }
                _ => {
                    count += usize::from(frame.as_str() != "o");
                    heard.push(frame.as_str().to_owned());
                }
            },
            Some(Ok(Message::Close(frame))) => {
                heard.push(format!("{:?}", frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()))));
            }
            Some(Ok(_)) => (),
            Some(Err(_)) | None => break,
        }
    }
    heard
}
