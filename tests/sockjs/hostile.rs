//! What clients send that mean harm, or do not know better.

use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use scan_login::transport::sockjs::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{app, ask, ask_in_memory, closed, get, post, serve, text, websocket};

#[tokio::test]
async fn depth_and_halves_of_characters_are_refused_and_cost_nothing() {
    let (address, _events) = serve(Options::default()).await;
    post(address, "/echo/0/a/xhr", "").await;
    let deep = "[".repeat(60_000);
    for (body, message) in [
        (deep.as_str(), "Payload expected."),
        ("[[\"a\"]]", "Payload expected."),
        ("[\"\\ud800\"]", "Broken JSON encoding."),
        ("[\"\\ude00\\ud83d\"]", "Broken JSON encoding."),
        ("[\"\\ud83dx\"]", "Broken JSON encoding."),
        ("[\"\u{0}\"]", "Broken JSON encoding."),
        ("{\"a\":[]}", "Payload expected."),
        ("[\"a\"] [\"b\"]", "Broken JSON encoding."),
    ] {
        let answer = post(address, "/echo/0/a/xhr_send", body).await;
        assert_eq!(answer.status, 500, "{:.20}", body);
        assert!(answer.body == message || body == deep, "{:.20}: {}", body, answer.body);
    }
    let mut socket = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    socket.send(Message::text(deep)).await.unwrap();
    assert_eq!(closed(&mut socket).await.0, 3000);
    post(address, "/echo/0/a/xhr_send", "[\"still there\"]").await;
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "a[\"still there\"]\n");
}

#[tokio::test]
async fn a_callback_with_script_in_it_comes_into_no_answer() {
    let (address, _events) = serve(Options::default()).await;
    for transport in ["jsonp", "htmlfile"] {
        for callback in ["alert(1)//", "%3Cscript%3E", "%20", "*", "abc(", "abc%28", "a%00", "a%0d%0aX: y", "a;b"] {
            let path = format!("/echo/0/a/{transport}?c={}", callback.replace(' ', "%20"));
            let answer = get(address, &path).await;
            assert_eq!(answer.status, 500, "{path}");
            assert_eq!(answer.body, "invalid \"callback\" parameter");
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        }
        for query in ["", "?", "?d=x", "?c=", "?C=x"] {
            let answer = get(address, &format!("/echo/0/a/{transport}{query}")).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, "\"callback\" parameter required"));
        }
    }
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "o\n", "no session was opened");
}

#[tokio::test]
async fn a_message_cannot_end_the_script_that_it_is_in() {
    let (address, _events) = serve(Options::default()).await;
    let mut chunks = crate::chunks::Chunks::ask(address, "GET", "/echo/0/a/htmlfile?c=x", "").await;
    chunks.next().await;
    chunks.next().await;
    post(address, "/echo/0/a/xhr_send", "[\"</script><script>alert(1)</script>\\u2028\"]").await;
    let frame = chunks.next().await;
    assert_eq!(frame.matches('<').count(), 2, "only the transport's own: {frame}");
    assert_eq!(
        frame,
        "<script>\np(\"a[\\\"\\u003c/script>\\u003cscript>alert(1)\\u003c/script>\\\\u2028\\\"]\");\n</script>\r\n"
    );
    get(address, "/echo/0/b/jsonp?c=x").await;
    post(address, "/echo/0/b/xhr_send", "[\"</script>\"]").await;
    assert_eq!(get(address, "/echo/0/b/jsonp?c=x").await.body, "/**/x(\"a[\\\"\\u003c/script>\\\"]\");\r\n");
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones_on_every_path() {
    let (address, _events) = serve(Options { client_script: Some("/s.js".into()), ..Options::default() }).await;
    for (path, allowed) in [
        ("", "GET"),
        ("/info", "OPTIONS, GET"),
        ("/iframe.html", "GET"),
        ("/websocket", "GET"),
        ("/0/a/websocket", "GET"),
        ("/0/a/xhr", "OPTIONS, POST"),
        ("/0/a/xhr_streaming", "OPTIONS, POST"),
        ("/0/a/xhr_send", "OPTIONS, POST"),
        ("/0/a/eventsource", "GET"),
        ("/0/a/htmlfile", "GET"),
        ("/0/a/jsonp", "GET"),
        ("/0/a/jsonp_send", "POST"),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            if allowed.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let answer = ask(address, method, &format!("/echo{path}"), &[], "").await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (405, ""), "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allowed));
            assert_eq!(answer.header("content-type"), None);
        }
    }
}

#[tokio::test]
async fn empty_and_dotted_parts_of_paths_are_not_found_for_any_transport() {
    let (address, _events) = serve(Options::default()).await;
    let transports =
        ["websocket", "xhr", "xhr_streaming", "xhr_send", "eventsource", "htmlfile?c=x", "jsonp?c=x", "jsonp_send"];
    for transport in transports {
        for session in ["//", "/a./a", "/a/a.", "/./.", "/../..", "/", "///", "//a", "/a//", "/a/a/a", "/a", "/a/b//"] {
            for method in ["GET", "POST"] {
                let path = format!("/echo{session}/{transport}");
                assert_eq!(ask(address, method, &path, &[], "").await.status, 404, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_frame_that_claims_to_be_huge_ends_the_connection_before_it_is_read() {
    let (address, _events) = serve(Options::default()).await;
    for path in ["/echo/0/a/websocket", "/echo/websocket"] {
        let mut stream = websocket(address, path).await.into_inner();
        // A masked text frame of 2^62 bytes (RFC 6455 §5.2).
        let mut head = vec![0x81, 0x80 | 127];
        head.extend_from_slice(&(1_u64 << 62).to_be_bytes());
        head.extend_from_slice(&[0; 4]);
        stream.write_all(&head).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let close = answer.windows(2).position(|bytes| bytes[0] == 0x88).unwrap();
        assert_eq!(answer[close + 2..][..2], 1009_u16.to_be_bytes(), "{path}");
    }
}

#[tokio::test]
async fn a_receiver_that_asks_in_the_middle_of_a_wait_harms_nobody_whatever_it_asks_with() {
    let (address, _events) = serve(Options::default()).await;
    let mut first = crate::chunks::Chunks::ask(address, "POST", "/echo/0/a/xhr_streaming", "").await;
    first.next().await;
    assert_eq!(first.next().await, "o\n");
    let still_open = "c[2010,\"Another connection still open\"]";
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, format!("{still_open}\n"));
    let script = get(address, "/echo/0/a/jsonp?c=x").await.body;
    assert_eq!(script, "/**/x(\"c[2010,\\\"Another connection still open\\\"]\");\r\n");
    assert_eq!(get(address, "/echo/0/a/eventsource").await.body, format!("\r\ndata: {still_open}\r\n\r\n"));
    assert!(get(address, "/echo/0/a/htmlfile?c=x").await.body.contains("Another connection still open"));
    post(address, "/echo/0/a/xhr_send", "[\"x\"]").await;
    assert_eq!(first.next().await, "a[\"x\"]\n");
    let mut socket = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("o"), "a WebSocket is a session of its own");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_path_and_no_body_makes_the_server_fail(
        path in r"(/[a-z0-9.%_-]{0,6}){0,5}(/(xhr_send|jsonp_send|info|iframe[a-z.]{0,4}\.html|websocket))?/{0,2}(\?[a-z=&%]{0,8})?",
        body in prop::collection::vec(any::<u8>(), 0..64),
        method in prop::sample::select(vec!["GET", "POST", "OPTIONS", "PUT"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (app, _events) = app(Options { client_script: Some("/s.js".into()), ..Options::default() });
            let path = format!("/echo{path}");
            if path.parse::<http::Uri>().is_ok() {
                let body = String::from_utf8_lossy(&body);
                let answer = ask_in_memory(&app, method, &path, &body).await;
                let allowed = [101, 200, 204, 400, 404, 405, 500];
                assert!(allowed.contains(&answer.status.as_u16()), "{method} {path}: {}", answer.status);
            }
        });
    }
}
