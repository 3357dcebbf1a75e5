//! Sessions over `jsonp` and `jsonp_send`.

use scan_login::transport::sockjs::Options;

use crate::support::{ask, get, serve};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const NO_CACHE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

#[tokio::test]
async fn a_session_opens_and_echoes_in_scripts() {
    let (address, _events) = serve(Options { cookie_needed: true, ..Options::default() }).await;
    let opened = get(address, "/echo/0/a/jsonp?c=%63allback").await;
    assert_eq!((opened.status.as_u16(), opened.body.as_str()), (200, "/**/callback(\"o\");\r\n"));
    assert_eq!(opened.header("content-type"), Some("application/javascript; charset=UTF-8"));
    assert_eq!(opened.header("cache-control"), Some(NO_CACHE));
    assert_eq!(opened.header("set-cookie"), Some("JSESSIONID=dummy; path=/"));
    assert_eq!(opened.header("access-control-allow-origin"), None);

    let sent = ask(address, "POST", "/echo/0/a/jsonp_send?i=1", &[FORM], "d=%5B%22x%22%5D").await;
    assert_eq!((sent.status.as_u16(), sent.body.as_str()), (200, "ok"));
    assert_eq!(sent.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(sent.header("cache-control"), Some(NO_CACHE));
    assert_eq!(sent.header("set-cookie"), Some("JSESSIONID=dummy; path=/"));
    assert_eq!(get(address, "/echo/0/a/jsonp?callback=x&t=1").await.body, "/**/x(\"a[\\\"x\\\"]\");\r\n");
}

#[tokio::test]
async fn a_form_that_holds_no_messages_is_refused_and_the_session_stays() {
    let (address, _events) = serve(Options::default()).await;
    get(address, "/echo/0/a/jsonp?c=x").await;
    for (body, message) in [
        ("d=%5B%22x", "Broken JSON encoding."),
        ("d=%5B%22%ff%22%5D", "Broken JSON encoding."),
        ("", "Payload expected."),
        ("d=", "Payload expected."),
        ("p=p", "Payload expected."),
        ("d=%22x%22", "Payload expected."),
        ("d=%5B1%5D", "Payload expected."),
    ] {
        let answer = ask(address, "POST", "/echo/0/a/jsonp_send", &[FORM], body).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, message), "{body}");
    }
    assert_eq!(ask(address, "POST", "/echo/0/a/jsonp_send", &[FORM], "d=%5B%5D").await.body, "ok");
    assert_eq!(ask(address, "POST", "/echo/0/a/jsonp_send", &[FORM], "d=%5B%22b%22%5D").await.body, "ok");
    let text = [("content-type", "text/plain")];
    assert_eq!(ask(address, "POST", "/echo/0/a/jsonp_send", &text, "[\"%61bc\"]").await.body, "ok");
    let mut received = String::new();
    while !received.contains("%61bc") {
        received.push_str(&get(address, "/echo/0/a/jsonp?c=x").await.body);
    }
    assert_eq!(received.replace("]\");\r\n/**/x(\"a[", ","), "/**/x(\"a[\\\"b\\\",\\\"%61bc\\\"]\");\r\n");
}

#[tokio::test]
async fn a_closed_session_says_so_to_everyone_who_comes() {
    let (address, _events) = serve(Options::default()).await;
    assert_eq!(get(address, "/close/0/a/jsonp?c=x").await.body, "/**/x(\"o\");\r\n");
    for _ in 0..2 {
        assert_eq!(get(address, "/close/0/a/jsonp?c=x").await.body, "/**/x(\"c[3000,\\\"Go away!\\\"]\");\r\n");
    }
}

#[tokio::test]
async fn no_page_that_is_not_allowed_says_anything_in_a_form() {
    use scan_login::transport::sockjs::AllowedOrigins;
    let allowed_origins = AllowedOrigins::List(vec!["https://www.example.com".into()]);
    let (address, _events) = serve(Options { allowed_origins, ..Options::default() }).await;
    get(address, "/echo/0/a/jsonp?c=x").await;
    for (origin, status) in [("https://evil.example.com", 403), ("null", 403), ("https://www.example.com", 200)] {
        let headers = [FORM, ("origin", origin)];
        let answer = ask(address, "POST", "/echo/0/a/jsonp_send", &headers, "d=%5B%22b%22%5D").await;
        assert_eq!(answer.status, status, "{origin}");
    }
}
