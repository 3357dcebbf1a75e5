//! The hosted login page: a website sends its visitors there, and they come back.

use std::time::Duration;

use fantoccini::key::Key;
use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::{DataFormat, SimulatedEncryption};
use serde_json::json;

use crate::browser::{Browser, turn};
use crate::panel::Panel;
use crate::screen::{Screen, faults};
use crate::shop::{Shop, press_on_the_phone};
use crate::support::{APP_ID, World, web_oauth, without_prepared_codes};

const PENDING: &str = "Scan with WeChat to log in";
const EXPIRED: &str = "The QR code has expired. Click to refresh";

/// A visitor whom the website has just sent to scan.
async fn sent(shop: &Shop, world: &World) -> Browser {
    let browser = Browser::start().await;
    browser.open(&shop.callback()).await;
    browser.open(&shop.login(world, "en")).await;
    assert_eq!(Panel::of_page(&browser).until("pending").await, PENDING);
    browser
}

async fn until_back(browser: &Browser, shop: &Shop) {
    browser.until(&format!("location.href.startsWith('{}') && document.getElementById('back')", shop.callback())).await;
}

#[tokio::test]
async fn who_picks_the_number_on_the_phone_is_logged_in_on_the_website() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("number").await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    assert!(
        browser.value("document.querySelector('.picture').getBoundingClientRect().width").await.as_f64() >= Some(200.0)
    );
    assert_eq!(browser.value("document.title").await, "Log in to Example Shop");
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);

    let line = panel.until("number").await;
    let number = panel.number().await;
    assert_eq!(line, format!("Choose {number} on your phone"));
    assert!(panel.font_size(".number").await > 2.0 * panel.font_size(".line").await);
    press_on_the_phone(&world, "oAlice", &format!("number={number}")).await;
    until_back(&browser, &shop).await;
    assert_eq!(shop.came_back_with("state").as_deref(), Some("a state"));
    assert_eq!(shop.came_back_with("iss"), Some(world.url("")));
    assert_eq!(shop.redeem(&world).await.json()["openid"], "oAlice");

    browser.back().await;
    until_back(&browser, &shop).await;
    assert_eq!(browser.value("location.search").await, "", "back leads past the login that is over");
    browser.close().await;
}

#[tokio::test]
async fn a_number_that_is_written_in_the_conversation_is_asked_for_there() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = World::in_mode_with(SimulatedEncryption::Safe, DataFormat::Xml, |config| {
        shop.known_to(&config, "number\"\n confirm_via = \"chat")
    });
    let world = world.await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    let (account, alice) = (AppId::new(APP_ID).unwrap(), OpenId::new("oAlice").unwrap());
    world.wechat.follow(&account, &alice);
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);

    let line = panel.until("number").await;
    let number = panel.number().await;
    assert_eq!(line, format!("Reply {number} in WeChat"));
    browser.reload().await;
    assert_eq!(panel.until("number").await, line);
    world.wechat.say(&account, &alice, &number).await.unwrap();
    until_back(&browser, &shop).await;
    assert_eq!(shop.redeem(&world).await.json()["openid"], "oAlice");
    browser.close().await;
}

#[tokio::test]
async fn reloading_and_going_back_find_the_same_login() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("number").await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    let (content, picture) = (browser.seen_qr_code().await, panel.picture().await);
    browser.reload().await;
    panel.until("pending").await;
    assert_eq!(panel.picture().await, picture);
    browser.open(&shop.callback()).await;
    browser.back().await;
    panel.until("pending").await;
    assert_eq!(panel.picture().await, picture);
    assert_eq!(browser.value("document.cookie").await, "", "no script can read what the login hangs on");
    let address = browser.address().await;
    let scene = world.journal().await[0]["scene_id"].as_str().unwrap().to_owned();
    assert!(!address.contains(&scene), "{address}");

    assert!(world.scan(&content, "oAlice").await);
    panel.until("number").await;
    let number = panel.number().await;
    browser.reload().await;
    panel.until("number").await;
    assert_eq!(panel.number().await, number);
    press_on_the_phone(&world, "oAlice", &format!("number={number}")).await;
    until_back(&browser, &shop).await;
    browser.close().await;
}

#[tokio::test]
async fn a_login_goes_on_though_the_daemon_was_killed_meanwhile() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let mut world = shop.world("tap").await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    let content = browser.seen_qr_code().await;
    world.kill().await;
    panel.until_it_says("Connection lost. Reconnecting…").await;
    assert_eq!(browser.seen_qr_code().await, content, "the code stays");
    world.run().await;
    panel.until_it_says(PENDING).await;
    assert!(world.scan(&content, "oAlice").await);
    panel.until("tap").await;
    world.kill_and_restart().await;
    press_on_the_phone(&world, "oAlice", "action=confirm").await;
    until_back(&browser, &shop).await;
    assert_eq!(shop.redeem(&world).await.json()["openid"], "oAlice");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed"]);
    browser.close().await;
}

#[tokio::test]
async fn a_network_without_websockets_polls() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("auto").await;
    let browser = Browser::start().await;
    let none = "window.WebSocket = class { constructor() { setTimeout(() => this.onclose(), 10); } close() {} };";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": none })).await;
    browser.open(&shop.login(&world, "en")).await;
    let panel = Panel::of_page(&browser);
    panel.until("pending").await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    until_back(&browser, &shop).await;
    browser.close().await;
}

#[tokio::test]
async fn who_was_denied_goes_back_to_the_website_by_itself() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("tap").await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    panel.until("tap").await;
    press_on_the_phone(&world, "oAlice", "action=deny").await;
    assert_eq!(panel.until("denied").await, "Login was cancelled. Try again");
    let leave = "document.getElementById('leave').textContent";
    assert_eq!(
        browser.value(leave).await,
        "Going back to Example Shop in 8 seconds. Back to Example Shop",
        "what happens by itself is announced"
    );
    until_back(&browser, &shop).await;
    assert_eq!(shop.came_back_with("error").as_deref(), Some("access_denied"));
    assert_eq!(shop.came_back_with("state").as_deref(), Some("a state"));
    browser.close().await;
}

#[tokio::test]
async fn who_was_denied_can_stay_and_try_again_by_keyboard_alone() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("tap").await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    let first = panel.picture().await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    panel.until("tap").await;
    press_on_the_phone(&world, "oAlice", "action=deny").await;
    panel.until("denied").await;
    assert_eq!(browser.value("document.activeElement.textContent").await, "Try again");
    browser.press(Key::Tab).await;
    assert_eq!(browser.value("document.activeElement.textContent").await, "Back to Example Shop");
    browser.until("document.getElementById('leave').innerText.trim() === 'Back to Example Shop'").await;
    browser.value("document.querySelector('.button').focus()").await;
    browser.press(Key::Enter).await;
    panel.until_another_picture(&first).await;
    assert_eq!(panel.until("pending").await, PENDING);
    assert_eq!(browser.value("document.activeElement.className").await, "line");
    assert!(world.scan(&browser.seen_qr_code().await, "oBob").await);
    panel.until("tap").await;
    press_on_the_phone(&world, "oBob", "action=confirm").await;
    until_back(&browser, &shop).await;
    assert_eq!(shop.redeem(&world).await.json()["openid"], "oBob");
    browser.close().await;
}

/// A daemon whose codes live so long, and are renewed so often.
async fn short_lived(shop: &Shop, confirm: &str, seconds: u32, renewals: u32) -> World {
    let lives = format!("ttl = \"{seconds}s\"\n            max_renewals = {renewals}");
    World::with(|config| shop.known_to(&config, confirm).replace("ttl = \"5m\"", &lives)).await
}

#[tokio::test]
async fn a_code_that_has_expired_is_refreshed_by_a_press() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = short_lived(&shop, "auto", 6, 0).await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    let first = panel.picture().await;
    assert_eq!(panel.until("expired").await, EXPIRED);
    browser.until("document.getElementById('leave').textContent === 'Back to Example Shop'").await;
    panel.click(".button").await;
    panel.until_another_picture(&first).await;
    panel.until("pending").await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    until_back(&browser, &shop).await;
    browser.close().await;
}

#[tokio::test]
async fn a_code_is_renewed_before_it_expires_and_the_old_one_still_logs_in() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = short_lived(&shop, "tap", 12, 3).await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    let (first, content) = (panel.picture().await, browser.seen_qr_code().await);
    panel.until_another_picture(&first).await;
    assert_eq!(panel.until("pending").await, PENDING);
    assert!(world.scan(&content, "oAlice").await);
    panel.until("tap").await;
    press_on_the_phone(&world, "oAlice", "action=confirm").await;
    until_back(&browser, &shop).await;
    assert_eq!(shop.redeem(&world).await.json()["openid"], "oAlice");
    browser.close().await;
}

#[tokio::test]
async fn a_page_that_is_reloaded_while_the_old_code_was_scanned_finds_its_login() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = short_lived(&shop, "tap", 18, 3).await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    let (first, content) = (panel.picture().await, browser.seen_qr_code().await);
    panel.until_another_picture(&first).await;
    assert!(world.scan(&content, "oAlice").await);
    panel.until("tap").await;
    browser.reload().await;
    panel.until("tap").await;
    press_on_the_phone(&world, "oAlice", "action=confirm").await;
    until_back(&browser, &shop).await;
    assert_eq!(shop.redeem(&world).await.json()["openid"], "oAlice");
    browser.close().await;
}

#[tokio::test]
async fn codes_are_renewed_so_often_and_no_oftener() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = short_lived(&shop, "auto", 6, 1).await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    assert_eq!(panel.until("expired").await, EXPIRED);
    let created = world.replay("--type created").await;
    assert_eq!(created.len(), 2);
    assert_eq!(browser.value("document.querySelector('[role=status] button').type").await, "button");
    browser.close().await;
}

#[tokio::test]
async fn a_page_that_nobody_sees_renews_nothing() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = short_lived(&shop, "auto", 6, 3).await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    let tab = browser.open_tab().await;
    browser.open(&shop.callback()).await;
    while world.replay("--type expired").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.replay("--type created").await.len(), 1);
    browser.go_to_tab(&tab).await;
    assert_eq!(panel.until("expired").await, EXPIRED);
    assert_eq!(world.replay("--type created").await.len(), 1);
    browser.close().await;
}

#[tokio::test]
async fn tabs_of_one_request_share_its_login_and_another_request_has_its_own() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("tap").await;
    let browser = sent(&shop, &world).await;
    let panel = Panel::of_page(&browser);
    let (picture, content) = (panel.picture().await, browser.seen_qr_code().await);
    let first = browser.open_tab().await;
    browser.open(&shop.login(&world, "en")).await;
    panel.until("pending").await;
    assert_eq!(panel.picture().await, picture);
    let second = browser.open_tab().await;
    browser.open(&shop.login(&world, "en-GB")).await;
    panel.until("pending").await;
    assert_ne!(panel.picture().await, picture);

    assert!(world.scan(&content, "oAlice").await);
    browser.go_to_tab(&first).await;
    panel.until("tap").await;
    browser.go_to_tab(&second).await;
    panel.until("tap").await;
    press_on_the_phone(&world, "oAlice", "action=confirm").await;
    until_back(&browser, &shop).await;
    browser.go_to_tab(&first).await;
    assert_eq!(panel.until("elsewhere").await, "Logged in, in another tab. Log in here again");
    assert_eq!(shop.visits(), 2, "the code is brought once; the first visit was before the login");
    assert_eq!(shop.redeem(&world).await.json()["openid"], "oAlice");
    browser.close().await;
}

#[tokio::test]
async fn on_a_phone_the_picture_is_saved_and_in_wechat_itself_it_is_pressed() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("auto").await;
    let browser = Browser::start().await;
    Screen::PHONE.put_before(&browser).await;
    browser.open(&shop.login(&world, "en")).await;
    let panel = Panel::of_page(&browser);
    panel.until("pending").await;
    let picture = panel.picture().await;
    assert!(picture.ends_with("/qr.png?size=720"), "{picture}");
    assert_eq!(
        browser.value("[document.querySelector('.save').href, document.querySelector('.save').download]").await,
        json!([picture, "wechat-login.png"])
    );

    browser.devtools("Emulation.setUserAgentOverride", json!({ "userAgent": IN_WECHAT })).await;
    browser.reload().await;
    panel.until("pending").await;
    let hint = "document.querySelector('.hint').textContent";
    assert_eq!(browser.value(hint).await, "In WeChat: press and hold the QR code, then choose “Extract QR Code”.");
    assert_eq!(browser.value("document.querySelector('.save')").await, json!(null));
    browser.close().await;
}

const IN_WECHAT: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile MicroMessenger/8.0.50";

/// One screen for all of it: the page is left for the phone's own, which asks for a number that stands here.
#[tokio::test]
async fn inside_wechat_a_link_logs_in_and_the_number_is_fetched_from_here() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = World::with(|config| web_oauth(&shop.known_to(&config, "number"), "base")).await;
    let browser = Browser::start().await;
    Screen::PHONE.put_before(&browser).await;
    browser.open(&shop.login(&world, "en")).await;
    let panel = Panel::of_page(&browser);
    panel.until("pending").await;
    let here = "document.querySelector('.here a')";
    assert_eq!(browser.value(here).await, json!(null), "others scan");

    browser.devtools("Emulation.setUserAgentOverride", json!({ "userAgent": IN_WECHAT })).await;
    browser.reload().await;
    panel.until("pending").await;
    let first = "document.querySelector('.panel').firstElementChild.textContent";
    assert!(browser.value(first).await.as_str().unwrap().starts_with("Log in with this WeChat"));
    assert!(browser.value("document.querySelector('.more').textContent").await.as_str().unwrap().contains("hold"));
    assert_eq!(faults(&browser).await, Vec::<String>::new());
    browser.keep_screenshot("login-in-wechat").await;

    // The simulated WeChat asks who holds the phone.
    world.wechat.name_person("alice", &OpenId::new("oAlice").unwrap());
    let to_the_numbers = async || {
        browser.run(&format!("{here}.click()")).await;
        browser.until("document.querySelector('a[href*=person]') || document.querySelector('[data-number]')").await;
        browser.run("document.querySelector('a[href*=person]')?.click()").await;
        browser.until("document.querySelectorAll('[data-number]').length === 3").await;
    };
    to_the_numbers().await;
    browser.open(&shop.login(&world, "en")).await;
    panel.until("number").await;
    let number = panel.number().await;
    assert_eq!(browser.value(&format!("{here}.textContent")).await, "Go on to confirm");
    browser.keep_screenshot("login-in-wechat-number").await;
    to_the_numbers().await;
    browser.run(&format!("document.querySelector('[data-number=\"{number}\"]').click()")).await;
    browser.until("document.body.textContent.includes('confirmed')").await;
    browser.open(&shop.login(&world, "en")).await;
    until_back(&browser, &shop).await;
    assert_eq!(shop.redeem(&world).await.json()["openid"], "oAlice");
    browser.close().await;
}

#[tokio::test]
async fn for_who_asks_for_reduced_motion_nothing_moves() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = World::with(|config| without_prepared_codes(&shop.known_to(&config, "auto"))).await;
    let browser = Browser::start().await;
    let features = json!([{ "name": "prefers-reduced-motion", "value": "reduce" }]);
    browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    world.wechat.set_delay(Duration::from_secs(2));
    browser.open(&shop.login(&world, "en")).await;
    let moving = "document.getAnimations().length";
    let panel = Panel::of_page(&browser);
    panel.until("loading").await;
    assert_eq!(browser.value(moving).await, 0);
    panel.until("pending").await;
    assert_eq!(browser.value("getComputedStyle(document.querySelector('.bar')).transitionProperty").await, "none");
    browser.close().await;
}

#[tokio::test]
async fn while_wechat_is_away_the_page_says_so_and_goes_on_by_itself() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = World::with(|config| without_prepared_codes(&shop.known_to(&config, "auto"))).await;
    world.wechat.set_away(true);
    let browser = Browser::start().await;
    browser.open(&shop.login(&world, "zh-CN")).await;
    let panel = Panel::of_page(&browser);
    assert_eq!(panel.until("away").await, "微信暂时无法连接，请稍后再试");
    world.wechat.set_away(false);
    assert_eq!(panel.until("pending").await, "用微信扫一扫登录");
    browser.close().await;
}

#[tokio::test]
async fn logins_that_are_turned_off_are_said_to_be() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world =
        World::with(|config| shop.known_to(&config, "auto").replace("[server]", "[server]\nlogins = false")).await;
    let browser = Browser::start().await;
    browser.open(&shop.login(&world, "zh-CN")).await;
    assert_eq!(Panel::of_page(&browser).until("paused").await, "扫码登录已暂停");
    browser.close().await;
}
