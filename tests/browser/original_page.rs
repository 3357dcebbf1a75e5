//! The stories of the original page.

use std::net::Ipv4Addr;

use serde_json::json;

use crate::browser::{Browser, turn};
use crate::network::{ReverseProxy, elsewhere};
use crate::support::{World, without_prepared_codes};
use crate::website::{Plot, Website};

/// A website beside the daemon, at another origin.
async fn website_beside() -> (World, Website) {
    let plot = Plot::claim().await;
    let origin = plot.origin();
    let world = World::with(|config| config.replace("https://old.example.com", &origin)).await;
    let website = plot.open(&world.url(""), &world.url(""));
    (world, website)
}

/// A website behind the same reverse proxy as the daemon; its origin.
async fn website_in_front(change: impl FnOnce(String) -> String) -> (World, Website, String) {
    let (plot, proxy) = (Plot::claim().await, ReverseProxy::prepare().await);
    let origin = proxy.origin();
    let world = World::with(|config| {
        let own = config.lines().find(|line| line.trim().starts_with("public_url")).unwrap().to_owned();
        let behind = format!("public_url = \"{origin}\"\ntrusted_proxies = [\"{}\"]", ReverseProxy::ADDRESS);
        change(config.replace(&own, &behind))
    })
    .await;
    proxy.open(world.socket_address(), plot.address());
    let website = plot.open(&origin, &world.url(""));
    (world, website, origin)
}

/// The visitor scans what the page shows, and waits for the page to say who it is.
async fn log_in(world: &World, browser: &Browser, openid: &str) {
    assert!(world.scan(&browser.qr_content().await, openid).await);
    wait_for_welcome(browser, openid).await;
}

async fn wait_for_welcome(browser: &Browser, openid: &str) {
    browser.until("document.getElementById('welcome')").await;
    assert_eq!(browser.value("document.getElementById('welcome').innerText").await, format!("欢迎 {openid}"));
}

/// The number that makes a page draw the id that this one drew.
async fn drawn_by(browser: &Browser) -> f64 {
    let id = browser.value("vm.unicode").await;
    let number = id.as_str().unwrap().strip_suffix('1').unwrap();
    f64::from(number.parse::<u32>().unwrap()) / 1e8
}

/// The page has its picture refused and its connection closed, and heard nothing.
async fn got_nothing(browser: &Browser) {
    browser.until("vm.websocket.readyState === SockJS.CLOSED").await;
    assert_eq!(browser.value("[vm.wechatUrl, vm.openId, vm.user]").await, json!(["", "", ""]));
    let logged = browser.value("logged").await;
    assert_eq!(logged, json!(["that.websocket: connection is opened", "that.websocket: connection is closed"]));
}

#[tokio::test]
async fn a_visitor_scans_and_is_logged_in() {
    let _turn = turn().await;
    let (world, website) = website_beside().await;
    let browser = Browser::start().await;
    browser.open(&website.origin).await;
    let content = browser.qr_content().await;
    let journal = world.journal().await;
    assert_eq!(journal[0]["page_id"], browser.value("vm.unicode").await);
    assert_eq!(journal[0]["qr_content"], content.as_str(), "what the camera sees is what WeChat gave");
    browser.keep_screenshot("waiting").await;

    log_in(&world, &browser, "oAlice").await;
    browser.keep_screenshot("logged-in").await;
    assert_eq!(browser.value("vm.websocket.transport").await, "websocket");
    assert_eq!(browser.value("vm.wechatUrl").await, "");
    assert_ne!(browser.value("vm.openId").await, "oAlice", "the browser gets a code, not the openid");
    assert_eq!(website.logins(), ["oAlice"]);
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed"]);
    browser.close().await;
}

#[tokio::test]
async fn a_network_without_websockets_polls() {
    let _turn = turn().await;
    let (world, website) = website_beside().await;
    let browser = Browser::start().await;
    browser.open(&format!("{}/?transport=xhr-polling", website.origin)).await;
    log_in(&world, &browser, "oAlice").await;
    assert_eq!(browser.value("vm.websocket.transport").await, "xhr-polling");
    assert_eq!(website.logins(), ["oAlice"]);
    browser.close().await;
}

#[tokio::test]
async fn behind_one_reverse_proxy_it_is_the_same() {
    let _turn = turn().await;
    let (world, website, origin) = website_in_front(|config| config).await;
    let alice = Browser::start().await;
    let mallory = Browser::behind(elsewhere(Ipv4Addr::new(127, 99, 99, 99)).await).await;
    alice.open(&origin).await;
    let content = alice.qr_content().await;
    mallory.open(&format!("{origin}/?draw={}", drawn_by(&alice).await)).await;
    got_nothing(&mallory).await;
    assert!(world.scan(&content, "oAlice").await);
    wait_for_welcome(&alice, "oAlice").await;
    assert_eq!(alice.value("vm.websocket.transport").await, "websocket", "the upgrade passes through the proxy");
    got_nothing(&mallory).await;
    assert_eq!(website.logins(), ["oAlice"]);
    alice.close().await;
    mallory.close().await;
}

#[tokio::test]
async fn on_a_first_visit_the_page_streams_and_bears_the_cookie_that_came_with_the_picture() {
    let _turn = turn().await;
    let cookie = |config: String| format!("{}\nbind = \"cookie\"", without_prepared_codes(&config));
    let (world, website, origin) = website_in_front(cookie).await;
    world.get("/qrcode?sceneId=1", &[]).await;
    // The picture comes after the page has connected, and before it says its id.
    world.wechat.set_delay(std::time::Duration::from_millis(1200));
    let browser = Browser::start().await;
    browser.open(&origin).await;
    log_in(&world, &browser, "oAlice").await;
    assert_eq!(
        browser.value("vm.websocket.transport").await,
        "xhr-streaming",
        "a WebSocket would be without the cookie"
    );
    assert_eq!(website.logins(), ["oAlice"]);
    browser.close().await;
}

#[tokio::test]
async fn a_browser_that_was_here_before_is_known_by_its_cookie() {
    let _turn = turn().await;
    let (world, website, origin) = website_in_front(|config| format!("{config}\nbind = \"cookie\"")).await;
    let (alice, mallory) = (Browser::start().await, Browser::start().await);
    for browser in [&alice, &mallory] {
        browser.open(&origin).await;
        browser.picture().await;
        assert_eq!(browser.value("document.cookie").await, "", "no script can read the cookie");
    }
    alice.reload().await;
    let content = alice.qr_content().await;
    mallory.open(&format!("{origin}/?draw={}", drawn_by(&alice).await)).await;
    assert_eq!(mallory.value("vm.unicode").await, alice.value("vm.unicode").await);
    got_nothing(&mallory).await;

    assert!(world.scan(&content, "oAlice").await);
    wait_for_welcome(&alice, "oAlice").await;
    got_nothing(&mallory).await;
    assert_eq!(website.logins(), ["oAlice"]);
    alice.close().await;
    mallory.close().await;
}

#[tokio::test]
async fn whoever_guesses_the_id_elsewhere_gets_nothing() {
    let _turn = turn().await;
    let (world, website) = website_beside().await;
    let alice = Browser::start().await;
    let mallory = Browser::behind(elsewhere(Ipv4Addr::new(127, 99, 99, 99)).await).await;
    alice.open(&website.origin).await;
    let content = alice.qr_content().await;
    let page = format!("{}/?draw={}", website.origin, drawn_by(&alice).await);
    mallory.open(&page).await;
    got_nothing(&mallory).await;

    assert!(world.scan(&content, "oAlice").await);
    wait_for_welcome(&alice, "oAlice").await;
    got_nothing(&mallory).await;
    mallory.open(&page).await;
    got_nothing(&mallory).await;
    assert_eq!(website.logins(), ["oAlice"]);

    mallory.open(&website.origin).await;
    log_in(&world, &mallory, "oMallory").await;
    assert_eq!(website.logins(), ["oAlice", "oMallory"], "with an id of its own it is a visitor as any other");
    alice.close().await;
    mallory.close().await;
}

#[tokio::test]
async fn a_page_loaded_anew_after_the_daemon_was_killed_logs_in() {
    let _turn = turn().await;
    let (mut world, website) = website_beside().await;
    let browser = Browser::start().await;
    browser.open(&website.origin).await;
    let (old_id, old_content) = (browser.value("vm.unicode").await, browser.qr_content().await);
    world.kill_and_restart().await;
    browser.reload().await;
    assert_ne!(browser.value("vm.unicode").await, old_id);
    assert_ne!(browser.qr_content().await, old_content);
    log_in(&world, &browser, "oAlice").await;
    assert_eq!(website.logins(), ["oAlice"]);
    browser.close().await;
}

#[tokio::test]
async fn a_page_left_open_while_the_daemon_is_killed_keeps_its_picture_and_needs_a_reload() {
    let _turn = turn().await;
    let (mut world, website) = website_beside().await;
    let browser = Browser::start().await;
    browser.open(&website.origin).await;
    let content = browser.qr_content().await;
    world.kill().await;
    browser.until("logged.includes('that.websocket: connection is closed')").await;
    assert_eq!(browser.qr_content().await, content);
    world.run().await;
    assert_eq!(browser.qr_content().await, content);

    // The page does not connect again, so nobody can tell it.
    assert!(world.scan(&content, "oAlice").await);
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"]);
    assert_eq!(browser.value("vm.websocket.readyState === SockJS.CLOSED").await, true);
    browser.reload().await;
    log_in(&world, &browser, "oAlice").await;
    assert_eq!(website.logins(), ["oAlice"]);
    browser.close().await;
}
