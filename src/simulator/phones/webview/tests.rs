use axum::body::{Body, to_bytes};
use axum::routing::any;
use tower::ServiceExt;

use super::*;

/// A daemon whose page is what it was asked, and whose forms lead back to the page, or elsewhere.
async fn webview() -> Webview {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public_url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let base = public_url.clone();
    let page = async move |method: Method, headers: HeaderMap, Path(token): Path<String>, body: String| {
        let policy = "default-src 'none'; style-src 'nonce-1'; form-action 'self'; frame-ancestors 'none'";
        let to = if token == "stray" { "https://example.com/".to_owned() } else { format!("{base}c/{token}") };
        let told = |name: HeaderName| headers.get(name).map_or("", |value| value.to_str().unwrap());
        let seen = format!("{method} {token} {} {} {body}", told(header::ORIGIN), told(header::USER_AGENT));
        let set =
            [(header::CONTENT_SECURITY_POLICY, policy.to_owned()), (header::CONTENT_TYPE, "text/html".to_owned())];
        match method {
            Method::POST => (StatusCode::SEE_OTHER, set, [(header::LOCATION, to)], seen).into_response(),
            _ => (StatusCode::OK, set, seen).into_response(),
        }
    };
    let daemon = Router::new().route("/c/{token}", any(page)).fallback(async || "something else");
    tokio::spawn(async move { axum::serve(listener, daemon).await });
    Webview::new(&public_url)
}

async fn send(webview: &Webview, method: Method, path: &str, form: &'static str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).header(header::ORIGIN, "null").body(Body::from(form));
    let (parts, body) = webview.router().oneshot(request.unwrap()).await.unwrap().into_parts();
    let body = to_bytes(body, 64 * 1024).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_page_is_fetched_as_a_phone_would_and_may_only_stand_in_the_demos_own_frame() {
    let (status, headers, page) = send(&webview().await, Method::GET, "/demo/webview/c/sl-1.x_Y", "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.starts_with("GET sl-1.x_Y null ") && page.contains("MicroMessenger"), "{page}");
    assert_eq!(headers[header::CONTENT_TYPE], "text/html");
    assert_eq!(
        headers[header::CONTENT_SECURITY_POLICY],
        "default-src 'none'; style-src 'nonce-1'; form-action 'self'; frame-ancestors 'self'; sandbox allow-forms"
    );
}

#[tokio::test]
async fn a_form_is_posted_and_leads_back_into_the_frame() {
    let (status, headers, asked) = send(&webview().await, Method::POST, "/demo/webview/c/sl-1", "action=confirm").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(headers[header::LOCATION], "/demo/webview/c/sl-1");
    assert!(asked.ends_with(" action=confirm"), "{asked}");
}

#[tokio::test]
async fn nothing_but_the_pages_on_the_phone_is_opened() {
    let webview = webview().await;
    for path in ["c/..%2Fv1%2Fsessions", "c/..", "c/a%2Fb", "c/a%3Fb", "c/", "oauth/token"] {
        let (status, _, body) = send(&webview, Method::GET, &format!("/demo/webview/{path}"), "").await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, ""), "{path}");
    }
    let (status, headers, _) = send(&webview, Method::POST, "/demo/webview/c/stray", "").await;
    assert_eq!((status, headers.get(header::LOCATION)), (StatusCode::BAD_GATEWAY, None));
}

#[test]
fn a_page_without_a_policy_gets_one() {
    assert_eq!(framed(None), "default-src 'none'; frame-ancestors 'self'; sandbox allow-forms");
}
