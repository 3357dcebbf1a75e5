//! SIGHUP: the configuration is read again while the daemon runs.

use std::time::Duration;

use futures_util::StreamExt;
use scan_login::simulator::Call;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::manager::ServiceManager;
use crate::support::*;

async fn start(change: impl FnOnce(String) -> String) -> (World, ServiceManager) {
    let mut world = World::prepare(change).await;
    let manager = ServiceManager::of(&mut world);
    world.run().await;
    manager.until("READY=1").await;
    (world, manager)
}

/// Watches a page's session over a WebSocket.
async fn watch(world: &World, page: &LoginPage) -> WebSocketStream<TcpStream> {
    let mut request = page.created["links"]["ws"].as_str().unwrap().into_client_request().unwrap();
    let protocols = format!("scan-login.v1, token.{}", page.attach_token);
    request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    let stream = TcpStream::connect(world.socket_address()).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> serde_json::Value {
    let came = tokio::time::timeout(PATIENCE, socket.next()).await.expect("nothing came");
    serde_json::from_str(came.expect("it was closed").unwrap().to_text().unwrap()).unwrap()
}

/// A WebSocket and a long poll that wait.
#[tokio::test]
async fn what_is_new_counts_at_once_and_what_was_begun_goes_on() {
    let (mut world, manager) = start(|config| config).await;
    let page = world.create().await;
    let mut socket = watch(&world, &page).await;
    assert_eq!(next(&mut socket).await["type"], "created");
    let poll = tokio::spawn(async move { (page.poll(1, 30).await.json(), page) });
    world.create().await;
    world.rewrite(|config| {
        let more = r#"
            [[client]]
            client_id = "second"
            client_secret = "second-secret"
            account = "main"
            name = "Second Shop"
            confirm = "auto"
            "#;
        let rotated = config.replace(SECRET, "another-secret").replace("name = \"Old Shop\"", "name = \"Older Shop\"");
        rotated.replace("[seed_page]", &format!("{more}[seed_page]"))
    });
    manager.reload(&world).await;
    let second = world.create_with(|body| body["client_id"] = "second".into()).await;
    second.wait_for("created").await;
    let third = world.create().await;
    world.scan(&third.qr_content, "oAlice").await;
    let code = third.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.status, 401, "the secret is another now");
    let form = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}");
    let credentials = basic("shop", "another-secret");
    let headers = [FORM, ("authorization", credentials.as_str())];
    assert_eq!(world.post("/oauth/token", &headers, &form).await.status, 200);
    assert!(!poll.is_finished(), "who waits goes on waiting");
    let first = world.journal().await[0]["scene_id"].as_str().unwrap().to_owned();
    let content = world.wechat.code_of(&first).unwrap().qr_content;
    world.scan(&content, "oBob").await;
    let (told, _) = poll.await.unwrap();
    assert_eq!(told["messages"][0]["type"], "scanned");
    assert_eq!(next(&mut socket).await["type"], "scanned");
    let (status, log) = world.terminate().await;
    assert!(status.success(), "{log}");
    for key in ["client.shop.client_secret", "client.legacy.name", "client.second.client_id"] {
        assert!(log.contains(key), "{key} is not told: {log}");
    }
    assert!(!log.contains("another-secret") && !log.contains("second-secret"), "{log}");
}

#[tokio::test]
async fn a_bad_configuration_is_refused_whole_and_the_one_before_goes_on() {
    let (mut world, manager) = start(|config| config).await;
    world.rewrite(|config| {
        config.replace("[session]", "[session]\ncode_tll = \"60s\"").replace(SECRET, "").replacen(TOKEN, "", 1)
    });
    manager.reload(&world).await;
    let page = world.create().await;
    world.scan(&page.qr_content, "oAlice").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.status, 200);
    let (_, log) = world.terminate().await;
    assert!(log.contains("refused") && log.contains("goes on"), "{log}");
    for key in ["session.code_tll", "code_ttl", "account.main.token", "client.shop.client_secret"] {
        assert!(log.contains(key), "{key} is not told: {log}");
    }
}

#[tokio::test]
async fn what_is_valid_and_cannot_be_used_is_refused_too() {
    let (mut world, manager) = start(|config| config).await;
    std::fs::write(world.folder.path().join("places.mmdb"), "no database").unwrap();
    world.rewrite(|config| config.replace("[admin]", "place_database = \"places.mmdb\"\nlogins = false\n[admin]"));
    manager.reload(&world).await;
    world.create().await;
    let (_, log) = world.terminate().await;
    assert!(log.contains("the configuration is refused") && log.contains("MaxMind"), "{log}");
}

#[tokio::test]
async fn what_is_fixed_at_the_start_stays_and_is_told_each_time() {
    let (mut world, manager) = start(|config| config).await;
    let address = world.address;
    world.rewrite(|config| {
        config
            .replacen(&format!("listen = \"{address}:8080\""), &format!("listen = \"{address}:8099\""), 1)
            .replace("[session]", "[store]\npath = \"elsewhere\"\n[session]\nmax_renewals = 7")
    });
    manager.reload(&world).await;
    manager.reload(&world).await;
    world.create().await;
    assert!(!world.folder.path().join("elsewhere").exists());
    let (_, log) = world.terminate().await;
    assert_eq!(log.matches("restart the daemon for it").count(), 2, "{log}");
    assert!(log.contains("server.listen, store.path"), "{log}");
    assert_eq!(log.matches("session.max_renewals").count(), 1, "what changed is told once: {log}");
}

#[tokio::test]
async fn a_reload_that_finds_nothing_different_says_so() {
    let (mut world, manager) = start(|config| config).await;
    manager.reload(&world).await;
    let (_, log) = world.terminate().await;
    assert!(log.contains("nothing is different"), "{log}");
}

#[tokio::test]
async fn logins_are_turned_off_and_on_while_the_daemon_runs() {
    let (mut world, manager) = start(|config| config).await;
    let (redeemed, pending, confirmed) = (world.create().await, world.create().await, world.create().await);
    let code = |confirmed: serde_json::Value| confirmed["code"].as_str().unwrap().to_owned();
    world.scan(&redeemed.qr_content, "oAlice").await;
    let token = world.redeem(&code(redeemed.wait_for("confirmed").await)).await.json()["access_token"].clone();
    world.scan(&confirmed.qr_content, "oBob").await;
    let unused = code(confirmed.wait_for("confirmed").await);
    world.rewrite(|config| config.replace("[admin]", "logins = false\n[admin]"));
    manager.reload(&world).await;
    pending.wait_for("denied").await;
    assert_eq!(world.redeem(&unused).await.status, 400, "what was not redeemed is not any more");
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    assert_eq!(
        world.get("/oauth/userinfo", &[("authorization", &bearer)]).await.status,
        200,
        "what was redeemed stays"
    );
    let ask =
        serde_json::json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" });
    assert_eq!(world.post("/v1/sessions", JSON, &ask.to_string()).await.status, 503);
    world.rewrite(|config| config.replace("logins = false\n", ""));
    manager.reload(&world).await;
    let page = world.create().await;
    world.scan(&page.qr_content, "oAlice").await;
    page.wait_for("confirmed").await;
    let (_, log) = world.terminate().await;
    assert!(
        log.contains("logins are turned off") && log.contains("ended=2") && log.contains("turned on again"),
        "{log}"
    );
}

#[tokio::test]
async fn limits_that_stay_count_on_and_others_begin_anew() {
    let limit = |rate: &str| format!("[limits]\nsessions_per_address = \"{rate}\"\n[session]");
    let (world, manager) = start(|config| config.replace("[session]", &limit("2/h"))).await;
    let ask =
        serde_json::json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" });
    let asked = async || world.post("/v1/sessions", JSON, &ask.to_string()).await.status;
    assert_eq!((asked().await, asked().await, asked().await), (201, 201, 429));
    world.rewrite(|config| config.replace("Old Shop", "Older Shop"));
    manager.reload(&world).await;
    assert_eq!(asked().await, 429, "the bucket is as empty as it was");
    world.rewrite(|config| config.replace(&limit("2/h"), &limit("3/h")));
    manager.reload(&world).await;
    assert_eq!((asked().await, asked().await, asked().await, asked().await), (201, 201, 201, 429));
    world.rewrite(|config| config.replace(&limit("3/h"), "[session]").replace("[admin]", "max_sessions = 5\n[admin]"));
    manager.reload(&world).await;
    assert_eq!(asked().await, 503, "five are pending");
}

#[tokio::test]
async fn access_tokens_and_codes_at_hand_stay_where_nothing_is_different_for_the_account() {
    let (world, manager) = start(|config| config).await;
    world.wait_for_metric("scan_login_wechat_qr_prepared{account=\"main\"} 8").await;
    let made = world.wechat.calls(Call::CreateQr);
    let tokens = world.wechat.calls(Call::StableToken);
    world.rewrite(|config| config.replace("Old Shop", "Older Shop"));
    manager.reload(&world).await;
    world.wechat.set_away(true);
    world.create().await;
    world.wechat.set_away(false);
    world.wait_for_metric("scan_login_wechat_qr_prepared{account=\"main\"} 8").await;
    let used = format!("scan_login_wechat_qr_budget_used{{account=\"main\"}} {}", made + 1);
    world.wait_for_metric(&used).await;
    assert_eq!(world.wechat.calls(Call::StableToken), tokens, "the access token is the same");
    world.rewrite(|config| config.replacen("[[account]]", "[[account]]\nscene_prefix = \"new-\"", 1));
    manager.reload(&world).await;
    assert!(world.create().await.scene.starts_with("new-"), "those of before are not given any more");
    assert_eq!(world.wechat.calls(Call::StableToken), tokens);
}

#[tokio::test]
async fn sessions_of_a_client_and_an_account_that_are_gone_end_and_disturb_nobody() {
    let second = |config: String| {
        config.replacen(
            "account = \"main\"\n            name = \"Old",
            "account = \"other\"\n            name = \"Old",
            1,
        )
    };
    let (mut world, manager) = start(second).await;
    let orphan = world.create_with(|body| body["client_id"] = "legacy".into()).await;
    let poll = orphan.poll.clone();
    world.rewrite(|config| {
        let (head, rest) = config.split_once("[[account]]\n            name = \"other\"").unwrap();
        let (_, clients) = rest.split_once("[[client]]").unwrap();
        let (shop, _) = clients.split_once("[[client]]").unwrap();
        format!("{head}[[client]]{shop}")
    });
    manager.reload(&world).await;
    for restarted in [false, true] {
        assert!(!world.scan(&orphan.qr_content, "oAlice").await, "its account's callback is gone");
        let bearer = format!("Bearer {}", orphan.attach_token);
        let polled = send("GET", &format!("{poll}?after=0&wait=0"), &[("authorization", &bearer)], "").await;
        assert_eq!(polled.status, 200, "{}", polled.text());
        world.create().await;
        let (status, log) = world.terminate().await;
        assert!(status.success() && !log.contains("panicked"), "{restarted}: {log}");
        world.run().await;
    }
    orphan.give_up().await;
}

/// The original page's connections stay, and who polls keeps the session.
#[tokio::test]
async fn the_original_pages_connections_stay_unless_they_are_concerned() {
    let (world, manager) = start(|config| config).await;
    let poll = async || send("POST", &world.url("/sockjs/000/abcdefgh/xhr"), &[], "").await;
    assert_eq!(poll().await.text(), "o\n");
    world.rewrite(|config| config.replace("Old Shop", "Older Shop"));
    manager.reload(&world).await;
    let waiting = tokio::time::timeout(Duration::from_millis(100), poll()).await;
    assert!(waiting.is_err(), "the session is known: {:?}", waiting.map(|answer| answer.text()));
    world.rewrite(|config| config.replace("https://old.example.com", "https://older.example.com"));
    manager.reload(&world).await;
    assert_eq!(poll().await.text(), "o\n", "there are other rules, so everybody begins anew");
}
