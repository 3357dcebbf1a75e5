use std::collections::HashMap;
use std::sync::Mutex;

use axum::Form;
use axum::body::{Body, to_bytes};
use tower::ServiceExt;

use super::*;

const OPENID: &str = "oAlice7lS0yVvPzQnX2mR4tKwB1c";

/// The credentials and the form of one request.
type Asked = (Option<String>, HashMap<String, String>);

/// A token endpoint that knows one code, and what it was asked.
#[derive(Clone, Default)]
struct Endpoint(Arc<Mutex<Vec<Asked>>>);

async fn token(
    State(endpoint): State<Endpoint>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let known = form.get("code").is_some_and(|code| code == "good");
    let credentials = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    endpoint.0.lock().unwrap().push((credentials, form));
    match known {
        true => (StatusCode::OK, Json(json!({"access_token": "t", "token_type": "Bearer", "openid": OPENID}))),
        false => (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))),
    }
}

async fn shop() -> (Website, Endpoint) {
    let endpoint = Endpoint::default();
    let router = Router::new().route("/oauth/token", post(token)).with_state(endpoint.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token_url = format!("http://{}/oauth/token", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = WebsiteSettings { client_id: "shop".into(), client_secret: "s:cret".into(), token_url };
    (Website::new(settings), endpoint)
}

async fn call(website: &Website, path: &str, cookie: &str, body: Value) -> (Response, Value) {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json").header(header::COOKIE, cookie);
    let response = website.router().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 64 * 1024).await.unwrap();
    (Response::from_parts(parts, Body::empty()), serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_login_is_redeemed_with_credentials_and_the_verifier_of_its_challenge() {
    let (website, endpoint) = shop().await;
    let start = website.begin("browser");
    assert_eq!(website.finish("browser", &start.login, "good").await.unwrap(), OPENID);
    let asked = endpoint.0.lock().unwrap().pop().unwrap();
    assert_eq!(asked.0.unwrap(), format!("Basic {}", STANDARD.encode("shop:s%3Acret")));
    assert_eq!(asked.1["grant_type"], "authorization_code");
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(&asked.1["code_verifier"])), start.code_challenge);
}

#[tokio::test]
async fn a_login_is_finished_once_and_by_its_own_browser() {
    let (website, endpoint) = shop().await;
    let start = website.begin("browser");
    let stolen = website.finish("another", &start.login, "good").await;
    assert!(matches!(stolen, Err(LoginError::NotBegun)), "{stolen:?}");
    assert!(website.finish("browser", &start.login, "good").await.is_ok());
    let again = website.finish("browser", &start.login, "good").await;
    assert!(matches!(again, Err(LoginError::NotBegun)), "{again:?}");
    assert_eq!(endpoint.0.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_page_gets_a_cookie_and_at_the_end_a_masked_openid() {
    let (website, _) = shop().await;
    let (response, start) = call(&website, "/begin", "", json!({})).await;
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(start["code_challenge_method"], "S256");
    assert!(start.get("verifier").is_none());

    let cookie = format!("other=1; {}", cookie.split(';').next().unwrap());
    let brought = json!({"login": start["login"], "code": "good"});
    let (response, visitor) = call(&website, "/login", &cookie, brought.clone()).await;
    assert_eq!((response.status(), &visitor), (StatusCode::OK, &json!({"visitor": "oAlice…"})));
    let (response, _) = call(&website, "/login", &cookie, brought).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refused_code_logs_nobody_in() {
    let (website, _) = shop().await;
    let start = website.begin("browser");
    let refused = website.finish("browser", &start.login, "bad").await.unwrap_err();
    assert_eq!(refused.to_string(), "the code was refused (400 Bad Request): invalid_grant");
}

#[tokio::test]
async fn the_oldest_of_too_many_logins_is_forgotten() {
    let (website, _) = shop().await;
    let first = website.begin("browser");
    for _ in 0..MOST_BEGUN {
        website.begin("browser");
    }
    assert!(website.take("browser", &first.login).is_none());
    assert_eq!(website.begun().len(), MOST_BEGUN);
}
