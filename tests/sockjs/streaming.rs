//! Sessions over `xhr_streaming`, `eventsource` and `htmlfile`.

use scan_login::transport::sockjs::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::chunks::Chunks;
use crate::support::{next, post, serve};

const NO_CACHE: &str = "cache-control: no-store, no-cache, no-transform, must-revalidate, max-age=0\r\n";

/// How each transport is asked, what it says it is, how it begins, and how it writes a frame.
struct Kind {
    method: &'static str,
    path: &'static str,
    content_type: &'static str,
    prelude: fn(&str) -> bool,
    wrap: fn(&str) -> String,
}

const KINDS: [Kind; 3] = [
    Kind {
        method: "POST",
        path: "xhr_streaming",
        content_type: "application/javascript; charset=utf-8",
        prelude: |prelude| prelude == format!("{}\n", "h".repeat(2048)),
        wrap: |frame| format!("{frame}\n"),
    },
    Kind {
        method: "GET",
        path: "eventsource",
        content_type: "text/event-stream",
        prelude: |prelude| prelude == "\r\n",
        wrap: |frame| format!("data: {frame}\r\n\r\n"),
    },
    Kind {
        method: "GET",
        path: "htmlfile?c=callback",
        content_type: "text/html; charset=utf-8",
        prelude: |prelude| prelude.len() > 1024 && prelude.contains("var c = parent.callback;\n"),
        wrap: |frame| format!("<script>\np({});\n</script>\r\n", serde_json::Value::from(frame)),
    },
];

async fn open(address: std::net::SocketAddr, kind: &Kind, session: &str) -> Chunks<TcpStream> {
    let mut chunks = Chunks::ask(address, kind.method, &format!("{session}/{}", kind.path), "").await;
    assert_eq!(chunks.status(), "200", "{}", kind.path);
    assert!((kind.prelude)(&chunks.next().await), "{}", kind.path);
    chunks
}

#[tokio::test]
async fn every_frame_is_a_chunk_of_its_own() {
    let (address, _events) = serve(Options::default()).await;
    for kind in &KINDS {
        let session = format!("/echo/0/{}", kind.path.split('?').next().unwrap());
        let mut chunks = open(address, kind, &session).await;
        assert!(chunks.head.contains(&format!("content-type: {}\r\n", kind.content_type)), "{}", chunks.head);
        assert!(chunks.head.contains("transfer-encoding: chunked\r\n"));
        assert!(!chunks.head.contains("content-length"));
        assert!(chunks.head.contains(NO_CACHE));
        assert_eq!(chunks.next().await, (kind.wrap)("o"));
        for messages in [r#"["x"]"#, r#"["  \u0000\n\r "]"#] {
            assert_eq!(post(address, &format!("{session}/xhr_send"), messages).await.status, 204);
            assert_eq!(chunks.next().await, (kind.wrap)(&format!("a{messages}")));
        }
    }
}

#[tokio::test]
async fn a_response_ends_past_its_limit_and_the_session_goes_on_in_the_next() {
    let (address, mut events) = serve(Options { response_limit: 4096, ..Options::default() }).await;
    for kind in &KINDS {
        let session = format!("/echo/0/{}", kind.path.split('?').next().unwrap());
        let mut chunks = open(address, kind, &session).await;
        assert_eq!(chunks.next().await, (kind.wrap)("o"));
        next(&mut events).await;
        let message = format!("[\"{}\"]", "x".repeat(128));
        let mut sent = (kind.wrap)("o").len();
        while sent < 4096 {
            post(address, &format!("{session}/xhr_send"), &message).await;
            let chunk = chunks.next().await;
            assert_eq!(chunk, (kind.wrap)(&format!("a{message}")));
            sent += chunk.len();
        }
        assert_eq!(chunks.next().await, "", "the prelude is not counted, the frames' wrapping is");
        let mut again = open(address, kind, &session).await;
        post(address, &format!("{session}/xhr_send"), "[\"y\"]").await;
        assert_eq!(again.next().await, (kind.wrap)("a[\"y\"]"));
        while next(&mut events).await != "heard y" {}
    }
}

#[tokio::test]
async fn a_closed_session_ends_all_its_responses() {
    let (address, _events) = serve(Options::default()).await;
    for kind in &KINDS {
        let session = format!("/close/0/{}", kind.path.split('?').next().unwrap());
        let mut first = open(address, kind, &session).await;
        assert_eq!(first.next().await, (kind.wrap)("o"));
        assert_eq!(first.next().await, (kind.wrap)("c[3000,\"Go away!\"]"));
        let mut second = open(address, kind, &session).await;
        assert_eq!(second.next().await, (kind.wrap)("c[3000,\"Go away!\"]"));
        assert_eq!(first.next().await, "");
        assert_eq!(second.next().await, "");
    }
}

#[tokio::test]
async fn a_client_that_goes_ends_its_session_at_once() {
    let hour = std::time::Duration::from_secs(3600);
    let options = Options { disconnect_delay: hour, heartbeat_interval: hour, ..Options::default() };
    let (address, mut events) = serve(options).await;
    for kind in &KINDS {
        let session = format!("/echo/0/{}", kind.path.split('?').next().unwrap());
        let mut chunks = open(address, kind, &session).await;
        assert_eq!(chunks.next().await, (kind.wrap)("o"));
        assert_eq!(next(&mut events).await, "opened from nowhere");
        let mut second = open(address, kind, &session).await;
        assert_eq!(second.next().await, (kind.wrap)("c[2010,\"Another connection still open\"]"));
        assert_eq!(second.next().await, "");
        drop(chunks);
        assert_eq!(next(&mut events).await, "closed");
        assert_eq!(open(address, kind, &session).await.next().await, (kind.wrap)("o"), "its id is free again");
        assert_eq!(next(&mut events).await, "opened from nowhere");
        assert_eq!(next(&mut events).await, "closed");
    }
}

#[tokio::test]
async fn over_http_1_0_a_response_has_no_chunks_and_ends_with_its_connection() {
    let (address, _events) = serve(Options::default()).await;
    for kind in &KINDS {
        let session = format!("/close/0/{}", kind.path.split('?').next().unwrap());
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "{} {session}/{} HTTP/1.0\r\nHost: localhost\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
            kind.method, kind.path
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert!(!head.contains("transfer-encoding") && !head.contains("content-length"), "{head}");
        let frames = (kind.wrap)("o") + &(kind.wrap)("c[3000,\"Go away!\"]");
        assert!((kind.prelude)(body.strip_suffix(&frames).unwrap()), "{body}");
    }
}

#[tokio::test]
async fn streams_of_other_origins_name_them_and_set_the_cookie() {
    let (address, _events) = serve(Options { cookie_needed: true, ..Options::default() }).await;
    for kind in &KINDS {
        let path = format!("/echo/0/{}", kind.path.replacen('?', "/htmlfile?", 1));
        let path = if kind.path.contains('?') { path } else { format!("/echo/0/{0}/{0}", kind.path) };
        let headers = "Origin: https://www.example.com\r\nCookie: JSESSIONID=abc\r\n";
        let chunks = Chunks::ask(address, kind.method, &path, headers).await;
        assert!(chunks.head.contains("set-cookie: jsessionid=abc; path=/\r\n"), "{}", chunks.head);
        let named = chunks.head.contains("access-control-allow-origin: https://www.example.com\r\n");
        assert_eq!(named, kind.path != "htmlfile?c=callback", "a frame's page is not read by scripts of others");
    }
}

#[tokio::test]
async fn one_transport_may_follow_another() {
    let (address, _events) = serve(Options { response_limit: 1, ..Options::default() }).await;
    let mut frames = Vec::new();
    for kind in &KINDS {
        let mut chunks = open(address, kind, "/echo/0/a").await;
        frames.push(chunks.next().await);
        assert_eq!(chunks.next().await, "");
        post(address, "/echo/0/a/xhr_send", "[\"x\"]").await;
    }
    assert_eq!(frames, [(KINDS[0].wrap)("o"), (KINDS[1].wrap)("a[\"x\"]"), (KINDS[2].wrap)("a[\"x\"]")]);
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "a[\"x\"]\n");
}
