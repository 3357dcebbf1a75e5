//! The page for clients' own frames.

use scan_login::transport::sockjs::Options;

use crate::support::{ask, get, serve};

const PAGE: &str = r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="/sockjs.min.js"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#;

fn options() -> Options {
    Options { client_script: Some("/sockjs.min.js".into()), cookie_needed: true, ..Options::default() }
}

#[tokio::test]
async fn the_page_is_the_same_under_all_its_names_and_may_be_kept() {
    let (address, _events) = serve(options()).await;
    for name in ["iframe.html", "iframe-.html", "iframe-0.1.2abc-dirty.2144.html?t=1", "iframe_a.html/"] {
        let page = get(address, &format!("/echo/{name}")).await;
        assert_eq!((page.status.as_u16(), page.body.as_str()), (200, PAGE), "{name}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=UTF-8"));
        assert_eq!(page.header("cache-control"), Some("public, max-age=31536000"));
        assert!(page.header("expires").is_some());
        assert_eq!(page.header("last-modified"), None);
        assert_eq!(page.header("set-cookie"), None);
        let etag = page.header("etag").unwrap();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        let known = ask(address, "GET", &format!("/echo/{name}"), &[("if-none-match", etag)], "").await;
        assert_eq!((known.status.as_u16(), known.body.as_str()), (304, ""));
        assert_eq!(known.header("content-type"), None);
        assert_eq!(known.header("etag"), Some(etag));
    }
    for name in ["iframe.htm", "iframe", "IFRAME.HTML", "iframe.HTML", "iframe.xml", "iframe-/.html"] {
        assert_eq!(get(address, &format!("/echo/{name}")).await.status, 404, "{name}");
    }
    assert_eq!(ask(address, "POST", "/echo/iframe.html", &[], "").await.status, 405);
}

#[tokio::test]
async fn without_a_script_there_is_no_page() {
    let (address, _events) = serve(Options::default()).await;
    assert_eq!(get(address, "/echo/iframe.html").await.status, 404);
}
