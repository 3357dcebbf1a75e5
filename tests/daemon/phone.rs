//! The page on the phone: who scanned confirms or denies.

use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::Voice;

use crate::callback::event;
use crate::modes::{KEY, opened, seal};
use crate::support::*;

/// A daemon whose shop asks who scanned for a press.
async fn asking() -> World {
    asking_for("tap").await
}

async fn asking_for(confirm: &str) -> World {
    asking_with(confirm, |config| config).await
}

pub async fn asking_with(confirm: &str, change: impl FnOnce(String) -> String) -> World {
    World::with(|config| change(asking_config(confirm, &config))).await
}

/// The shop asks, and the account signs who scanned.
pub fn asking_config(confirm: &str, config: &str) -> String {
    let keyed = format!("encryption = \"safe\"\n encoding_aes_key = \"{KEY}\"");
    config.replacen("encryption = \"plain\"", &keyed, 1).replacen(
        "name = \"Example Shop\"\n            confirm = \"auto\"",
        &format!("name = \"Example Shop\"\n confirm = \"{confirm}\""),
        1,
    )
}

/// Scans, and gets the address of the page from the reply.
pub async fn scan(world: &World, page: &LoginPage, openid: &str) -> String {
    let sealed = seal(KEY, &event("SCAN", &page.scene, openid));
    let reply = opened(KEY, &sealed.push(world, &sealed.xml()).await.text());
    let (_, link) = reply.split_once("<a href=\"").unwrap_or_else(|| panic!("no link in {reply}"));
    link.split_once('"').unwrap().0.to_owned()
}

pub async fn press(link: &str, action: &str) -> Answer {
    send("POST", link, &[FORM], &format!("action={action}")).await
}

pub async fn show(link: &str) -> Answer {
    send("GET", link, &[], "").await
}

#[tokio::test]
async fn who_scanned_confirms_with_one_press() {
    let world = asking().await;
    let page = world.create_with(|request| request["ui_locales"] = "en".into()).await;
    let link = scan(&world, &page, "oAlice").await;
    page.wait_for("scanned").await;
    let shown = show(&link).await;
    assert_eq!(shown.status, 200);
    for told in [
        "Is this you logging in?",
        "Example Shop",
        "shop.example.com",
        "data-action=\"confirm\"",
        "data-action=\"deny\"",
    ] {
        assert!(shown.text().contains(told), "{told} is not in {}", shown.text());
    }
    assert_eq!(world.events().await, ["created", "scanned"], "looking changes nothing");
    let pressed = press(&link, "confirm").await;
    assert_eq!((pressed.status, pressed.header("location")), (303, link.as_str()));
    page.wait_for("confirmed").await;
    assert!(show(&link).await.text().contains("The login is confirmed."));
    assert_eq!(press(&link, "confirm").await.status, 303, "told again, it has no second effect");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn who_scanned_denies() {
    let world = asking().await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    press(&link, "deny").await;
    page.wait_for("denied").await;
    assert_eq!(world.replay("--type denied").await[0]["reason"], "user");
    let shown = show(&link).await.text();
    assert!(shown.contains("登录已取消") && !shown.contains("<form"), "{shown}");
    press(&link, "confirm").await;
    assert_eq!(world.events().await, ["created", "scanned", "denied"]);
}

#[tokio::test]
async fn the_link_is_the_same_after_a_restart_and_nobody_elses() {
    let mut world = asking().await;
    let (page, other) = (world.create().await, world.create().await);
    let link = scan(&world, &page, "oAlice").await;
    let other_link = scan(&world, &other, "oBob").await;
    world.kill_and_restart().await;
    let (_, mac) = link.rsplit_once('.').unwrap();
    let (others_scene, _) = other_link.rsplit_once('.').unwrap();
    assert_eq!(press(&format!("{others_scene}.{mac}"), "confirm").await.status, 404);
    assert_eq!(show(&format!("{link}x")).await.status, 404);
    press(&link, "confirm").await;
    page.wait_for("confirmed").await;
    assert_eq!(world.events().await, ["created", "created", "scanned", "scanned", "confirmed"]);
}

#[tokio::test]
async fn a_form_of_another_site_and_an_unknown_press_change_nothing() {
    let world = asking().await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    let foreign = send("POST", &link, &[FORM, ("origin", "https://evil.example.com")], "action=confirm").await;
    assert_eq!(foreign.status, 403);
    for cross in ["cross-site", "same-site"] {
        let unnamed = [FORM, ("origin", "null"), ("sec-fetch-site", cross)];
        assert_eq!(send("POST", &link, &unnamed, "action=confirm").await.status, 403, "{cross}");
    }
    for not_a_form in [("content-type", "text/plain"), ("content-type", "application/json"), ("accept", "*/*")] {
        assert_eq!(send("POST", &link, &[not_a_form], "action=confirm").await.status, 415, "{not_a_form:?}");
    }
    assert_eq!(press(&link, "other").await.status, 400);
    assert_eq!(send("HEAD", &link, &[], "").await.status, 200);
    assert_eq!(world.events().await, ["created", "scanned"]);
    let own = [FORM, ("origin", &world.url("")), ("sec-fetch-site", "same-origin")];
    let own = send("POST", &link, &own, "action=confirm").await;
    assert_eq!(own.status, 303);
}

#[tokio::test]
async fn a_page_is_kept_by_nobody_framed_by_nobody_and_tells_nobody() {
    let world = asking().await;
    let page = world.create().await;
    let shown = show(&scan(&world, &page, "oAlice").await).await;
    assert!(shown.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!(shown.header("referrer-policy"), "no-referrer");
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
}

async fn pick(link: &str, number: &str) -> Answer {
    send("POST", link, &[FORM], &format!("number={number}")).await
}

/// The numbers that the page on the phone shows, in their order.
async fn numbers(link: &str) -> Vec<String> {
    let page = show(link).await.text();
    assert!(!page.contains("value=\"confirm\""), "a press is not enough: {page}");
    page.split("data-number=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_number_on_the_page_is_picked_on_the_phone() {
    let mut world = asking_for("number").await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    let right = page.wait_for("scanned").await["number"].to_string();
    let shown = numbers(&link).await;
    assert!(shown.len() == 3 && shown.contains(&right), "{right} is not among {shown:?}");
    world.kill_and_restart().await;
    assert_eq!(numbers(&link).await, shown, "they are fixed at the scan");
    assert_eq!(page.wait_for("scanned").await["number"].to_string(), right);
    press(&link, "confirm").await;
    assert_eq!(world.events().await, ["created", "scanned"]);
    assert_eq!(pick(&link, &right).await.status, 303);
    page.wait_for("confirmed").await;
    let journal = serde_json::to_string(&world.journal().await).unwrap();
    assert!(journal.contains("\"confirm\":\"number\"") && !journal.contains("\"number\":"), "{journal}");
}

#[tokio::test]
async fn a_wrong_number_denies_and_there_is_no_second_try() {
    let world = asking_for("number").await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    let right = page.wait_for("scanned").await["number"].to_string();
    let wrong = numbers(&link).await.into_iter().find(|number| *number != right).unwrap();
    pick(&link, &wrong).await;
    page.wait_for("denied").await;
    pick(&link, &right).await;
    assert_eq!(world.events().await, ["created", "scanned", "denied"]);
    assert_eq!(world.replay("--type denied").await[0]["reason"], "number");
    assert!(show(&link).await.text().contains("数字不对"), "who mistook the number is told so");
    for malformed in ["", "x", "256", "-1", "42&action=confirm"] {
        assert_eq!(pick(&link, malformed).await.status, 400, "{malformed}");
    }
}

/// In plain mode nobody signs who scanned, so the link goes where WeChat itself knows that the person is.
#[tokio::test]
async fn in_plain_mode_the_link_comes_by_a_message_of_its_own() {
    let world = World::with(|config| config.replacen("confirm = \"auto\"", "confirm = \"tap\"", 1)).await;
    let page = world.create_with(|request| request["ui_locales"] = "en".into()).await;
    let (app_id, alice) = (AppId::new(APP_ID).unwrap(), OpenId::new("oAlice").unwrap());
    let delivery = world.wechat.scan(&page.qr_content, &alice).await.unwrap();
    let reply = delivery.reply().unwrap().content;
    assert!(reply.contains("comes in a moment") && !reply.contains("http"), "{reply}");
    let told = async {
        loop {
            let lines = world.wechat.conversation(&app_id, &alice);
            if let Some(line) = lines.into_iter().find(|line| line.voice == Voice::Custom) {
                break line.text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await.expect("no link came");
    let (_, link) = told.split_once("<a href=\"").unwrap();
    press(link.split_once('"').unwrap().0, "confirm").await;
    page.wait_for("confirmed").await;
}
