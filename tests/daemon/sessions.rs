//! `/v1/sessions`: the browsers' own interface.

use serde_json::json;

use crate::phone;
use crate::support::*;

#[tokio::test]
async fn a_login_from_the_qr_code_to_the_openid() {
    let world = World::start().await;
    let page = world.create().await;
    assert!((22..=64).contains(&page.scene.len()) && page.scene.starts_with("sl-"));
    assert!(page.attach_token.len() >= 22);
    assert!(page.qr_content.starts_with("http://weixin.qq.com/q/"));
    assert_eq!(page.created["expires_in"], 300);
    assert_eq!(page.poll, world.url(&format!("/v1/sessions/{}", page.scene)));
    assert!(!page.created["links"].to_string().contains(&page.attach_token), "the token stands in a URL");

    let first = page.poll(0, 0).await.json();
    assert_eq!(first["messages"][0]["type"], "created");
    assert_eq!(first["messages"][0]["seq"], 1);
    let at = first["messages"][0]["at"].as_str().unwrap();
    assert!(at.len() == 24 && at.ends_with('Z'), "{at}");

    let waiting = page.poll(1, 30);
    let (waited, accepted) = tokio::join!(waiting, world.scan(&page.qr_content, "oAlice"));
    assert!(accepted);
    let messages = waited.json()["messages"].clone();
    assert_eq!((&messages[0]["type"], &messages[1]["type"]), (&json!("scanned"), &json!("confirmed")));

    let code = messages[1]["code"].as_str().unwrap();
    let answer = world.redeem(code).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    let tokens = answer.json();
    assert_eq!(tokens["openid"], "oAlice");
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 600);
    assert_eq!(tokens["scope"], "openid wechat");
    assert!(tokens["access_token"].as_str().unwrap().len() >= 22);
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed"]);
}

#[tokio::test]
async fn a_poll_without_news_comes_back_empty_after_its_wait() {
    let world = World::start().await;
    let page = world.create().await;
    assert_eq!(page.poll(1, 1).await.json(), json!({ "messages": [] }));
    assert_eq!(page.poll(99, 0).await.json(), json!({ "messages": [] }));
}

#[tokio::test]
async fn the_pictures_show_what_wechat_gave() {
    let world = World::start().await;
    let page = world.create().await;
    let svg = send("GET", page.created["qr_svg"].as_str().unwrap(), &[], "").await;
    assert_eq!((svg.status, svg.header("content-type")), (200, "image/svg+xml"));
    let url = page.created["qr_png"].as_str().unwrap();
    let png = send("GET", &format!("{url}?size=300"), &[], "").await;
    assert_eq!((png.status, png.header("content-type")), (200, "image/png"));
    assert!(png.body.starts_with(b"\x89PNG"));
    for size in ["0", "63", "2049", "-1", "big"] {
        assert_eq!(send("GET", &format!("{url}?size={size}"), &[], "").await.status, 400, "{size}");
    }
}

#[tokio::test]
async fn without_the_token_nobody_sees_anything() {
    let world = World::start().await;
    let page = world.create().await;
    let path = format!("/v1/sessions/{}", page.scene);
    let missing = world.get(&path, &[]).await;
    assert_eq!((missing.status, missing.header("www-authenticate")), (401, "Bearer"));
    let wrong = world.get(&path, &[("authorization", "Bearer nonsense")]).await;
    let unknown = world.get("/v1/sessions/sl-0123456789abcdefghijkl?token=nonsense", &[]).await;
    assert_eq!((wrong.status, unknown.status), (404, 404));
    assert_eq!(wrong.body, unknown.body, "nobody can tell an unknown scene from a wrong token");
    assert_eq!(world.get(&format!("{path}?token={}", page.attach_token), &[]).await.status, 200);
    assert_eq!(world.get("/v1/sessions/short?token=x", &[]).await.status, 404);
    assert_eq!(send("DELETE", &world.url(&path), &[], "").await.status, 401);
    assert_eq!(send("DELETE", &world.url(&format!("{path}?token=x")), &[], "").await.status, 404);
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn a_browser_gives_up() {
    let world = World::start().await;
    let page = world.create().await;
    let bearer = format!("Bearer {}", page.attach_token);
    let gone = send("DELETE", &page.poll, &[("authorization", &bearer)], "").await;
    assert_eq!(gone.status, 204);
    assert_eq!(page.wait_for("denied").await["seq"], 2);
    assert!(
        world.scan(&page.qr_content, "oAlice").await,
        "a scan of a session that is over is taken, and does nothing"
    );
    let journal = world.journal().await;
    assert_eq!(journal.len(), 2);
    assert_eq!((&journal[1]["type"], &journal[1]["reason"]), (&json!("denied"), &json!("browser")));
}

#[tokio::test]
async fn a_session_expires_and_a_late_scan_does_nothing() {
    let world = World::with(|config| config.replace(r#"ttl = "5m""#, r#"ttl = "1s""#)).await;
    let page = world.create().await;
    assert_eq!(page.wait_for("expired").await["seq"], 2);
    assert!(world.scan(&page.qr_content, "oAlice").await);
    assert_eq!(world.events().await, ["created", "expired"]);
}

#[tokio::test]
async fn the_first_scanner_wins_and_the_second_gets_success_and_nothing() {
    let world = World::start().await;
    let page = world.create().await;
    assert!(world.scan(&page.qr_content, "oAlice").await);
    assert!(world.scan(&page.qr_content, "oMallory").await);
    assert!(world.scan(&page.qr_content, "oAlice").await);
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.json()["openid"], "oAlice");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed"]);
}

#[tokio::test]
async fn a_redirect_uri_gets_the_authorization_response() {
    let world = World::start().await;
    let body = json!({
        "client_id": "shop", "redirect_uri": "https://shop.example.com/callback?from=scan", "state": "a b&c",
        "code_challenge": challenge(), "code_challenge_method": "S256", "nonce": "n", "purpose": "bind",
        "ui_locales": "zh-CN en", "scope": "wechat",
    });
    let created = world.post("/v1/sessions", JSON, &body.to_string()).await.json();
    world.scan(created["qr_content"].as_str().unwrap(), "oAlice").await;
    let poll = format!(
        "{}?token={}&after=2&wait=5",
        created["links"]["poll"].as_str().unwrap(),
        created["attach_token"].as_str().unwrap()
    );
    let message = send("GET", &poll, &[], "").await.json()["messages"][0].clone();
    let redirect_to: url::Url = message["redirect_to"].as_str().unwrap().parse().unwrap();
    let parameters: Vec<_> = redirect_to.query_pairs().into_owned().collect();
    let code = message["code"].as_str().unwrap();
    let expected = [("from", "scan"), ("code", code), ("state", "a b&c"), ("iss", &world.url(""))];
    assert_eq!(parameters, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    assert_eq!(world.redeem(code).await.json()["error"], "invalid_grant", "redirect_uri is left out");
    let uri = "https%3A%2F%2Fshop.example.com%2Fcallback%3Ffrom%3Dscan";
    let form = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&redirect_uri={uri}");
    let authorization = basic("shop", SECRET);
    let answer = world.post("/oauth/token", &[FORM, ("authorization", &authorization)], &form).await;
    assert_eq!(answer.json()["openid"], "oAlice");
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong_and_leave_nothing() {
    let world = World::start().await;
    let good = json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" });
    let with = |change: serde_json::Value| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body.to_string()
    };
    let long = "x".repeat(600);
    for (body, status, word) in [
        (String::new(), 400, "body"),
        ("{".into(), 400, "body"),
        ("[]".into(), 400, "body"),
        ("{}".into(), 400, "client_id"),
        (with(json!({ "client_id": "" })), 400, "client_id"),
        (with(json!({ "client_id": "unknown" })), 400, "client_id"),
        (with(json!({ "client_id": 7 })), 400, "body"),
        (with(json!({ "colour": "red" })), 400, "colour"),
        (with(json!({ "redirect_uri": "https://evil.example.com/" })), 400, "redirect_uri"),
        (with(json!({ "redirect_uri": "https://shop.example.com/callback" })), 400, "redirect_uri"),
        (with(json!({ "scope": "wechat admin" })), 400, "scope"),
        (with(json!({ "purpose": "steal" })), 400, "purpose"),
        (with(json!({ "state": long })), 400, "state"),
        (with(json!({ "code_challenge": "short" })), 400, "code_challenge"),
        (with(json!({ "code_challenge_method": "plain" })), 400, "S256"),
        (json!({ "client_id": "shop" }).to_string(), 400, "code_challenge"),
        (json!({ "client_id": "shop", "code_challenge": challenge() }).to_string(), 400, "S256"),
        (with(json!({ "state": "x".repeat(20_000) })), 413, ""),
    ] {
        let answer = world.post("/v1/sessions", JSON, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json", "{body}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(word), "{body}: {}", answer.text());
    }
    let wrong_type = world.post("/v1/sessions", &[("content-type", "text/plain")], &good.to_string()).await;
    assert_eq!(wrong_type.status, 415);
    let foreign =
        world.post("/v1/sessions", &[JSON[0], ("origin", "https://evil.example.com")], &good.to_string()).await;
    assert_eq!(foreign.status, 403);
    for origin in ["https://shop.example.com", &world.url("")] {
        let own = world.post("/v1/sessions", &[JSON[0], ("origin", origin)], &good.to_string()).await;
        assert_eq!(own.status, 201, "{origin}");
    }
    assert_eq!(world.get("/v1/sessions", &[]).await.status, 405);
    assert_eq!(world.events().await, ["created", "created"]);
}

#[tokio::test]
async fn while_wechat_is_away_or_slow_nothing_is_created() {
    let world = World::without_prepared_codes().await;
    let body =
        json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" }).to_string();
    world.wechat.set_away(true);
    let away = world.post("/v1/sessions", JSON, &body).await;
    assert_eq!(away.status, 503);
    assert!(away.header("retry-after").parse::<u32>().unwrap() >= 1);
    world.wechat.set_away(false);
    world.wechat.set_delay(std::time::Duration::from_secs(60));
    let slow = world.post("/v1/sessions", JSON, &body).await;
    assert_eq!(slow.status, 503);
    assert_eq!(world.get("/qrcode?sceneId=123451", &[]).await.status, 503);
    assert_eq!(world.try_get_at(9090, "/readyz").await.unwrap().status, 200, "WeChat's health is no part of ours");
    assert!(world.events().await.is_empty());
    world.wechat.set_delay(std::time::Duration::ZERO);
    world.create().await;
    world.wechat.fail_next(scan_login::simulator::Call::CreateQr, 48001, "api unauthorized");
    let calls = world.wechat.calls(scan_login::simulator::Call::CreateQr);
    for _ in 0..2 {
        assert_eq!(world.post("/v1/sessions", JSON, &body).await.status, 503);
    }
    assert_eq!(world.wechat.calls(scan_login::simulator::Call::CreateQr), calls + 1, "a no is not asked for twice");
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn while_wechat_is_away_prepared_codes_are_taken_each_once() {
    let world = World::start().await;
    world.wait_for_metric(r#"scan_login_wechat_qr_prepared{account="main"} 8"#).await;
    let calls = world.wechat.calls(scan_login::simulator::Call::CreateQr);
    assert_eq!(calls, 8, "nobody shows codes of the other account");
    world.wechat.set_away(true);
    let mut pages = Vec::new();
    for _ in 0..8 {
        pages.push(world.create().await);
    }
    let distinct = |of: fn(&LoginPage) -> &String| pages.iter().map(of).collect::<std::collections::HashSet<_>>().len();
    assert_eq!((distinct(|page| &page.scene), distinct(|page| &page.qr_content)), (8, 8));
    assert!(pages.iter().all(|page| page.scene.starts_with("sl-")));
    assert!((299..=300).contains(&pages[0].created["expires_in"].as_u64().unwrap()), "they live no longer than others");

    let body =
        json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" }).to_string();
    let none_left = world.post("/v1/sessions", JSON, &body).await;
    assert_eq!(none_left.status, 503);
    assert!(!none_left.header("retry-after").is_empty());

    world.scan(&pages[7].qr_content, "oAlice").await;
    pages[7].wait_for("confirmed").await;
    assert_eq!(world.events().await.iter().filter(|event| *event == "created").count(), 8);
}

#[tokio::test]
async fn todays_codes_are_shared_and_end_and_are_counted_across_a_restart() {
    let mut world = World::with(|config| config.replacen("[[account]]", "[[account]]\nqr_daily_budget = 3", 1)).await;
    world.create().await;
    world.create().await;
    let body =
        json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" }).to_string();
    let greedy = world.post("/v1/sessions", JSON, &body).await;
    assert_eq!((greedy.status, greedy.json()["code"].as_str()), (429, Some("qr_budget_address")));
    assert!((1..=3600).contains(&greedy.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(world.get("/qrcode?sceneId=123451", &[]).await.status, 429);

    let metric = |used: u8| format!(r#"scan_login_wechat_qr_budget_used{{account="main"}} {used}"#);
    world.wait_for_metric(&metric(2)).await;
    world.kill_and_restart().await;
    world.wait_for_metric(&metric(2)).await;
    world.create().await;
    let none_left = world.post("/v1/sessions", JSON, &body).await;
    assert_eq!((none_left.status, none_left.json()["code"].as_str()), (503, Some("qr_budget")));
    assert!((1..=3600).contains(&none_left.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(world.events().await, ["created", "created", "created"]);
}

#[tokio::test]
async fn past_its_limit_of_pending_sessions_the_daemon_asks_to_come_back() {
    let world =
        World::with(|config| without_prepared_codes(&config.replace("[server]", "[server]\nmax_sessions = 1"))).await;
    let page = world.create().await;
    let body =
        json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" }).to_string();
    let calls = world.wechat.calls(scan_login::simulator::Call::CreateQr);
    let full = world.post("/v1/sessions", JSON, &body).await;
    assert_eq!(full.status, 503);
    assert!(!full.header("retry-after").is_empty());
    assert_eq!(world.wechat.calls(scan_login::simulator::Call::CreateQr), calls, "no QR code was made for nothing");
    world.scan(&page.qr_content, "oAlice").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    world.redeem(&code).await;
    world.create().await;
}

#[tokio::test]
async fn the_kill_switch_stops_new_logins() {
    let world = World::with(|config| config.replace("[server]", "[server]\nlogins = false")).await;
    let body =
        json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" }).to_string();
    let paused = world.post("/v1/sessions", JSON, &body).await;
    assert_eq!((paused.status, paused.json()["code"].as_str()), (503, Some("paused")));
    assert_eq!(world.get("/qrcode?sceneId=123451", &[]).await.status, 503);
}

#[tokio::test]
async fn the_kill_switch_ends_what_had_begun_and_leaves_what_was_redeemed() {
    let mut world = phone::asking_with("tap", |config| config).await;
    let (pending, scanned, confirmed, redeemed) =
        (world.create().await, world.create().await, world.create().await, world.create().await);
    let scanned_link = phone::scan(&world, &scanned, "oAlice").await;
    for page in [&confirmed, &redeemed] {
        phone::press(&phone::scan(&world, page, "oAlice").await, "confirm").await;
    }
    let code = confirmed.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let tokens = world.redeem(redeemed.wait_for("confirmed").await["code"].as_str().unwrap()).await.json();

    world.set("SCAN_LOGIN__SERVER__LOGINS", "false");
    world.kill_and_restart().await;
    for page in [&pending, &scanned, &confirmed] {
        page.wait_for("denied").await;
    }
    phone::press(&scanned_link, "confirm").await;
    assert_eq!(world.redeem(&code).await.json()["error"], "invalid_grant");
    let events = world.events().await;
    assert_eq!(events[events.len() - 3..], ["denied", "denied", "denied"]);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    assert_eq!(world.get("/oauth/userinfo", &[("authorization", &bearer)]).await.status, 200);
}

#[tokio::test]
async fn a_public_url_with_a_path_is_served_below_it() {
    let world =
        World::with(|config| config.replace(":8080\"\n            [admin]", ":8080/login\"\n            [admin]"))
            .await;
    let body =
        json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" }).to_string();
    let created = world.post("/login/v1/sessions", JSON, &body).await.json();
    let svg = created["qr_svg"].as_str().unwrap();
    assert!(svg.starts_with(&world.url("/login/v1/sessions/")), "{svg}");
    assert_eq!(send("GET", svg, &[], "").await.status, 200);
    assert_eq!(world.get("/login/sockjs/info", &[]).await.status, 200);
    let picture = world.get("/login/qrcode?sceneId=1", &[]).await.text();
    assert_eq!(send("GET", &picture, &[], "").await.status, 200, "{picture}");
    assert_eq!(world.get("/sockjs/info", &[]).await.status, 200, "a proxy may take the path away");
}

/// A body that is an array fills the fields by their order: nothing of it is named.
#[tokio::test]
async fn a_session_is_asked_for_by_an_object_only() {
    let world = World::start().await;
    let body = serde_json::json!(["shop", null, null, null, null, challenge(), "S256", null, null]);
    let answer = world.post("/v1/sessions", JSON, &body.to_string()).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[tokio::test]
async fn pages_of_the_clients_origins_may_call_from_there_and_no_others() {
    let world = World::start().await;
    let body =
        json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" }).to_string();
    let shop = ("origin", "https://shop.example.com");
    let asks = ("access-control-request-method", "POST");
    let preflight = send("OPTIONS", &world.url("/v1/sessions"), &[shop, asks], "").await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, shop.1));
    assert_eq!(preflight.header("access-control-allow-methods"), "POST");
    assert_eq!(preflight.header("access-control-allow-headers"), "authorization, content-type, last-event-id");

    let created = world.post("/v1/sessions", &[JSON[0], shop], &body).await;
    assert_eq!((created.status, created.header("access-control-allow-origin")), (201, shop.1));
    assert_eq!((created.header("vary"), created.header("access-control-allow-credentials")), ("Origin", ""));
    let poll = created.json()["links"]["poll"].as_str().unwrap().to_owned();
    let preflight = send("OPTIONS", &poll, &[shop], "").await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-methods")), (204, "GET, DELETE"));
    let bearer = format!("Bearer {}", created.json()["attach_token"].as_str().unwrap());
    let polled = send("GET", &poll, &[shop, ("authorization", &bearer)], "").await;
    assert_eq!((polled.status, polled.header("access-control-allow-origin")), (200, shop.1));
    let refused = send("GET", &poll, &[shop], "").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, shop.1), "pages can read why");
    let refused = world.post("/v1/sessions", &[("content-type", "text/plain"), shop], &body).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (415, shop.1), "there, too");

    for evil in ["https://evil.example.com", "null", "https://shop.example.com.evil.example"] {
        let evil = ("origin", evil);
        let preflight = send("OPTIONS", &world.url("/v1/sessions"), &[evil, asks], "").await;
        assert_eq!((preflight.status, preflight.header("vary")), (403, "Origin"));
        let answer = world.post("/v1/sessions", &[JSON[0], evil], &body).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, ""));
        let polled = send("GET", &poll, &[evil, ("authorization", &bearer)], "").await;
        assert_eq!(polled.header("access-control-allow-origin"), "");
    }
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn a_key_that_is_there_twice_is_refused() {
    let world = World::start().await;
    let answer = world.post("/v1/sessions", JSON, r#"{"client_id":"shop","client_id":"legacy"}"#).await;
    assert_eq!((answer.status, answer.json()["detail"].as_str().unwrap().contains("client_id")), (400, true));
}

#[tokio::test]
async fn a_clients_credentials_are_never_passed_over() {
    let world = World::start().await;
    let body =
        json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" }).to_string();
    for (credentials, status) in [
        (basic("shop", SECRET), 201),
        (basic("shop", "wrong"), 401),
        (basic("legacy", "legacy-secret"), 401),
        ("Bearer something".to_owned(), 401),
    ] {
        let answer = world.post("/v1/sessions", &[JSON[0], ("authorization", &credentials)], &body).await;
        assert_eq!(answer.status, status, "{credentials}: {}", answer.text());
        assert_eq!(answer.header("www-authenticate").starts_with("Basic"), status == 401);
    }
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn a_refusal_names_all_that_is_missing_and_without_redirects_no_uri_is_missed() {
    let world = World::start().await;
    let missing = async |body: serde_json::Value| {
        let refused = world.post("/v1/sessions", JSON, &body.to_string()).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (400, Some("invalid_request")));
        refused.json()["missing"].clone()
    };
    assert_eq!(missing(json!({ "client_id": "shop" })).await, json!(["code_challenge"]));
    let both = json!(["redirect_uri", "code_challenge"]);
    assert_eq!(missing(json!({ "client_id": "shop", "redirects": true })).await, both);
    assert_eq!(missing(json!({ "client_id": "shop", "scope": "nothing" })).await, json!(["code_challenge"]));
    assert!(world.events().await.is_empty());
    world.create_with(|request| request["redirects"] = false.into()).await;
}
