//! Confirmation in the conversation: who scanned is asked in the reply, and answers by writing or by pressing an entry of a menu.

use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::{DataFormat, SimulatedEncryption, Voice};

use crate::callback::now;
use crate::modes::{KEY, opened, seal};
use crate::support::*;

/// A shop that asks in the conversation, and a WeChat that signs what people say.
async fn asking(confirm: &str) -> World {
    asking_with(confirm, |config| config).await
}

async fn asking_with(confirm: &str, change: impl FnOnce(String) -> String) -> World {
    let world = World::in_mode_with(SimulatedEncryption::Safe, DataFormat::Xml, |config| {
        let asked = format!("name = \"Example Shop\"\n confirm = \"{confirm}\"\n confirm_via = \"chat\"");
        change(config.replacen("name = \"Example Shop\"\n            confirm = \"auto\"", &asked, 1))
    });
    let world = world.await;
    for person in ["oAlice", "oBob"] {
        world.wechat.follow(&app_id(), &openid(person));
    }
    world
}

fn app_id() -> AppId {
    AppId::new(APP_ID).unwrap()
}

fn openid(person: &str) -> OpenId {
    OpenId::new(person).unwrap()
}

async fn english(world: &World) -> LoginPage {
    world.create_with(|request| request["ui_locales"] = "en".into()).await
}

/// Scans; what is said to it.
async fn scan(world: &World, page: &LoginPage, person: &str) -> String {
    let delivery = world.wechat.scan(&page.qr_content, &openid(person)).await.unwrap();
    delivery.reply().expect("nothing is said to a scan").content
}

/// Writes to the account; what is said to it.
async fn say(world: &World, person: &str, text: &str) -> Option<String> {
    let delivery = world.wechat.say(&app_id(), &openid(person), text).await.unwrap();
    delivery.reply().map(|reply| reply.content)
}

/// The entries of the last menu in a conversation that has this many, as ids and contents.
async fn menu(world: &World, person: &str, menus: usize) -> Vec<(String, String)> {
    let sent = async {
        loop {
            let lines = world.wechat.conversation(&app_id(), &openid(person)).into_iter();
            let mut lines: Vec<_> = lines.filter(|line| line.voice == Voice::Custom).collect();
            if lines.len() == menus {
                break lines.pop().unwrap().text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let text = tokio::time::timeout(PATIENCE, sent).await.expect("no menu came");
    let entries = text.split("msgmenuid=").skip(1).map(|entry| {
        let (id, rest) = entry.split_once("&msgmenucontent=").unwrap();
        (id.to_owned(), rest.split_once('"').unwrap().0.to_owned())
    });
    entries.collect()
}

async fn press(world: &World, person: &str, (id, content): &(String, String)) -> Option<String> {
    let delivery = world.wechat.press(&app_id(), &openid(person), id, content).await.unwrap();
    delivery.reply().map(|reply| reply.content)
}

async fn number(page: &LoginPage) -> u64 {
    page.wait_for("scanned").await["number"].as_u64().unwrap()
}

/// Another number of two digits.
fn other_than(number: u64) -> String {
    (if number == 99 { 10 } else { number + 1 }).to_string()
}

#[tokio::test]
async fn the_reply_to_a_scan_tells_the_facts_and_asks_without_a_link() {
    let world = asking("number").await;
    let page = english(&world).await;
    let asked = scan(&world, &page, "oAlice").await;
    for told in ["Example Shop", "shop.example.com", "from 127.", "Beijing time", "two digits", "not me"] {
        assert!(asked.contains(told), "{told} is not in {asked}");
    }
    assert!(!asked.contains("http") && !asked.contains("<a ") && !asked.contains('\n'), "{asked}");
    let right = number(&page).await;
    assert!(!asked.contains(&format!(" {right} ")), "the number is the page's to tell: {asked}");
    assert_eq!(world.events().await, ["created", "scanned"]);
}

#[tokio::test]
async fn the_number_on_the_page_is_written_in_the_conversation() {
    for write in [|number: u64| number.to_string(), |number| format!(" {} {} ", wide(number / 10), wide(number % 10))] {
        let world = asking("number").await;
        let page = english(&world).await;
        assert_eq!(page.created["confirm_via"], "chat", "the page must not speak of a choice");
        scan(&world, &page, "oAlice").await;
        let right = number(&page).await;
        let said = say(&world, "oAlice", &write(right)).await.unwrap();
        assert_eq!(said, "You are logged in to Example Shop.");
        let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
        assert_eq!(world.redeem(&code).await.json()["openid"], "oAlice");
    }
}

fn wide(digit: u64) -> char {
    char::from_u32('０' as u32 + u32::try_from(digit).unwrap()).unwrap()
}

#[tokio::test]
async fn a_wrong_number_written_denies_and_there_is_no_second_try() {
    let world = asking("number").await;
    let page = english(&world).await;
    scan(&world, &page, "oAlice").await;
    let right = number(&page).await;
    let said = say(&world, "oAlice", &other_than(right)).await.unwrap();
    assert!(said.contains("another number") && said.contains("scan again") && !said.contains(&right.to_string()));
    let late = say(&world, "oAlice", &right.to_string()).await.unwrap();
    assert!(late.contains("was cancelled"), "{late}");
    assert_eq!(world.events().await, ["created", "scanned", "denied"]);
    assert_eq!(world.replay("--type denied").await[0]["reason"], "number");
}

#[tokio::test]
async fn without_a_number_one_confirms_and_zero_cancels() {
    let world = asking("tap").await;
    for (answer, event, said) in [
        ("1", "confirmed", "你已登录"),
        ("确认", "confirmed", "你已登录"),
        ("0", "denied", "已取消"),
        ("取消", "denied", "已取消"),
    ] {
        let page = world.create().await;
        assert!(scan(&world, &page, "oAlice").await.contains("回复 1 确认"));
        assert!(say(&world, "oAlice", answer).await.unwrap().contains(said), "{answer}");
        page.wait_for(event).await;
    }
    let reasons: Vec<_> = world.replay("--type denied").await.iter().map(|event| event["reason"].clone()).collect();
    assert_eq!(reasons, ["user", "user"]);
}

#[tokio::test]
async fn who_writes_that_it_was_not_them_ends_the_login_in_either_mode() {
    for (confirm, said) in [("tap", "不是我"), ("number", "Not me")] {
        let world = asking(confirm).await;
        let page = english(&world).await;
        scan(&world, &page, "oAlice").await;
        assert!(say(&world, "oAlice", said).await.unwrap().contains("counts no more"));
        page.wait_for("denied").await;
        assert_eq!(world.replay("--type denied").await[0]["reason"], "not_me");
    }
}

#[tokio::test]
async fn after_the_redemption_writing_that_it_was_not_them_voids_what_was_given() {
    let world = asking("tap").await;
    let page = english(&world).await;
    scan(&world, &page, "oAlice").await;
    say(&world, "oAlice", "1").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let token = world.redeem(&code).await.json()["access_token"].as_str().unwrap().to_owned();
    assert!(say(&world, "oAlice", "not me").await.unwrap().contains("counts no more"));
    let bearer = format!("Bearer {token}");
    assert_eq!(world.get("/oauth/userinfo", &[("authorization", &bearer)]).await.status, 401);
}

#[tokio::test]
async fn what_is_no_answer_and_what_somebody_else_writes_goes_on_as_before() {
    let world = asking_with("number", |config| {
        config.replacen(
            "[[account]]\n            name = \"other\"",
            "[account.replies]\n default = \"人工客服\"\n[[account]]\n name = \"other\"",
            1,
        )
    })
    .await;
    let page = world.create().await;
    scan(&world, &page, "oAlice").await;
    let right = number(&page).await.to_string();
    for (person, text) in [
        ("oAlice", "1"),
        ("oAlice", "确认"),
        ("oAlice", "你好"),
        ("oAlice", "421"),
        ("oBob", &*right),
        ("oBob", "不是我"),
    ] {
        assert_eq!(say(&world, person, text).await.as_deref(), Some("人工客服"), "{person}: {text}");
    }
    assert_eq!(world.events().await, ["created", "scanned"]);
    assert!(say(&world, "oAlice", &right).await.unwrap().contains("你已登录"));
}

#[tokio::test]
async fn who_scans_second_is_told_so_and_their_words_count_for_nothing() {
    let world = asking("tap").await;
    let page = english(&world).await;
    scan(&world, &page, "oAlice").await;
    assert!(scan(&world, &page, "oBob").await.contains("Somebody else"));
    assert_eq!(say(&world, "oBob", "1").await, None);
    let [confirm, ..] = &menu(&world, "oAlice", 1).await[..] else { panic!("an empty menu") };
    assert_eq!(press(&world, "oBob", confirm).await, None, "a menu is its own person's");
    assert_eq!(world.events().await, ["created", "scanned"]);
}

#[tokio::test]
async fn a_login_that_is_confirmed_on_a_page_takes_no_word_in_the_conversation() {
    let world = asking_with("number", |config| config.replacen("confirm_via = \"chat\"", "", 1)).await;
    let page = world.create().await;
    assert!(scan(&world, &page, "oAlice").await.contains("<a href"));
    let right = number(&page).await.to_string();
    assert_eq!(say(&world, "oAlice", &right).await, None);
    assert_eq!(say(&world, "oAlice", "不是我").await, None);
    assert_eq!(world.events().await, ["created", "scanned"]);
}

#[tokio::test]
async fn a_menu_offers_the_numbers_and_a_press_is_the_same_answer() {
    let world = asking("number").await;
    let page = english(&world).await;
    scan(&world, &page, "oAlice").await;
    let right = number(&page).await.to_string();
    let entries = menu(&world, "oAlice", 1).await;
    let contents: Vec<&str> = entries.iter().map(|(_, content)| content.as_str()).collect();
    assert!(contents.len() == 4 && contents.contains(&&*right) && contents[3] == "Not me", "{contents:?}");
    assert!(entries.iter().all(|(id, _)| id.parse::<i32>().is_ok()), "{entries:?}");
    let entry = entries.iter().find(|(_, content)| *content == right).unwrap();
    assert_eq!(press(&world, "oAlice", entry).await.unwrap(), "You are logged in to Example Shop.");
    page.wait_for("confirmed").await;
}

#[tokio::test]
async fn a_press_in_an_older_menu_is_for_its_own_login_alone() {
    let world = asking("tap").await;
    let (older, newer) = (english(&world).await, english(&world).await);
    scan(&world, &older, "oAlice").await;
    let [confirm, cancel, _] = &menu(&world, "oAlice", 1).await[..] else { panic!("another menu") };
    scan(&world, &newer, "oAlice").await;
    press(&world, "oAlice", cancel).await;
    older.wait_for("denied").await;
    assert!(press(&world, "oAlice", confirm).await.unwrap().contains("was cancelled"));
    assert_eq!(world.events().await, ["created", "created", "scanned", "scanned", "denied"]);
    let elsewhere = ("101".to_owned(), "1".to_owned());
    assert_eq!(press(&world, "oAlice", &elsewhere).await, None, "another system's menu");
    say(&world, "oAlice", "1").await;
    newer.wait_for("confirmed").await;
}

#[tokio::test]
async fn a_word_is_for_the_login_that_was_scanned_last_and_still_waits() {
    let world = asking("tap").await;
    let (first, second) = (english(&world).await, english(&world).await);
    scan(&world, &second, "oAlice").await;
    scan(&world, &first, "oAlice").await;
    say(&world, "oAlice", "0").await;
    first.wait_for("denied").await;
    say(&world, "oAlice", "1").await;
    second.wait_for("confirmed").await;
}

#[tokio::test]
async fn an_answer_behind_a_kill_finds_its_login() {
    let mut world = asking("number").await;
    let (older, page) = (world.create().await, world.create().await);
    scan(&world, &older, "oAlice").await;
    scan(&world, &page, "oAlice").await;
    let entries = menu(&world, "oAlice", 2).await;
    world.kill_and_restart().await;
    let right = number(&page).await.to_string();
    assert!(say(&world, "oAlice", &right).await.unwrap().contains("你已登录"));
    page.wait_for("confirmed").await;
    let entry = entries.iter().find(|(_, content)| *content == right).unwrap();
    assert!(press(&world, "oAlice", entry).await.unwrap().contains("不是我"), "the menu is known still");
    assert_eq!(world.events().await, ["created", "created", "scanned", "scanned", "confirmed"]);
}

#[tokio::test]
async fn an_answer_that_is_delivered_twice_counts_once_and_gets_one_reply() {
    let mut world = asking("tap").await;
    let page = world.create().await;
    scan(&world, &page, "oAlice").await;
    let message = format!(
        "<xml><ToUserName>gh_000000000001</ToUserName><FromUserName>oAlice</FromUserName><CreateTime>{}</CreateTime>\
         <MsgType>text</MsgType><Content>1</Content><MsgId>7</MsgId></xml>",
        now()
    );
    let deliver = async |world: &World| {
        let sealed = seal(KEY, &message);
        sealed.push(world, &sealed.xml()).await
    };
    let first = deliver(&world).await;
    assert!(opened(KEY, &first.text()).contains("你已登录 Example Shop。"));
    assert_eq!(deliver(&world).await.body, first.body);
    world.kill_and_restart().await;
    assert_eq!(deliver(&world).await.body, first.body);
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"]);
    let twice = say(&world, "oAlice", "1").await.unwrap();
    assert!(twice.contains("你已登录") && twice.contains("不是我"), "{twice}");
    assert!(say(&world, "oAlice", "0").await.unwrap().contains("你已登录"), "only while it waits");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn an_answer_that_comes_late_is_told_what_to_do() {
    let world = asking_with("tap", |config| config.replace("ttl = \"5m\"", "ttl = \"1s\"")).await;
    let page = english(&world).await;
    scan(&world, &page, "oAlice").await;
    page.wait_for("expired").await;
    let late = say(&world, "oAlice", "1").await.unwrap();
    assert!(late.contains("no longer valid") && late.contains("scan again"), "{late}");
    assert_eq!(world.events().await, ["created", "scanned", "expired"]);
}

#[tokio::test]
async fn an_operator_says_it_otherwise() {
    let world = asking_with("tap", |config| {
        let texts = "[account.texts.en]\n ask_tap = \"{site} ({facts})? 1 or 0.\"\n denied = \"No {site}.\"\n[[account]]\n name = \"other\"";
        config.replacen("[[account]]\n            name = \"other\"", texts, 1)
    })
    .await;
    let page = english(&world).await;
    assert!(scan(&world, &page, "oAlice").await.starts_with("Example Shop (shop.example.com"));
    assert_eq!(say(&world, "oAlice", "0").await.unwrap(), "No Example Shop.");
}
