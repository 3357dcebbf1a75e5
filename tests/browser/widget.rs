//! The custom element on a website's own page, under a strict policy of that page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::browser::{Browser, turn};
use crate::panel::Panel;
use crate::shop::{Shop, press_on_the_phone};
use crate::support::World;

/// Keeps every event of the widget for the test to see.
const LISTEN: &str = "window.heard = []; ['scanned', 'confirmed', 'denied', 'expired', 'error'].forEach((type) => \
     addEventListener('scan-login-' + type, (event) => heard.push([type, event.detail, event.composed])));";

const STOP: &str = "addEventListener('scan-login-confirmed', (event) => event.preventDefault());";

/// What the widget tells the developer.
const DETAIL: &str = "document.querySelector('scan-login').shadowRoot.querySelector('.detail').textContent";

#[tokio::test]
async fn the_widget_logs_in_and_tells_by_events() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("number").await;
    shop.show_widget(&world, &shop.attributes(), &format!("{LISTEN}{STOP}"));
    let browser = Browser::start().await;
    browser.open(&shop.origin).await;
    let panel = Panel::of_widget(&browser);
    assert_eq!(panel.until("pending").await, "Scan with WeChat to log in");
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    panel.until("number").await;
    let number = panel.number().await;
    press_on_the_phone(&world, "oAlice", &format!("number={number}")).await;
    panel.until("confirmed").await;
    let heard = browser.value("heard").await;
    assert_eq!(heard[0], serde_json::json!(["scanned", { "number": number.parse::<u8>().unwrap() }, true]));
    assert_eq!(heard[1][0], "confirmed");
    let code = heard[1][1]["code"].as_str().unwrap();
    let back = heard[1][1]["redirectTo"].as_str().unwrap();
    assert!(back.starts_with(&shop.callback()) && back.contains(code), "{back}");
    assert_eq!(browser.value("location.pathname").await, "/", "the page prevented it");
    browser.close().await;
}

#[tokio::test]
async fn unless_the_page_prevents_it_the_widget_goes_to_the_redirect_uri() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("auto").await;
    shop.show_widget(&world, &shop.attributes(), "");
    let browser = Browser::start().await;
    browser.open(&shop.origin).await;
    Panel::of_widget(&browser).until("pending").await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    browser.until("document.getElementById('back')").await;
    assert_eq!(shop.redeem(&world).await.json()["openid"], "oAlice");
    browser.close().await;
}

#[tokio::test]
async fn the_nonce_comes_into_the_id_token_though_browsers_hide_attributes_of_that_name() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("auto").await;
    shop.show_widget(&world, &format!("{} nonce=n-0S6_WzA2Mj", shop.attributes()), "");
    let browser = Browser::start().await;
    browser.open(&shop.origin).await;
    Panel::of_widget(&browser).until("pending").await;
    assert_eq!(browser.value("document.querySelector('scan-login').getAttribute('nonce')").await, "");
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    browser.until("document.getElementById('back')").await;
    let token = shop.redeem(&world).await.json()["id_token"].as_str().unwrap().to_owned();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["nonce"], "n-0S6_WzA2Mj");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed"]);
    browser.close().await;
}

#[tokio::test]
async fn what_the_widget_lacks_is_explained_in_it() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("auto").await;
    shop.show_widget(&world, "client-id=shop", LISTEN);
    let browser = Browser::start().await;
    browser.open(&shop.origin).await;
    Panel::of_widget(&browser).until("refused").await;
    assert_eq!(browser.value(DETAIL).await, "This login still needs: redirect-uri, code-challenge");
    assert_eq!(browser.value("heard[0][1].code").await, "attributes_missing");
    assert!(world.events().await.is_empty());

    let challenge = crate::support::challenge();
    let callback = shop.callback();
    browser
        .run(&format!(
            "const widget = document.querySelector('scan-login'); widget.setAttribute('redirect-uri', '{callback}'); \
             widget.setAttribute('code-challenge', '{challenge}');"
        ))
        .await;
    Panel::of_widget(&browser).until("pending").await;
    assert_eq!(world.events().await, ["created"], "attributes set together make one login");
    browser.close().await;
}

#[tokio::test]
async fn a_missing_challenge_is_no_hindrance_where_it_is_optional_and_a_missing_redirect_uri_still_is() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let optional = "confirm = \"auto\"\n pkce = \"optional\"";
    let world = World::with(|config| shop.known_to(&config, "auto").replacen("confirm = \"auto\"", optional, 1)).await;
    let browser = Browser::start().await;
    for (attributes, told) in [("", "client-id"), ("client-id=shop", "redirect-uri")] {
        shop.show_widget(&world, attributes, "");
        browser.open(&shop.origin).await;
        Panel::of_widget(&browser).until("refused").await;
        assert_eq!(browser.value(DETAIL).await, format!("This login still needs: {told}"));
    }
    shop.show_widget(&world, &format!("client-id=shop redirect-uri={}", shop.callback()), "");
    browser.open(&shop.origin).await;
    Panel::of_widget(&browser).until("pending").await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    browser.until("document.getElementById('back')").await;
    assert!(shop.came_back_with("code").is_some());
    browser.close().await;
}

#[tokio::test]
async fn a_website_without_redirect_uris_takes_the_code_by_event() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = World::with(|config| {
        let config = shop.known_to(&config, "auto");
        config.replacen(&format!("redirect_uris = [\"{}\"]", shop.callback()), "", 1)
    })
    .await;
    let browser = Browser::start().await;
    shop.show_widget(&world, "client-id=shop", "");
    browser.open(&shop.origin).await;
    Panel::of_widget(&browser).until("refused").await;
    assert_eq!(browser.value(DETAIL).await, "This login still needs: code-challenge");
    shop.show_widget(&world, &format!("client-id=shop code-challenge={}", crate::support::challenge()), LISTEN);
    browser.open(&shop.origin).await;
    Panel::of_widget(&browser).until("pending").await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    browser.until("heard.some(([type]) => type === 'confirmed')").await;
    let code = browser.value("heard.find(([type]) => type === 'confirmed')[1].code").await;
    assert_eq!(world.redeem(code.as_str().unwrap()).await.json()["openid"], "oAlice");
    browser.close().await;
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_and_told_why() {
    let _turn = turn().await;
    let (shop, stranger) = (Shop::open().await, Shop::open().await);
    let world = shop.world("auto").await;
    stranger.show_widget(&world, &shop.attributes(), LISTEN);
    let browser = Browser::start().await;
    browser.open(&stranger.origin).await;
    Panel::of_widget(&browser).until("refused").await;
    let told = browser.value(DETAIL).await;
    assert_eq!(told, format!("This page’s origin is not among the client’s origins: {}", stranger.origin));
    assert_eq!(browser.value("heard[0][1].code").await, "foreign_origin");
    assert!(world.events().await.is_empty());
    browser.close().await;
}

#[tokio::test]
async fn a_denied_widget_can_be_refreshed_by_its_button_and_by_script() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = shop.world("tap").await;
    shop.show_widget(&world, &format!("{} lang=zh", shop.attributes()), LISTEN);
    let browser = Browser::start().await;
    browser.open(&shop.origin).await;
    let panel = Panel::of_widget(&browser);
    assert_eq!(panel.until("pending").await, "用微信扫一扫登录");
    let first = panel.picture().await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    panel.until("tap").await;
    press_on_the_phone(&world, "oAlice", "action=deny").await;
    assert_eq!(panel.until("denied").await, "登录已取消。重新扫码");
    panel.click(".button").await;
    let second = panel.until_another_picture(&first).await;
    panel.until("pending").await;
    browser.run("document.querySelector('scan-login').refresh()").await;
    panel.until_another_picture(&second).await;
    let types = browser.value("heard.map(([type]) => type)").await;
    assert_eq!(types, serde_json::json!(["scanned", "denied"]));
    browser.close().await;
}

#[test]
fn scripts_are_ecmascript_2015() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
    let acorn = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/node_modules/acorn/bin/acorn");
    for script in [
        "panel/texts",
        "panel/request",
        "panel/watch",
        "panel/session",
        "panel/panel",
        "login/page",
        "login/tabs",
        "widget/widget",
    ] {
        let file = format!("{folder}/{script}.js");
        let output =
            std::process::Command::new("node").args([acorn, "--ecma2015", "--silent", &file]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
