//! `/widget.js`, which pages of other websites load.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::*;

/// Most bytes of the widget as a proxy compresses it.
const MOST_BYTES: usize = 10 << 10;

#[tokio::test]
async fn every_website_may_load_the_widget_and_browsers_keep_it_for_an_hour() {
    let world = World::start().await;
    let script = world.get("/widget.js", &[("origin", "https://anybody.example.com")]).await;
    assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert_eq!(script.header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(script.header("access-control-allow-origin"), "*");
    assert_eq!(script.header("x-content-type-options"), "nosniff");
    assert_eq!(script.header("cache-control"), "public, max-age=3600");

    let tag = script.header("etag");
    for held in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = world.get("/widget.js", &[("if-none-match", &held)]).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag), "{held}");
        assert_eq!(again.header("cross-origin-resource-policy"), "cross-origin");
    }
    assert_eq!(world.get("/widget.js", &[("if-none-match", "\"other\"")]).await.status, 200);
}

#[tokio::test]
async fn the_widget_is_under_ten_kibibytes_compressed() {
    let world = World::start().await;
    let script = world.get("/widget.js", &[]).await.body;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
    gzip.write_all(&script).unwrap();
    let bytes = gzip.finish().unwrap().len();
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
}

#[tokio::test]
async fn the_widget_is_described_for_typescript() {
    let world = World::start().await;
    let types = world.get("/widget.d.ts", &[]).await;
    assert_eq!((types.status, types.header("content-type")), (200, "text/plain; charset=utf-8"));
    for event in ["scanned", "confirmed", "denied", "expired", "error"] {
        assert!(types.text().contains(&format!("'scan-login-{event}'")), "{event}");
    }
}

#[tokio::test]
async fn a_page_of_a_client_can_read_when_to_try_again() {
    let world = World::with(|config| config.replace("[server]", "[server]\nlogins = false")).await;
    let headers = [("content-type", "application/json"), ("origin", "https://shop.example.com")];
    let body =
        serde_json::json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" });
    let refused = world.post("/v1/sessions", &headers, &body.to_string()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "30"));
    assert_eq!(refused.header("access-control-expose-headers"), "retry-after");
}
