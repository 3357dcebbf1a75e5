use axum::body::{Body, to_bytes};
use http::{Request, StatusCode, header};
use tower::ServiceExt;

use super::super::wechat::SimulatedAccount;
use super::*;

async fn call(router: Router, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let response = router.oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Phones, and the WeChat behind them, whose callback URL answers `success`.
async fn phones() -> (Phones, SimulatedWeChat) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let callback_url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let callback = Router::new().route("/", post(async || "success"));
    tokio::spawn(async move { axum::serve(listener, callback).await });
    let app_id = AppId::new("wx1").unwrap();
    let wechat = SimulatedWeChat::new(vec![SimulatedAccount {
        app_secret: "secret".into(),
        ..SimulatedAccount::new(app_id.clone(), callback_url.clone())
    }]);
    (Phones::new(wechat.clone(), &app_id, callback_url), wechat)
}

/// The content of a new QR code.
async fn code(wechat: &SimulatedWeChat) -> Value {
    let grant = json!({"grant_type": "client_credential", "appid": "wx1", "secret": "secret"});
    let token = call(wechat.router(), "/cgi-bin/stable_token", grant).await.1;
    let path = format!("/cgi-bin/qrcode/create?access_token={}", token["access_token"].as_str().unwrap());
    let ask = json!({"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "sl-1"}}});
    call(wechat.router(), &path, ask).await.1["url"].take()
}

#[tokio::test]
async fn a_scan_tells_what_the_conversation_shows() {
    let (phones, wechat) = phones().await;
    let code = code(&wechat).await;
    let (_, first) = call(phones.router(), "/demo/phone/scan", json!({"qr_content": code, "person": "alice"})).await;
    assert_eq!(first["outcome"], "pushed");
    assert_eq!(first["event"], "scan", "the first person is a follower");
    assert_eq!(first["deliveries"], json!([{"status": 200, "accepted": true}]));
    assert_eq!(first["accepted"], true);
    assert!(first["ms"].as_f64().unwrap() > 0.0);
    let (_, other) = call(phones.router(), "/demo/phone/scan", json!({"qr_content": code, "person": "bob"})).await;
    assert_eq!(other["event"], "subscribe", "the second is not");
    assert!(wechat.push_began("sl-1", phones.openid(Person::Bob)).is_some());
    assert!(wechat.push_began("sl-2", phones.openid(Person::Bob)).is_none());
}

#[tokio::test]
async fn a_scan_can_be_delivered_twice() {
    let (phones, wechat) = phones().await;
    let pressed = json!({"twice": true, "late": false, "away": false});
    assert_eq!(call(phones.router(), "/demo/faults", pressed.clone()).await, (StatusCode::OK, pressed));
    let scan = json!({"qr_content": code(&wechat).await, "person": "alice"});
    let (_, shown) = call(phones.router(), "/demo/phone/scan", scan).await;
    assert_eq!(shown["deliveries"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn wechat_can_be_away_and_come_back() {
    let (phones, wechat) = phones().await;
    phones.press(PressedFaults { away: true, ..PressedFaults::default() });
    assert_eq!(call(wechat.router(), "/cgi-bin/stable_token", json!({})).await.0, StatusCode::SERVICE_UNAVAILABLE);
    phones.press(PressedFaults::default());
    assert_eq!(call(wechat.router(), "/cgi-bin/stable_token", json!({})).await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_late_scan_comes_later() {
    let (phones, _) = phones().await;
    phones.press(PressedFaults { late: true, ..PressedFaults::default() });
    let began = tokio::time::Instant::now();
    assert_eq!(phones.scan("http://weixin.qq.com/q/no", Person::Alice).await.unwrap_err(), ScanError::Unknown);
    assert!(began.elapsed() >= LATE);
}

#[tokio::test]
async fn unknown_codes_and_people_are_told() {
    let (phones, _) = phones().await;
    let scan = |person: &str| json!({"qr_content": "http://weixin.qq.com/q/no", "person": person});
    let (_, shown) = call(phones.router(), "/demo/phone/scan", scan("alice")).await;
    assert_eq!(shown, json!({"outcome": "unknown"}));
    let (status, _) = call(phones.router(), "/demo/phone/scan", scan("eve")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// What is on the phones.
async fn look(phones: &Phones) -> Value {
    let response = phones.router().oneshot(Request::get("/demo/phones").body(Body::empty()).unwrap()).await.unwrap();
    serde_json::from_slice(&to_bytes(response.into_body(), 64 * 1024).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_phone_shows_the_conversation_and_what_became_of_its_scans() {
    let (phones, wechat) = phones().await;
    let content = code(&wechat).await;
    assert_eq!(look(&phones).await["alice"]["lines"], json!([]));
    phones.scan("http://weixin.qq.com/q/no", Person::Alice).await.unwrap_err();
    phones.scan(content.as_str().unwrap(), Person::Alice).await.unwrap();
    wechat.say(&AppId::new("wx1").unwrap(), phones.openid(Person::Alice), "hello").await.unwrap();
    let shown = look(&phones).await;
    let kinds: Vec<_> = shown["alice"]["lines"].as_array().unwrap().iter().map(|line| &line["kind"]).collect();
    assert_eq!(kinds, ["unknown", "scanned", "answered", "person"]);
    assert_eq!((&shown["bob"]["lines"], &shown["bob"]["late"]), (&json!([]), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn a_phone_tells_that_wechat_is_late() {
    let (phones, _) = phones().await;
    phones.press(PressedFaults { late: true, ..PressedFaults::default() });
    let (scanned, shown) = tokio::join!(phones.scan("http://weixin.qq.com/q/no", Person::Bob), look(&phones));
    assert!(scanned.is_err());
    assert_eq!(shown["bob"]["late"], true);
    assert_eq!(look(&phones).await["bob"]["late"], false);
}

#[tokio::test]
async fn another_start_is_another_wechat() {
    let (one, other) = (phones().await.0, phones().await.0);
    assert_eq!(look(&one).await["instance"], look(&one).await["instance"]);
    assert_ne!(look(&one).await["instance"], look(&other).await["instance"]);
}

#[tokio::test]
async fn what_a_person_writes_or_presses_stands_in_their_conversation_alone() {
    let (phones, _) = phones().await;
    for said in [
        json!({"person": "alice", "text": "42", "menu": null}),
        json!({"person": "alice", "text": "不是我", "menu": "1234"}),
    ] {
        let (_, told) = call(phones.router(), "/demo/phone/say", said).await;
        assert_eq!((&told["outcome"], &told["event"]), (&json!("pushed"), &json!("text")));
    }
    let lines = phones.screen(Person::Alice)["lines"].clone();
    assert_eq!(lines, json!([{"kind": "person", "text": "42"}, {"kind": "person", "text": "不是我"}]));
    assert_eq!(phones.screen(Person::Bob)["lines"], json!([]));
}
