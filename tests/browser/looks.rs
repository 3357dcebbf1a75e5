//! Every state of the panel on small and large screens, by day and by night, in both languages: for people to look at, and for
//! axe-core to find nothing wrong with.

use std::time::Duration;

use crate::browser::{Browser, turn};
use crate::panel::Panel;
use crate::screen::{Gallery, Screen, faults};
use crate::shop::{Shop, press_on_the_phone};
use crate::support::{World, without_prepared_codes};

/// A daemon that takes a press, and begins one login an hour.
async fn daemon_of_one_login(shop: &Shop) -> World {
    World::with(|config| {
        let limited = "[limits]\n sessions_per_address = \"1/h\"\n [session]";
        shop.known_to(&config, "tap").replacen("[session]", limited, 1)
    })
    .await
}

/// A daemon whose codes are made when they are wanted and never renewed by the page.
async fn daemon(shop: &Shop) -> World {
    World::with(|config| {
        let config = without_prepared_codes(&shop.known_to(&config, "number"));
        config.replace("ttl = \"5m\"", "ttl = \"5m\"\n            max_renewals = 0")
    })
    .await
}

async fn all_states_of_the_page(screen: Screen, locales: &str) {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let mut world = daemon(&shop).await;
    let browser = Browser::start().await;
    screen.put_before(&browser).await;
    let panel = Panel::of_page(&browser);
    let mut gallery = Gallery::of(&browser, format!("login-{locales}-{}", screen.name()));

    world.wechat.set_delay(Duration::from_millis(2500));
    browser.open(&shop.login(&world, locales)).await;
    panel.until("loading").await;
    gallery.keep("loading").await;
    panel.until("pending").await;
    world.wechat.set_delay(Duration::ZERO);
    gallery.keep("pending").await;
    let content = browser.seen_qr_code().await;
    let pending = panel.says().await;
    world.kill().await;
    browser.until(&format!("document.querySelector('.line').textContent !== '{pending}'")).await;
    gallery.keep("lost").await;
    world.run().await;
    panel.until_it_says(&pending).await;
    assert!(world.scan(&content, "oAlice").await);
    panel.until("number").await;
    gallery.keep("number").await;
    press_on_the_phone(&world, "oAlice", "action=deny").await;
    panel.until("denied").await;
    gallery.keep("denied").await;
    world.wechat.shorten_next_code(Duration::from_secs(3));
    panel.click(".button").await;
    panel.until("expired").await;
    gallery.keep("expired").await;
    world.wechat.set_away(true);
    panel.click(".button").await;
    panel.until("away").await;
    gallery.keep("away").await;
    states_beside_others(&browser, &mut gallery, locales).await;
    gallery.close();
    browser.close().await;
}

/// What others have to do with: too many of them, and the visitor's own other tab.
async fn states_beside_others(browser: &Browser, gallery: &mut Gallery<'_>, locales: &str) {
    let shop = Shop::open().await;
    let world = daemon_of_one_login(&shop).await;
    let panel = Panel::of_page(browser);
    let login = shop.login(&world, locales);
    browser.open(&login).await;
    panel.until("pending").await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    panel.until("tap").await;
    gallery.keep("tap").await;
    browser.open(&shop.login(&world, &format!("{locales} fr"))).await;
    panel.until("busy").await;
    gallery.keep("busy").await;
    browser.open(&login).await;
    panel.until("tap").await;
    let first = browser.open_tab().await;
    browser.open(&login).await;
    panel.until("tap").await;
    press_on_the_phone(&world, "oAlice", "action=confirm").await;
    browser.until("document.getElementById('back')").await;
    browser.go_to_tab(&first).await;
    panel.until("elsewhere").await;
    gallery.keep("elsewhere").await;
}

#[tokio::test]
async fn the_page_on_a_phone_by_day() {
    all_states_of_the_page(Screen::PHONE, "zh-CN").await;
}

#[tokio::test]
async fn the_page_on_a_phone_at_night() {
    all_states_of_the_page(Screen::PHONE_AT_NIGHT, "en").await;
}

#[tokio::test]
async fn the_page_on_a_desk_by_day() {
    all_states_of_the_page(Screen::DESK, "en").await;
}

#[tokio::test]
async fn the_page_on_a_desk_at_night() {
    all_states_of_the_page(Screen::DESK_AT_NIGHT, "zh-CN").await;
}

#[tokio::test]
async fn the_page_of_a_narrow_window() {
    all_states_of_the_page(Screen::NARROW, "zh-CN").await;
}

async fn all_states_of_the_widget(screen: Screen, locales: &str) {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world = daemon(&shop).await;
    let browser = Browser::start().await;
    screen.put_before(&browser).await;
    let panel = Panel::of_widget(&browser);
    let mut gallery = Gallery::of(&browser, format!("widget-{locales}-{}", screen.name()));
    let stay = "addEventListener('scan-login-confirmed', (event) => event.preventDefault());";

    shop.show_widget(&world, &format!("client-id=shop lang={locales}"), stay);
    browser.open(&shop.origin).await;
    panel.until("refused").await;
    gallery.keep("refused").await;
    shop.show_widget(&world, &format!("{} lang={locales} max-renewals=0", shop.attributes()), stay);
    browser.open(&shop.origin).await;
    panel.until("pending").await;
    gallery.keep("pending").await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    panel.until("number").await;
    gallery.keep("number").await;
    let number = panel.number().await;
    press_on_the_phone(&world, "oAlice", &format!("number={number}")).await;
    panel.until("confirmed").await;
    gallery.keep("confirmed").await;
    world.wechat.shorten_next_code(Duration::from_secs(3));
    browser.run("document.querySelector('scan-login').refresh()").await;
    panel.until("expired").await;
    gallery.keep("expired").await;

    let world = daemon_of_one_login(&shop).await;
    shop.show_widget(&world, &format!("{} lang={locales}", shop.attributes()), stay);
    browser.open(&shop.origin).await;
    panel.until("pending").await;
    assert!(world.scan(&browser.seen_qr_code().await, "oAlice").await);
    panel.until("tap").await;
    gallery.keep("tap").await;
    browser.reload().await;
    panel.until("busy").await;
    gallery.keep("busy").await;
    gallery.close();
    browser.close().await;
}

#[tokio::test]
async fn the_widget_on_a_phone_at_night() {
    all_states_of_the_widget(Screen::PHONE_AT_NIGHT, "zh-CN").await;
}

#[tokio::test]
async fn the_widget_on_a_desk_by_day() {
    all_states_of_the_widget(Screen::DESK, "en").await;
}

#[tokio::test]
async fn the_page_while_logins_are_turned_off_and_the_page_of_a_wrong_link() {
    let _turn = turn().await;
    let shop = Shop::open().await;
    let world =
        World::with(|config| shop.known_to(&config, "tap").replace("[server]", "[server]\nlogins = false")).await;
    let browser = Browser::start().await;
    Screen::NARROW.put_before(&browser).await;
    let mut gallery = Gallery::of(&browser, "login".into());
    browser.open(&shop.login(&world, "zh-CN")).await;
    Panel::of_page(&browser).until("paused").await;
    gallery.keep("paused").await;
    browser.open(&world.url("/oauth/authorize?client_id=nobody")).await;
    gallery.keep("wrong-link").await;
    gallery.close();
    browser.close().await;
}

#[tokio::test]
async fn a_page_with_faults_is_judged_to_have_them() {
    let _turn = turn().await;
    let browser = Browser::start().await;
    Screen::NARROW.put_before(&browser).await;
    browser.open("data:text/html,<title>x</title><h1>x</h1><img src='data:,'><p style='width:900px'>wide").await;
    let found = faults(&browser).await;
    assert!(found.iter().any(|fault| fault.starts_with("image-alt")), "{found:?}");
    assert!(found.iter().any(|fault| fault.contains("wider")), "{found:?}");
    browser.close().await;
}
