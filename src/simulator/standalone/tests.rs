use axum::body::{Body, to_bytes};
use axum::routing::post;
use http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const SECRET: &str = "app-secret";

/// A WeChat with one account, whose callback URL says `success`.
async fn standalone() -> Standalone {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let callback_url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let callback = Router::new().route("/", post(async || "success"));
    tokio::spawn(async move { axum::serve(listener, callback).await });
    let account = SimulatedAccount::new(AppId::new("wx1").unwrap(), callback_url);
    Standalone::new(vec![("main".into(), account)])
}

async fn get_at(standalone: &Standalone, path: &str) -> (Response<()>, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (parts, body) = standalone.router().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap();
    (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
}

async fn get_json(standalone: &Standalone, path: &str) -> Value {
    serde_json::from_str(&get_at(standalone, path).await.1).unwrap()
}

async fn ask(standalone: &Standalone, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let response = standalone.router().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Makes a QR code as a daemon does.
async fn make_code(standalone: &Standalone, scene: &str) -> String {
    make_code_of(standalone, "wx1", scene).await
}

async fn make_code_of(standalone: &Standalone, app_id: &str, scene: &str) -> String {
    let grant = format!("/cgi-bin/token?grant_type=client_credential&appid={app_id}&secret={SECRET}");
    let token = get_json(standalone, &grant).await["access_token"].as_str().unwrap().to_owned();
    let make = json!({"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": scene}}});
    let (_, made) = ask(standalone, &format!("/cgi-bin/qrcode/create?access_token={token}"), make).await;
    made["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_code_with_a_link_is_opened_by_who_scans_it() {
    let standalone = standalone().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let there = axum::response::Redirect::to("/there");
    let website = Router::new().route("/", get(move || async { there })).route("/there", get(async || "hello"));
    tokio::spawn(async move { axum::serve(listener, website).await });
    let (_, shown) = ask(&standalone, "/simulate/scan", json!({"qr_content": base, "person": "alice"})).await;
    let (url, page) = (format!("{base}/"), format!("{base}/there"));
    assert_eq!(shown, json!({"outcome": "page", "url": url, "page": page, "status": 200}));
    let (_, shown) =
        ask(&standalone, "/simulate/scan", json!({"qr_content": "http://127.0.0.1:1/", "person": "bob"})).await;
    assert!(shown["error"].as_str().unwrap().contains("not reachable"), "{shown}");
}

#[tokio::test]
async fn a_script_finds_a_code_and_lets_it_be_scanned_by_its_scene() {
    let standalone = standalone().await;
    let content = make_code(&standalone, "sl-1").await;
    let state = get_json(&standalone, "/simulate/state").await;
    assert_eq!((&state["codes"][0]["qr_content"], &state["codes"][0]["account"]), (&json!(content), &json!("main")));
    for (who, event) in [(json!({"person": "alice"}), "scan"), (json!({"openid": "oStranger"}), "subscribe")] {
        for what in [json!({"scene": "sl-1"}), json!({"qr_content": content})] {
            let mut body = who.clone();
            body.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
            let (status, shown) = ask(&standalone, "/simulate/scan", body).await;
            assert_eq!((status, &shown["accepted"]), (StatusCode::OK, &json!(true)), "{shown}");
            assert!(shown["event"] == event || shown["event"] == "scan", "{shown}");
        }
    }
    let (_, both) = ask(&standalone, "/simulate/scan-both", json!({"scene": "sl-1"})).await;
    assert_eq!(both.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_code_on_a_login_page_is_found_however_many_were_made_since() {
    let standalone = standalone().await;
    make_code(&standalone, "sl-shown").await;
    for number in 0..40 {
        make_code(&standalone, &format!("sl-later-{number}")).await;
    }
    let state = get_json(&standalone, "/simulate/state").await;
    assert_eq!(state["codes"].as_array().unwrap().len(), 20);
    let scan = json!({"scene": "sl-shown", "person": "alice"});
    let (status, shown) = ask(&standalone, "/simulate/scan", scan).await;
    assert_eq!((status, &shown["accepted"]), (StatusCode::OK, &json!(true)), "{shown}");
}

#[tokio::test]
async fn the_codes_of_one_account_do_not_hide_those_of_another() {
    let nowhere: url::Url = "http://127.0.0.1:1/".parse().unwrap();
    let account = |id: &str| SimulatedAccount::new(AppId::new(id).unwrap(), nowhere.clone());
    let standalone = Standalone::new(vec![("main".into(), account("wx1")), ("other".into(), account("wx2"))]);
    make_code_of(&standalone, "wx2", "sl-other").await;
    for number in 0..40 {
        make_code(&standalone, &format!("sl-{number}")).await;
    }
    let state = get_json(&standalone, "/simulate/state").await;
    let listed = |name: &str| state["codes"].as_array().unwrap().iter().filter(|code| code["account"] == name).count();
    assert_eq!((listed("main"), listed("other")), (20, 1));
}

#[tokio::test]
async fn people_do_what_a_script_says_and_the_conversation_can_be_read() {
    let standalone = standalone().await;
    for (path, body) in [
        ("text", json!({"person": "bob", "text": "hello"})),
        ("click", json!({"person": "bob", "key": "login", "account": "main"})),
        ("view", json!({"person": "bob", "url": "https://shop.example.com/"})),
        ("subscribe", json!({"person": "bob"})),
        ("unsubscribe", json!({"person": "bob"})),
    ] {
        let (status, shown) = ask(&standalone, &format!("/simulate/{path}"), body).await;
        assert_eq!((status, &shown["event"]), (StatusCode::OK, &json!(path)), "{shown}");
    }
    let conversation = get_json(&standalone, "/simulate/conversation?person=bob").await;
    let lines = conversation["lines"].as_array().unwrap();
    assert_eq!((&lines[0]["voice"], &lines[0]["text"], lines.len()), (&json!("person"), &json!("hello"), 1));
}

#[tokio::test]
async fn faults_stay_until_something_else_is_said() {
    let standalone = standalone().await;
    let (_, pressed) = ask(&standalone, "/simulate/faults", json!({"twice": true})).await;
    assert_eq!(get_json(&standalone, "/simulate/faults").await, pressed);
    let say = async || ask(&standalone, "/simulate/text", json!({"person": "alice", "text": "hello"})).await.1;
    assert_eq!(say().await["deliveries"].as_array().unwrap().len(), 2);
    ask(&standalone, "/simulate/faults", json!({})).await;
    assert_eq!(say().await["deliveries"].as_array().unwrap().len(), 1);
    let (_, repeated) = ask(&standalone, "/simulate/replay", json!({"replace": "hello", "with": "bye"})).await;
    assert_eq!(repeated["status"], 200);
    ask(&standalone, "/simulate/mark-fail", json!({})).await;
    assert_eq!(say().await["outcome"], "lost");
    let (status, _) = ask(&standalone, "/simulate/faults", json!({"fire": true})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_is_unclear_is_said_and_not_done() {
    let standalone = standalone().await;
    for (path, body) in [
        ("scan", json!({"scene": "sl-1", "person": "alice"})),
        ("scan", json!({"person": "alice"})),
        ("text", json!({"person": "eve", "text": "hello"})),
        ("text", json!({"person": "alice", "account": "other", "text": "hello"})),
        ("replay", json!({})),
    ] {
        let (status, said) = ask(&standalone, &format!("/simulate/{path}"), body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(said["error"].is_string(), "{said}");
    }
    let unknown = json!({"qr_content": "http://weixin.qq.com/q/no", "person": "alice"});
    assert_eq!(ask(&standalone, "/simulate/scan", unknown).await.1, json!({"outcome": "unknown"}));
}

#[tokio::test]
async fn another_site_cannot_let_people_act() {
    let standalone = standalone().await;
    let request = Request::post("/simulate/text").header(header::CONTENT_TYPE, "text/plain");
    let body = Body::from(json!({"person": "alice", "text": "hello"}).to_string());
    let response = standalone.router().oneshot(request.body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn the_page_and_all_that_it_names_are_served_under_a_strict_policy() {
    let standalone = standalone().await;
    let (_, html) = get_at(&standalone, "/").await;
    assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" onclick="));
    let order = ["id=\"scan\"", "id=\"people\"", "data-fault", "id=\"codes\""].map(|part| html.find(part).unwrap());
    assert!(order.is_sorted(), "what is used stands before the long list of codes: {order:?}");
    let named = html.split('"').filter(|text| text.starts_with("/simulate/"));
    let named: Vec<&str> = named.collect();
    assert!(named.len() >= 5, "{named:?}");
    for path in ["/"].into_iter().chain(named) {
        let (asset, text) = get_at(&standalone, path).await;
        assert_eq!(asset.status(), StatusCode::OK, "{path}");
        assert!(!text.is_empty());
        let policy = asset.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}
