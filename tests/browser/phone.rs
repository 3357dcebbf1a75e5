//! The page on the phone of who scanned: every state of it for people to look at and for axe-core to judge; and by keyboard.

use std::time::Duration;

use fantoccini::key::Key;
use scan_login::domain::OpenId;
use serde_json::{Value, json};

use crate::browser::{Browser, turn};
use crate::places::places;
use crate::screen::{Gallery, Screen};
use crate::shop::page_on_the_phone;
use crate::support::{LoginPage, World, basic, challenge, send, without_prepared_codes};

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36";

/// Where a browser is: in the phone's city, and in another country.
const NEAR: &str = "203.0.113.9";
const FAR: &str = "198.51.100.7";

const SHOP: (&str, &str) = ("shop", "shop-secret");
const OLD_SHOP: (&str, &str) = ("legacy", "legacy-secret");

/// A daemon that knows where addresses are. The shop asks for a number, the old shop for a press.
async fn daemon(change: impl FnOnce(String) -> String) -> World {
    let mut world = World::prepare(|config| {
        let config = config.replacen("confirm = \"auto\"", "confirm = \"number\"", 1);
        let config = config.replace("confirm = \"auto\"", "confirm = \"tap\"");
        let proxied = "[server]\n trusted_proxies = [\"127.0.0.0/8\"]\n place_database = \"places.mmdb\"";
        change(without_prepared_codes(&config.replacen("[server]", proxied, 1)))
    })
    .await;
    std::fs::write(world.folder.path().join("places.mmdb"), places()).unwrap();
    world.run().await;
    world
}

/// People with phones, each of whom scans once.
struct Phones<'a> {
    world: &'a World,
    locales: &'a str,
    scans: usize,
}

impl<'a> Phones<'a> {
    fn of(world: &'a World, locales: &'a str) -> Self {
        Self { world, locales, scans: 0 }
    }

    /// A browser at this address asks this website for a login.
    async fn create(&self, (client, secret): (&str, &str), address: &str) -> LoginPage {
        let body = json!({
            "client_id": client, "code_challenge": challenge(), "code_challenge_method": "S256",
            "client_ip": address, "user_agent": CHROME, "ui_locales": self.locales,
        });
        let headers = [("content-type", "application/json"), ("authorization", &*basic(client, secret))];
        LoginPage::of(&self.world.post("/v1/sessions", &headers, &body.to_string()).await.json())
    }

    /// Somebody scans it, and gets the address of the page.
    async fn scan(&mut self, page: &LoginPage) -> String {
        self.scans += 1;
        let openid = format!("oPerson{}", self.scans);
        assert!(self.world.scan(&page.qr_content, &openid).await);
        page_on_the_phone(self.world, &openid, 0).await
    }

    async fn scan_of(&mut self, website: (&str, &str), address: &str) -> String {
        let page = self.create(website, address).await;
        self.scan(&page).await
    }
}

async fn all_states(screen: Screen, locales: &str) {
    let _turn = turn().await;
    let world = daemon(|config| config).await;
    let browser = Browser::start().await;
    screen.put_before(&browser).await;
    let mut phones = Phones::of(&world, locales);
    let mut gallery = Gallery::of(&browser, format!("phone-{locales}-{}", screen.name()));

    browser.open(&phones.scan_of(OLD_SHOP, NEAR).await).await;
    gallery.keep("tap").await;
    click(&browser, "[data-action=confirm]").await;
    gallery.keep("confirmed").await;
    click(&browser, "[data-action=not_me]").await;
    gallery.keep("not-me").await;

    browser.open(&phones.scan_of(OLD_SHOP, FAR).await).await;
    gallery.keep("far-tap").await;
    click(&browser, "[data-action=deny]").await;
    gallery.keep("denied").await;

    let page = phones.create(SHOP, NEAR).await;
    let link = phones.scan(&page).await;
    browser.open(&link).await;
    gallery.keep("number").await;
    let right = page.wait_for("scanned").await["number"].to_string();
    click(&browser, &format!("[data-number]:not([data-number=\"{right}\"])")).await;
    gallery.keep("wrong-number").await;

    let page = phones.create(SHOP, FAR).await;
    let bearer = format!("Bearer {}", page.attach_token);
    let watched = [("authorization", bearer.as_str()), ("x-forwarded-for", "192.0.2.7")];
    send("GET", &page.poll, &watched, "").await;
    let link = phones.scan(&page).await;
    browser.open(&link).await;
    gallery.keep("far-number-watched").await;

    world.wechat.shorten_next_code(Duration::from_secs(2));
    let page = phones.create(SHOP, NEAR).await;
    let link = phones.scan(&page).await;
    page.wait_for("expired").await;
    browser.open(&link).await;
    gallery.keep("expired").await;
    browser.open(&world.url("/c/nothing")).await;
    gallery.keep("unknown").await;
    gallery.close();
    browser.close().await;
}

/// Presses this, and waits for the page that comes.
async fn click(browser: &Browser, css: &str) {
    browser.run(&format!("window.isOld = true; document.querySelector('{css}').click()")).await;
    browser.until("!window.isOld && document.readyState === 'complete'").await;
}

#[tokio::test]
async fn on_a_phone_by_day() {
    all_states(Screen::PHONE, "zh-CN").await;
}

#[tokio::test]
async fn on_a_phone_at_night() {
    all_states(Screen::PHONE_AT_NIGHT, "en").await;
}

#[tokio::test]
async fn on_a_desk_by_day() {
    all_states(Screen::DESK, "en").await;
}

#[tokio::test]
async fn on_a_desk_at_night() {
    all_states(Screen::DESK_AT_NIGHT, "zh-CN").await;
}

#[tokio::test]
async fn whoever_gets_no_controls_is_told_why() {
    let _turn = turn().await;
    let world = daemon(|config| {
        let base = config.lines().find_map(|line| line.trim().strip_prefix("api_base = ")).unwrap().to_owned();
        let more = format!("web_oauth = \"base\"\n oauth_base = {base}\n api_base = {base}");
        config.replacen(&format!("api_base = {base}"), &more, 1)
    })
    .await;
    for (name, openid) in [("bob", "oBob"), ("scanner", "oPerson1")] {
        world.wechat.name_person(name, &OpenId::new(openid).unwrap());
    }
    let browser = Browser::start().await;
    for (screen, locales) in [(Screen::PHONE, "en"), (Screen::DESK_AT_NIGHT, "zh-CN")] {
        screen.put_before(&browser).await;
        let mut gallery = Gallery::of(&browser, format!("phone-{locales}-{}", screen.name()));
        let link = Phones::of(&world, locales).scan_of(OLD_SHOP, FAR).await;
        hold_phone(&browser, &link, "bob").await;
        gallery.keep("somebody-else").await;
        browser.open(&format!("{link}?code=slipped&state=in")).await;
        gallery.keep("not-known").await;
        world.wechat.give_snapshots(true);
        hold_phone(&browser, &link, "scanner").await;
        gallery.keep("snapshot").await;
        world.wechat.give_snapshots(false);
        gallery.close();
        assert_eq!(browser.value("document.querySelectorAll('button').length").await, 0);
    }
    browser.close().await;
}

/// Opens the page as this person, whom the simulated WeChat asks for.
async fn hold_phone(browser: &Browser, link: &str, person: &str) {
    browser.open(link).await;
    browser.run(&format!("[...document.links].find((link) => link.textContent === '{person}').click()")).await;
    browser.until("document.querySelector('h1')").await;
}

/// Opens the page for keys, which Chromium loses before it has drawn something.
async fn show(browser: &Browser, link: &str) {
    browser.open(link).await;
    browser.keep_screenshot("phone-by-keyboard").await;
}

/// Presses Tab, and tells what has the focus then; it must be seen.
async fn tab(browser: &Browser) -> String {
    browser.press(Key::Tab).await;
    let style = "(() => { const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement); \
                 return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2; })()";
    let name = "(({ name, value, dataset }) => dataset.number ? 'number' : `${name}=${value}`)(document.activeElement)";
    let named = browser.value(name).await.as_str().unwrap().to_owned();
    assert_eq!(browser.value(style).await, Value::Bool(true), "the focus on {named} is not seen");
    named
}

#[tokio::test]
async fn by_keyboard_and_without_script_each_control_is_reached_and_enter_presses_it() {
    let _turn = turn().await;
    let world = daemon(|config| config).await;
    let browser = Browser::start().await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    let mut phones = Phones::of(&world, "en");
    let page = phones.create(SHOP, FAR).await;
    let link = phones.scan(&page).await;
    show(&browser, &link).await;
    for control in ["understood=yes", "number", "number", "number", "action=not_me", "action=deny"] {
        assert_eq!(tab(&browser).await, control);
    }

    show(&browser, &link).await;
    tab(&browser).await;
    browser.press(Key::Space).await;
    browser.press(Key::Enter).await;
    let number = page.wait_for("scanned").await["number"].to_string();
    while browser.value("document.activeElement.dataset.number ?? ''").await != number.as_str() {
        assert!(world.replay("--type denied").await.is_empty(), "Enter in the checkbox picks no number");
        tab(&browser).await;
    }
    browser.press(Key::Enter).await;
    page.wait_for("confirmed").await;
    browser.until("document.querySelector('h1').textContent.startsWith('The login is confirmed.')").await;

    let page = phones.create(OLD_SHOP, NEAR).await;
    show(&browser, &phones.scan(&page).await).await;
    for control in ["action=confirm", "action=not_me", "action=deny"] {
        assert_eq!(tab(&browser).await, control);
    }
    browser.press(Key::Enter).await;
    page.wait_for("denied").await;
    browser.close().await;
}
