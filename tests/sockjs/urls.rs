//! Which paths there are, for which methods, and what the headers of their answers say.

use scan_login::transport::sockjs::{AllowedOrigins, Options};

use crate::support::{Answer, ask, get, post, serve};

const NO_CACHE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

#[tokio::test]
async fn the_prefix_greets_with_and_without_a_slash() {
    let (address, _events) = serve(Options::default()).await;
    for path in ["/echo", "/echo/", "/echo?t=1", "/echo/?t=1"] {
        let answer = get(address, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(answer.body, "Welcome to SockJS!\n");
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[tokio::test]
async fn whatever_is_not_a_path_of_sockjs_is_not_found() {
    let (address, _events) = serve(Options::default()).await;
    for path in ["//", "///", "/a", "/a.html", "/a/a", "/a/a/", "/a/", "/iframe", "/iframe.HTML", "/info//", "//info"] {
        assert_eq!(get(address, &format!("/echo{path}")).await.status, 404, "{path}");
    }
    for path in ["//", "/a./a", "/a/a.", "/./.", "/", "///", "//a/", "/a//", "/a/a/a", "//a/a"] {
        let path = format!("/echo{path}/xhr");
        assert_eq!(get(address, &path).await.status, 404, "{path}");
        assert_eq!(post(address, &path, "").await.status, 404, "{path}");
    }
    assert_eq!(get(address, "/elsewhere").await.body, "not SockJS");
    assert_eq!(get(address, "/echoes").await.body, "not SockJS");
    assert_eq!(get(address, "//echo").await.body, "not SockJS");
}

#[tokio::test]
async fn ids_are_any_text_and_the_server_id_means_nothing() {
    let (address, _events) = serve(Options::default()).await;
    for path in ["/a/a", "/_/_", "/1/1", "/abcdefgh_i-j%20/abcdefg_i-j%20"] {
        let answer = post(address, &format!("/echo{path}/xhr?t=1"), "").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "o\n"), "{path}");
    }
    assert_eq!(post(address, "/echo/000/same/xhr/", "").await.body, "o\n");
    assert_eq!(post(address, "/echo/111/same/xhr_send/", r#"["a"]"#).await.status, 204);
    assert_eq!(post(address, "/echo/999/same/xhr", "").await.body, "a[\"a\"]\n");
    assert_eq!(post(address, "/close/000/same/xhr", "").await.body, "o\n", "each prefix has sessions of its own");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let (address, _events) = serve(Options::default()).await;
    for (method, path, allowed) in [
        ("POST", "", "GET"),
        ("OPTIONS", "", "GET"),
        ("POST", "/info", "OPTIONS, GET"),
        ("GET", "/a/b/xhr", "OPTIONS, POST"),
        ("PUT", "/a/b/xhr_send", "OPTIONS, POST"),
        ("POST", "/a/b/websocket", "GET"),
        ("OPTIONS", "/a/b/websocket", "GET"),
        ("OPTIONS", "/a/b/eventsource", "GET"),
        ("OPTIONS", "/a/b/jsonp_send", "POST"),
    ] {
        let answer = ask(address, method, &format!("/echo{path}"), &[], "").await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allowed));
        assert_eq!(answer.header("content-type"), None);
        assert_eq!(answer.header("cache-control"), (!path.is_empty()).then_some(NO_CACHE), "{method} {path}");
        assert_eq!(answer.body, "");
    }
}

#[tokio::test]
async fn info_says_what_there_is_and_never_the_same_entropy() {
    let (address, _events) = serve(Options::default()).await;
    let (first, second) = (get(address, "/echo/info").await, get(address, "/echo/info").await);
    assert_eq!(first.header("content-type"), Some("application/json; charset=UTF-8"));
    assert_eq!(first.header("cache-control"), Some(NO_CACHE));
    assert_eq!(first.header("expires"), None);
    let json = |answer: &Answer| serde_json::from_str::<serde_json::Value>(&answer.body).unwrap();
    let (first, second) = (json(&first), json(&second));
    assert_eq!(first["websocket"], true);
    assert_eq!(first["origins"], serde_json::json!(["*:*"]));
    assert_eq!(first["cookie_needed"], false);
    assert!(first["entropy"].is_u64());
    assert_ne!(first["entropy"], second["entropy"]);
}

#[tokio::test]
async fn without_websockets_info_says_so_and_their_paths_are_gone() {
    let (address, _events) = serve(Options { websocket: false, ..Options::default() }).await;
    assert!(get(address, "/echo/info").await.body.starts_with(r#"{"websocket":false,"#));
    assert_eq!(get(address, "/echo/a/b/websocket").await.status, 404);
    assert_eq!(post(address, "/echo/a/b/websocket", "").await.status, 404);
}

#[tokio::test]
async fn preflights_may_be_kept_for_a_year() {
    let (address, _events) = serve(Options::default()).await;
    for (path, methods) in
        [("/info", "OPTIONS, GET"), ("/a/b/xhr", "OPTIONS, POST"), ("/a/b/xhr_send", "OPTIONS, POST")]
    {
        let headers = [("origin", "null"), ("access-control-request-headers", "a, b")];
        let answer = ask(address, "OPTIONS", &format!("/echo{path}"), &headers, "").await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.body, "");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000"));
        assert!(answer.header("expires").is_some());
        assert_eq!(answer.header("access-control-max-age"), Some("31536000"));
        assert_eq!(answer.header("access-control-allow-methods"), Some(methods));
        assert_eq!(answer.header("access-control-allow-origin"), Some("null"));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("a, b"));
    }
}

fn cors(answer: &Answer) -> [Option<&str>; 4] {
    ["access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-headers", "vary"]
        .map(|name| answer.header(name))
}

#[tokio::test]
async fn a_page_is_named_in_the_answer_that_it_may_read() {
    let (address, _events) = serve(Options::default()).await;
    for (method, path) in [("GET", "/info"), ("POST", "/a/b/xhr"), ("POST", "/a/b/xhr_send"), ("POST", "/a/c/xhr_send")]
    {
        let path = format!("/echo{path}");
        let answer = ask(address, method, &path, &[], "[]").await;
        assert_eq!(cors(&answer), [Some("*"), None, None, Some("Origin")], "{path}");
        assert_eq!(answer.header("cache-control"), Some(NO_CACHE));
        if path.ends_with("/xhr") {
            continue;
        }
        for origin in ["null", "https://www.example.com"] {
            let headers = [("origin", origin), ("access-control-request-headers", "")];
            let answer = ask(address, method, &path, &headers, "[]").await;
            assert_eq!(cors(&answer), [Some(origin), Some("true"), None, Some("Origin")], "{path}");
        }
    }
}

#[tokio::test]
async fn a_page_that_is_not_allowed_may_read_and_say_nothing() {
    let allowed_origins = AllowedOrigins::List(vec!["https://www.example.com".into()]);
    let (address, _events) = serve(Options { allowed_origins, ..Options::default() }).await;
    let from = async |origin| ask(address, "GET", "/echo/info", &[("origin", origin)], "").await;
    assert_eq!(cors(&from("https://www.example.com").await)[0], Some("https://www.example.com"));
    for origin in ["https://evil.example.com", "https://www.example.com.evil.com", "http://www.example.com", "null", ""]
    {
        assert_eq!(cors(&from(origin).await), [None, None, None, Some("Origin")], "{origin}");
    }
    let mut received = Vec::new();
    for (origin, path) in [
        ("https://evil.example.com", "xhr"),
        ("https://www.example.com", "xhr"),
        ("https://evil.example.com", "xhr_send"),
        ("null", "xhr_send"),
        ("https://www.example.com", "xhr_send"),
    ] {
        let answer = ask(address, "POST", &format!("/echo/a/p/{path}"), &[("origin", origin)], "[\"x\"]").await;
        assert_eq!(answer.header("access-control-allow-origin").is_some(), answer.status != 403);
        received.push((answer.status.as_u16(), answer.body));
    }
    let refused = || (403, String::new());
    assert_eq!(received, [refused(), (200, "o\n".into()), refused(), refused(), (204, String::new())]);
    assert_eq!(post(address, "/echo/a/p/xhr", "").await.body, "a[\"x\"]\n", "a client without pages is no page");
    let headers = [
        ("origin", "https://evil.example.com"),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    assert_eq!(ask(address, "GET", "/echo/a/b/websocket", &headers, "").await.status, 403);
    let headers = [("origin", "https://www.example.com"), headers[1], headers[2], headers[3], headers[4]];
    assert_eq!(ask(address, "GET", "/echo/a/b/websocket", &headers, "").await.status, 101);
}

#[tokio::test]
async fn the_cookie_for_load_balancers_is_set_on_session_urls_only() {
    let (address, _events) = serve(Options { cookie_needed: true, ..Options::default() }).await;
    assert!(get(address, "/echo/info").await.body.contains(r#""cookie_needed":true"#));
    assert_eq!(get(address, "/echo/info").await.header("set-cookie"), None);
    assert_eq!(get(address, "/echo").await.header("set-cookie"), None);
    for (method, path) in [("POST", "/echo/a/b/xhr"), ("OPTIONS", "/echo/a/b/xhr"), ("POST", "/echo/a/b/xhr_send")] {
        let answer = ask(address, method, path, &[], "[]").await;
        assert_eq!(answer.header("set-cookie"), Some("JSESSIONID=dummy; path=/"));
    }
    let answer = ask(address, "POST", "/echo/a/c/xhr", &[("cookie", "a=1; JSESSIONID=abcdef")], "").await;
    assert_eq!(answer.header("set-cookie"), Some("JSESSIONID=abcdef; path=/"));
}
