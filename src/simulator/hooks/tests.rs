use axum::body::Body;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

/// The secret and the message of the specification's example.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const AT: i64 = 1_614_265_330;
const BODY: &str = r#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn at(seconds: i64) -> Hooks {
    let now = crate::domain::Timestamp::from_micros(seconds * 1_000_000);
    Hooks::new(SECRET, Clock::from_fn(move || now))
}

async fn post(hooks: &Hooks, signature: &str, body: &str) -> StatusCode {
    let request = Request::post("/demo/hooks")
        .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
        .header("webhook-timestamp", AT.to_string())
        .header("webhook-signature", signature)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    hooks.router().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn the_message_of_the_specification_is_taken_once_though_it_comes_twice() {
    let hooks = at(AT + 299);
    for signature in [SIGNATURE.to_owned(), format!("v1,AAAA {SIGNATURE}")] {
        assert_eq!(post(&hooks, &signature, BODY).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(hooks.0.heard.borrow().len(), 1);
}

#[tokio::test]
async fn what_was_altered_or_is_old_or_of_somebody_else_is_refused() {
    let now = at(AT);
    assert_eq!(post(&now, SIGNATURE, "{}").await, StatusCode::UNAUTHORIZED);
    assert_eq!(post(&now, "v1,AAAA", BODY).await, StatusCode::UNAUTHORIZED);
    assert_eq!(post(&now, SIGNATURE.trim_start_matches("v1,"), BODY).await, StatusCode::UNAUTHORIZED);
    assert_eq!(post(&at(AT + 301), SIGNATURE, BODY).await, StatusCode::UNAUTHORIZED);
    assert!(now.0.heard.borrow().is_empty());
}

#[tokio::test]
async fn a_page_that_comes_back_is_told_what_it_missed() {
    let hooks = at(AT);
    for (id, kind) in [("a", "login.confirmed"), ("b", "login.reported")] {
        hooks.note(id, &json!({ "type": kind, "data": { "openid": "oAlice-0123456789" } }));
    }
    let request = Request::get("/demo/hooks").header("last-event-id", "1").body(Body::empty()).unwrap();
    let mut body = hooks.router().oneshot(request).await.unwrap().into_body();
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let told = String::from_utf8(frame.to_vec()).unwrap();
    assert!(told.contains("id: 2") && told.contains("login.reported") && told.contains("oAlice…"), "{told}");
    assert!(!told.contains("0123456789"), "the rest of the openid stays with the back end");
}
