//! The dashboard, as an operator sees it.

use fantoccini::key::Key;

use crate::browser::{Browser, turn};
use crate::screen::{Gallery, Screen};
use crate::support::*;

const TOKEN: &str = "the-operators-own-token-0123456789";

async fn world() -> World {
    let mut world = World::prepare(|config| config.replace("[admin]", "[admin]\n token_file = \"token\"")).await;
    std::fs::write(world.folder.path().join("token"), TOKEN).unwrap();
    world.run().await;
    world
}

/// A browser that reads this language, on this screen, before the dashboard.
async fn before(world: &World, screen: Screen, language: &'static str) -> Browser {
    let browser = Browser::start().await;
    screen.put_before(&browser).await;
    let headers = serde_json::json!({ "headers": { "Accept-Language": language } });
    browser.devtools("Network.enable", serde_json::json!({})).await;
    browser.devtools("Network.setExtraHTTPHeaders", headers).await;
    browser.open(&format!("http://{}:9090/", world.address)).await;
    browser.until("document.querySelector('.status.live')").await;
    browser
}

/// Types the token as a person does.
async fn unlock(browser: &Browser, token: &str) {
    browser.run("document.getElementById('token').focus()").await;
    browser.press_text(token).await;
    browser.press(Key::Enter).await;
}

async fn forget_the_token(browser: &Browser) {
    browser.run("[...document.querySelectorAll('.access button')].find((button) => button.textContent === 'Forget the token').click()").await;
    browser.until("document.querySelector('.with-token').hidden").await;
}

/// Whether this is read out to who does not see the page.
fn told(words: &str) -> String {
    format!("[...document.querySelectorAll('.unseen')].some((told) => told.textContent.includes('{words}'))")
}

/// The figure of a step of the funnel.
fn step(place: usize, count: usize) -> String {
    format!("document.querySelectorAll('.steps b')[{place}].textContent === '{count}'")
}

#[tokio::test]
async fn the_page_tells_a_login_as_it_happens_and_its_sessions_to_who_has_the_token() {
    let _turn = turn().await;
    let world = world().await;
    let browser = before(&world, Screen::DESK, "en").await;
    browser.until("document.querySelector('.calm .verdict').textContent.includes('Nobody came')").await;
    let page = world.create().await;
    browser.until(&step(0, 1)).await;
    world.scan(&page.qr_content, "oAlice").await;
    browser.until(&step(2, 1)).await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.status, 200);
    browser.until(&step(3, 1)).await;
    browser.until("document.querySelector('.glance .good .verdict').textContent.includes('It works')").await;
    let shown = browser.value("document.body.innerText").await.to_string();
    assert!(!shown.contains(&page.scene) && !shown.contains("oAlice"), "{shown}");

    unlock(&browser, "not-the-token-not-the-token").await;
    browser.until("document.querySelector('.access .note').textContent === 'That is not the token.'").await;
    unlock(&browser, TOKEN).await;
    browser.until("document.querySelectorAll('.events li').length === 4").await;
    assert_eq!(browser.value("document.cookie + location.search + location.hash").await, "");
    // By keyboard from the event to its session.
    browser.run("document.querySelector('.events li .link').focus()").await;
    browser.press(Key::Enter).await;
    browser.until("document.querySelectorAll('.timeline .event').length === 4").await;
    let timeline = browser.value("document.querySelector('.timeline').innerText").await.to_string();
    for told in ["Created", "Scanned", "oAlice", "Confirmed", "Redeemed", "later"] {
        assert!(timeline.contains(told), "{told} is not in {timeline}");
    }
    // The tab remembers the token over a reload, and forgets it when it is told to.
    browser.reload().await;
    browser.until("document.querySelectorAll('.events li').length === 4").await;
    forget_the_token(&browser).await;
    assert_eq!(browser.value("sessionStorage.length").await, 0);
    browser.close().await;
}

#[tokio::test]
async fn the_operator_ends_a_session_with_the_keyboard_and_not_by_one_press() {
    let _turn = turn().await;
    let world = world().await;
    let browser = before(&world, Screen::DESK, "en").await;
    unlock(&browser, TOKEN).await;
    browser.until("!document.querySelector('.with-token').hidden").await;
    let page = world.create().await;
    browser.run("document.getElementById('id').focus()").await;
    browser.press_text(&page.scene).await;
    browser.press(Key::Enter).await;
    browser.until("document.querySelector('.ender button')").await;
    browser.run("document.querySelector('.ender button').focus()").await;
    browser.press(Key::Enter).await;
    browser.until("document.activeElement.textContent === 'Let it go on'").await;
    browser.press(Key::Enter).await;
    browser.until("document.activeElement.textContent === 'End this session'").await;
    assert_eq!(world.events().await, ["created"], "nothing has happened so far");
    browser.press(Key::Enter).await;
    browser.run("document.querySelector('.ender .danger').focus()").await;
    browser.press(Key::Enter).await;
    page.wait_for("denied").await;
    browser.until("document.querySelector('.timeline .denied')").await;
    browser.until(&told("The session is ended.")).await;
    assert_eq!(world.events().await, ["created", "denied"]);
    // A verdict that changes afterwards does not take away what was said of the press.
    let page = world.create().await;
    tokio::join!(page.poll(1, 20), world.scan(&page.qr_content, "oAlice"));
    browser.until(&told("Is it fast?")).await;
    assert_eq!(browser.value(&told("The session is ended.")).await, true);
    // Without the token nothing of the session is left.
    forget_the_token(&browser).await;
    assert_eq!(browser.value(&told("The session is ended.")).await, false);
    browser.close().await;
}

#[tokio::test]
async fn a_daemon_that_comes_back_is_shown_again() {
    let _turn = turn().await;
    let mut world = world().await;
    world.create().await;
    let browser = before(&world, Screen::DESK, "zh-CN").await;
    browser.until(&step(0, 1)).await;
    world.kill().await;
    browser.until("document.querySelector('.status.lost')?.textContent === '连接中断，正在重连…'").await;
    browser.until("document.querySelector('.glance .bad .verdict')?.textContent.includes('服务没有应答')").await;
    // All that changed at once is read out, not the last of it alone.
    for question in ["正常吗？", "受攻击吗？"] {
        assert_eq!(browser.value(&told(question)).await, true, "{question}");
    }
    assert_eq!(
        browser.value("document.querySelectorAll('.glance .good').length").await,
        0,
        "what was true is said no more"
    );
    world.run().await;
    world.create().await;
    browser.until("document.querySelector('.status.live')").await;
    browser.until(&step(0, 2)).await;
    browser.until("document.querySelectorAll('.glance .good').length > 0").await;
    browser.close().await;
}

/// Something of everything that is shown.
async fn busy(world: &World) {
    for person in 0..8 {
        let page = world.create().await;
        if person % 4 == 3 {
            page.give_up().await;
            continue;
        }
        // Its browser waits for it.
        let openid = format!("oPerson{person}");
        let waiting = page.poll(1, 20);
        tokio::join!(waiting, world.scan(&page.qr_content, &openid));
        let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
        if person % 2 == 0 {
            assert_eq!(world.redeem(&code).await.status, 200);
        }
    }
    let nobody = serde_json::json!({ "client_id": "nobody" }).to_string();
    for _ in 0..3 {
        world.post("/v1/sessions", JSON, &nobody).await;
    }
}

async fn every_state(screen: Screen, language: &'static str) {
    let _turn = turn().await;
    let world = world().await;
    let browser = before(&world, screen, language).await;
    let mut gallery = Gallery::of(&browser, format!("dashboard-{language}-{}", screen.name()));
    gallery.keep("empty").await;
    busy(&world).await;
    browser.until(&step(0, 8)).await;
    browser.until("document.querySelector('.heatmap svg')").await;
    browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })").await;
    browser.until("document.querySelectorAll('details table').length >= 3").await;
    gallery.keep("figures").await;
    browser.run("document.querySelectorAll('details').forEach((details) => { details.open = false; })").await;
    unlock(&browser, "wrong").await;
    browser.until("document.querySelector('.access .note').textContent").await;
    gallery.keep("wrong-token").await;
    unlock(&browser, TOKEN).await;
    browser.until("document.querySelectorAll('.events li').length > 8").await;
    browser.run("document.querySelector('.events li.redeemed .link').click()").await;
    browser.until("document.querySelector('.timeline')").await;
    gallery.keep("session").await;
    let page = world.create().await;
    browser.until("document.querySelector('.events li').className === 'created'").await;
    browser.run("document.querySelector('.events li .link').click()").await;
    browser.until("document.querySelector('.ender button')").await;
    browser.run("document.querySelector('.ender button').click()").await;
    gallery.keep("end").await;
    page.give_up().await;
    gallery.close();
    browser.close().await;
}

#[tokio::test]
async fn the_dashboard_on_a_phone_by_day() {
    every_state(Screen::PHONE, "zh-CN").await;
}

#[tokio::test]
async fn the_dashboard_on_a_phone_at_night() {
    every_state(Screen::PHONE_AT_NIGHT, "en").await;
}

#[tokio::test]
async fn the_dashboard_on_a_desk_by_day() {
    every_state(Screen::DESK, "en").await;
}

#[tokio::test]
async fn the_dashboard_on_a_desk_at_night() {
    every_state(Screen::DESK_AT_NIGHT, "zh-CN").await;
}
