//! Every answer that the description names can be had, and what is had is described.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// An operation and a status: `GET /openapi.json 200`.
type Told = BTreeSet<String>;

/// What cannot be had from outside: actors that do not answer are tested where they are.
fn is_out_of_reach(told: &str) -> bool {
    told.ends_with(" 503") && !told.starts_with("POST /v1/sessions ") && !told.starts_with("GET /qrcode ")
}

fn described() -> Told {
    let description: Value = serde_json::from_str(include_str!("../../web/openapi/openapi.json")).unwrap();
    let mut told = Told::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let method = method.to_uppercase();
            told.extend(
                operation["responses"].as_object().unwrap().keys().map(|code| format!("{method} {path} {code}")),
            );
        }
    }
    told
}

/// A daemon that is asked, and what it has answered.
struct Asked<'a> {
    world: &'a World,
    had: &'a mut Told,
}

impl Asked<'_> {
    /// Asks `method` of `path`, which is `template` in the description, and expects `status`.
    async fn expect(
        &mut self,
        status: u16,
        (method, template, path): (&str, &str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let answer = send(method, &self.world.url(path), headers, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        self.had.insert(format!("{method} {template} {status}"));
        answer
    }

    async fn get(&mut self, status: u16, path: &str, headers: &[(&str, &str)]) -> Answer {
        let template = path.split('?').next().unwrap().to_owned();
        self.expect(status, ("GET", &template, path), headers, "").await
    }

    async fn post(&mut self, status: u16, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.expect(status, ("POST", path, path), headers, body).await
    }
}

const STRANGER: (&str, &str) = ("origin", "https://evil.example");
const UPGRADE: [(&str, &str); 3] =
    [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
const CALLBACK: &str = "https%3A%2F%2Fshop.example.com%2Fcallback%3Ffrom%3Dscan";

fn body() -> Value {
    json!({"client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256"})
}

fn authorization(changes: &str) -> String {
    let challenge = challenge();
    format!(
        "response_type=code&client_id=shop&redirect_uri={CALLBACK}&scope=openid&code_challenge={challenge}\
         &code_challenge_method=S256{changes}"
    )
}

async fn creation(asked: &mut Asked<'_>) {
    let long = json!({"client_id": "x".repeat(20_000)}).to_string();
    let wrong = basic("shop", "wrong");
    asked.post(201, "/v1/sessions", JSON, &body().to_string()).await;
    asked.post(400, "/v1/sessions", JSON, "{}").await;
    asked.post(401, "/v1/sessions", &[JSON[0], ("authorization", &wrong)], &body().to_string()).await;
    asked.post(403, "/v1/sessions", &[JSON[0], STRANGER], &body().to_string()).await;
    asked.post(413, "/v1/sessions", JSON, &long).await;
    asked.post(415, "/v1/sessions", &[FORM], "client_id=shop").await;
}

/// A session that waits, watched in every way, and ended by its browser; and its pictures.
async fn sessions(asked: &mut Asked<'_>) {
    let page = asked.world.create().await;
    let bearer = format!("Bearer {}", page.attach_token);
    let token = ("authorization", bearer.as_str());
    let of = |rest: &str| (format!("/v1/sessions/{{scene_id}}{rest}"), format!("/v1/sessions/{}{rest}", page.scene));
    let socket = |version| [&UPGRADE[..], &[("sec-websocket-version", version), token]].concat();
    let (template, ws) = of("/ws");
    asked.expect(101, ("GET", &template, &ws), &socket("13"), "").await;
    asked.expect(426, ("GET", &template, &ws), &socket("8"), "").await;
    asked.expect(400, ("GET", &template, &ws), &[token], "").await;
    for (template, path) in [of(""), of("/events"), of("/ws")] {
        let twice = format!("{path}?after=0&after=0");
        asked.expect(400, ("GET", &template, &twice), &[token], "").await;
        asked.expect(401, ("GET", &template, &path), &[], "").await;
        asked.expect(403, ("GET", &template, &path), &[token, STRANGER], "").await;
        asked.expect(404, ("GET", &template, &path), &[("authorization", "Bearer wrong")], "").await;
    }
    let (template, path) = of("");
    asked.expect(200, ("GET", &template, &path), &[token], "").await;
    asked.expect(400, ("DELETE", &template, &format!("{path}?token=a&token=b")), &[], "").await;
    asked.expect(401, ("DELETE", &template, &path), &[], "").await;
    asked.expect(403, ("DELETE", &template, &path), &[token, STRANGER], "").await;
    asked.expect(404, ("DELETE", &template, &path), &[("authorization", "Bearer wrong")], "").await;
    asked.expect(204, ("DELETE", &template, &path), &[token], "").await;
    let (template, path) = of("/events");
    asked.expect(200, ("GET", &template, &path), &[token], "").await;
    asked.expect(204, ("GET", &template, &format!("{path}?after=2")), &[token], "").await;
    let page = asked.world.create().await;
    for (name, wrong) in [("qr.svg", None), ("qr.png", Some("?size=1"))] {
        let template = format!("/v1/sessions/{{scene_id}}/{name}");
        let path = format!("/v1/sessions/{}/{name}", page.scene);
        asked.expect(200, ("GET", &template, &path), &[], "").await;
        let unknown = path.replace(&page.scene, "sl-AAAAAAAAAAAAAAAAAAAAAA");
        asked.expect(404, ("GET", &template, &unknown), &[], "").await;
        if let Some(wrong) = wrong {
            asked.expect(400, ("GET", &template, &format!("{path}{wrong}")), &[], "").await;
        }
    }
}

/// Browsers of one address watch in every way, and others of it hold all sockets that it may.
async fn too_many_watch(asked: &mut Asked<'_>) {
    let page = asked.world.create().await;
    let events = format!("/v1/sessions/{}/events", page.scene);
    let mut waiting = Vec::new();
    for _ in 0..FEW_DESCRIPTORS / 2 {
        let mut browser = TcpStream::connect(asked.world.socket_address()).await.unwrap();
        let head = format!("GET {events}?token={} HTTP/1.1\r\nhost: shop\r\n\r\n", page.attach_token);
        browser.write_all(head.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        browser.read_exact(&mut status).await.unwrap();
        if status.ends_with(b"429") {
            break;
        }
        waiting.push(browser);
    }
    let bearer = format!("Bearer {}", page.attach_token);
    let headers = [&UPGRADE[..], &[("sec-websocket-version", "13"), ("authorization", &bearer)]].concat();
    for (rest, query) in [("", "?wait=1&after=1"), ("/events", ""), ("/ws", "")] {
        let template = format!("/v1/sessions/{{scene_id}}{rest}");
        let path = format!("/v1/sessions/{}{rest}{query}", page.scene);
        let answer = asked.expect(429, ("GET", &template, &path), &headers, "").await;
        assert_eq!((answer.header("retry-after"), &answer.json()["code"]), ("5", &json!("too_many_sockets_address")));
    }
}

async fn login_page(asked: &mut Asked<'_>) {
    for path in ["/oauth/authorize", "/login"] {
        asked.get(200, &format!("{path}?{}", authorization("")), &[]).await;
        asked.get(303, &format!("{path}?{}", authorization("&prompt=none")), &[]).await;
        asked.get(400, &format!("{path}?client_id=nobody"), &[]).await;
    }
    asked.post(303, "/oauth/authorize", &[FORM], &authorization("")).await;
    asked.post(400, "/oauth/authorize", &[FORM], "client_id=nobody").await;
    asked.post(413, "/oauth/authorize", &[FORM], &authorization(&"x".repeat(20_000))).await;
    asked.post(415, "/oauth/authorize", JSON, "{}").await;
}

/// The access token of a login that asked for this scope.
async fn access_token(asked: &mut Asked<'_>, scope: &str) -> String {
    let page = asked.world.create_with(|body| body["scope"] = scope.into()).await;
    assert!(asked.world.scan(&page.qr_content, "oAlice").await);
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let form = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}");
    let client = basic("shop", SECRET);
    let tokens = asked.post(200, "/oauth/token", &[FORM, ("authorization", &client)], &form).await;
    tokens.json()["access_token"].as_str().unwrap().to_owned()
}

async fn back_end(asked: &mut Asked<'_>) {
    let (client, wrong) = (basic("shop", SECRET), basic("shop", "wrong"));
    for path in ["/oauth/token", "/oauth/revoke"] {
        asked.post(400, path, &[FORM, ("authorization", &client)], "").await;
        asked.post(401, path, &[FORM, ("authorization", &wrong)], "token=x&grant_type=authorization_code&code=x").await;
    }
    let full = format!("Bearer {}", access_token(asked, "openid wechat").await);
    let bare = format!("Bearer {}", access_token(asked, "wechat").await);
    for method in ["GET", "POST"] {
        let userinfo = (method, "/oauth/userinfo", "/oauth/userinfo");
        asked.expect(200, userinfo, &[("authorization", &full)], "").await;
        asked.expect(401, userinfo, &[("authorization", "Bearer unknown")], "").await;
        asked.expect(403, userinfo, &[("authorization", &bare)], "").await;
    }
    asked.post(400, "/oauth/userinfo", &[FORM, ("authorization", &full)], "access_token=two").await;
    asked.post(200, "/oauth/revoke", &[FORM, ("authorization", &client)], "token=unknown").await;
    for path in ["openid-configuration", "oauth-authorization-server", "jwks.json"] {
        asked.get(200, &format!("/.well-known/{path}"), &[]).await;
    }
    asked.get(200, "/openapi.json", &[]).await;
}

async fn original_page(asked: &mut Asked<'_>) {
    asked.get(200, "/qrcode?sceneId=123456781", &[]).await;
    asked.get(400, "/qrcode", &[]).await;
    asked.get(403, "/qrcode?sceneId=123456791", &[STRANGER]).await;
    asked.get(409, "/qrcode?sceneId=123456781", &[("x-forwarded-for", "203.0.113.9")]).await;
}

#[tokio::test]
async fn every_answer_that_is_described_can_be_had() {
    let mut had = Told::new();
    let proxied = |config: String| {
        let trusted = "[server]\n            trusted_proxies = [\"127.0.0.0/8\"]";
        config.replacen("[server]", trusted, 1)
    };
    let world = World::with(proxied).await;
    let mut asked = Asked { world: &world, had: &mut had };
    creation(&mut asked).await;
    sessions(&mut asked).await;
    login_page(&mut asked).await;
    back_end(&mut asked).await;
    original_page(&mut asked).await;

    let limits = "[limits]\nsessions_per_address = \"1/h\"\nfailed_client_authentications = \"1/h\"\n[admin]";
    let narrow = World::with(|config| config.replacen("[admin]", limits, 1)).await;
    let mut asked = Asked { world: &narrow, had: &mut had };
    asked.post(201, "/v1/sessions", JSON, &body().to_string()).await;
    asked.post(429, "/v1/sessions", JSON, &body().to_string()).await;
    asked.get(429, "/qrcode?sceneId=123456781", &[]).await;
    let wrong = basic("shop", "wrong");
    asked.post(401, "/oauth/token", &[FORM, ("authorization", &wrong)], "grant_type=authorization_code&code=x").await;
    for path in ["/oauth/token", "/oauth/revoke"] {
        asked.post(429, path, &[FORM, ("authorization", &wrong)], "grant_type=authorization_code&code=x&token=x").await;
    }

    let mut crowded = World::prepare(|config| config).await;
    crowded.run_narrow().await;
    too_many_watch(&mut Asked { world: &crowded, had: &mut had }).await;

    let paused = World::with(|config| config.replacen("[server]", "[server]\nlogins = false", 1)).await;
    let mut asked = Asked { world: &paused, had: &mut had };
    asked.post(503, "/v1/sessions", JSON, &body().to_string()).await;
    asked.get(503, "/qrcode?sceneId=123456781", &[]).await;

    let without = World::with(|config| config.split("[seed_page]").next().unwrap().to_owned()).await;
    Asked { world: &without, had: &mut had }.get(404, "/qrcode?sceneId=123456781", &[]).await;

    let described = described();
    let undescribed: Vec<_> = had.difference(&described).collect();
    assert!(undescribed.is_empty(), "answers that are not described: {undescribed:?}");
    let unheard: Vec<_> = described.difference(&had).filter(|told| !is_out_of_reach(told)).collect();
    assert!(unheard.is_empty(), "described, and not to be had: {unheard:?}");
}
