//! What the phone's page tells of the browser, and who may use it.

use serde_json::{Value, json};

use crate::phone::{asking_with, press, scan, show};
use crate::places::places;
use crate::support::*;

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36";

/// A shop that asks for a press, behind a proxy that says who comes.
async fn behind_a_proxy(more: &str) -> World {
    asking_with("tap", |config| {
        config.replacen("[server]", &format!("[server]\n trusted_proxies = [\"127.0.0.0/8\"]\n{more}"), 1)
    })
    .await
}

/// As a back end of the shop creates it for a browser.
async fn create_for(world: &World, client_ip: &str) -> LoginPage {
    let body = creation(|body| {
        body["client_ip"] = client_ip.into();
        body["user_agent"] = CHROME.into();
        body["ui_locales"] = "en".into();
    });
    let answer = world.post("/v1/sessions", &[JSON[0], ("authorization", &basic("shop", SECRET))], &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    LoginPage::of(&answer.json())
}

fn creation(change: impl FnOnce(&mut Value)) -> String {
    let mut body = json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" });
    change(&mut body);
    body.to_string()
}

async fn seen_from(link: &str, address: &str) -> String {
    send("GET", link, &[("x-forwarded-for", address)], "").await.text()
}

#[tokio::test]
async fn the_page_tells_from_where_with_what_and_when() {
    let world = behind_a_proxy("").await;
    let body = creation(|body| body["redirect_uri"] = "https://shop.example.com/callback?from=scan".into());
    let headers = [JSON[0], ("user-agent", CHROME), ("x-forwarded-for", "203.0.113.9")];
    let page = LoginPage::of(&world.post("/v1/sessions", &headers, &body).await.json());
    let link = scan(&world, &page, "oAlice").await;
    let shown = show(&link).await.text();
    for told in ["Example Shop", "shop.example.com", "Chrome · Windows 10", "203.0.113.9", "北京时间"] {
        assert!(shown.contains(told), "{told} is not in {shown}");
    }
    assert!(!shown.contains("role=\"alert\"") && !shown.contains("required"), "nothing is odd about it: {shown}");
}

/// Whoever finds the link later is told no more than that it is over.
#[tokio::test]
async fn of_a_login_that_has_ended_the_page_tells_no_facts() {
    let world = behind_a_proxy("").await;
    let page = create_for(&world, "203.0.113.9").await;
    let link = scan(&world, &page, "oAlice").await;
    assert!(show(&link).await.text().contains("203.0.113.9"));
    press(&link, "deny").await;
    let shown = show(&link).await.text();
    assert!(shown.contains("The login was cancelled"), "{shown}");
    for fact in ["203.0.113.9", "Chrome", "shop.example.com"] {
        assert!(!shown.contains(fact), "{fact} is in {shown}");
    }
}

#[tokio::test]
async fn a_back_end_tells_whose_browser_it_is() {
    let world = behind_a_proxy("").await;
    let page = create_for(&world, "2001:db8::7").await;
    let shown = show(&scan(&world, &page, "oAlice").await).await.text();
    assert!(shown.contains("2001:db8::7") && shown.contains("Chrome · Windows 10"), "{shown}");
}

#[tokio::test]
async fn of_whose_browser_it_is_only_a_back_end_is_believed_and_only_an_address() {
    let world = behind_a_proxy("").await;
    let credentials = basic("shop", SECRET);
    let with_credentials = [JSON[0], ("authorization", credentials.as_str())];
    for told in [json!({ "client_ip": "203.0.113.9" }), json!({ "user_agent": CHROME })] {
        let body = creation(|body| body.as_object_mut().unwrap().extend(told.as_object().unwrap().clone()));
        assert_eq!(world.post("/v1/sessions", JSON, &body).await.status, 400, "nobody vouches for {told}");
    }
    for wrong in ["", "203.0.113", "203.0.113.9, 10.0.0.1", "203.0.113.9:80", "shop.example.com", "[::1]"] {
        let body = creation(|body| body["client_ip"] = wrong.into());
        assert_eq!(world.post("/v1/sessions", &with_credentials, &body).await.status, 400, "{wrong}");
    }
    let alone = creation(|body| body["user_agent"] = CHROME.into());
    assert_eq!(world.post("/v1/sessions", &with_credentials, &alone).await.status, 400);
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn another_address_that_watches_is_told_and_warned_of() {
    let world = behind_a_proxy("").await;
    let page = create_for(&world, "203.0.113.9").await;
    let bearer = format!("Bearer {}", page.attach_token);
    for address in ["203.0.113.9", "198.51.100.7"] {
        send("GET", &page.poll, &[("authorization", &bearer), ("x-forwarded-for", address)], "").await;
    }
    let shown = show(&scan(&world, &page, "oAlice").await).await.text();
    for told in ["203.0.113.9", "198.51.100.7", "role=\"alert\"", "another network address"] {
        assert!(shown.contains(told), "{told} is not in {shown}");
    }
}

async fn with_places() -> World {
    let mut world = World::prepare(|config| {
        crate::phone::asking_config("tap", &config).replacen(
            "[server]",
            "[server]\n trusted_proxies = [\"127.0.0.0/8\"]\n place_database = \"places.mmdb\"",
            1,
        )
    })
    .await;
    std::fs::write(world.folder.path().join("places.mmdb"), places()).unwrap();
    world.run().await;
    world
}

#[tokio::test]
async fn far_apart_it_takes_a_second_step_that_the_server_insists_on() {
    let world = with_places().await;
    let page = create_for(&world, "198.51.100.7").await;
    let link = scan(&world, &page, "oAlice").await;
    let beijing = ("x-forwarded-for", "203.0.113.9");
    let shown = seen_from(&link, beijing.1).await;
    for told in ["South Korea, Seoul", "198.51.100.7", "far away", "name=\"understood\"", "required"] {
        assert!(shown.contains(told), "{told} is not in {shown}");
    }
    let without = send("POST", &link, &[FORM, beijing], "action=confirm").await;
    assert_eq!(without.status, 200);
    assert!(without.text().contains("name=\"understood\""), "the page is shown again");
    assert_eq!(world.events().await, ["created", "scanned"]);
    let with = send("POST", &link, &[FORM, beijing], "action=confirm&understood=yes").await;
    assert_eq!(with.status, 303);
    page.wait_for("confirmed").await;
}

#[tokio::test]
async fn near_each_other_and_where_nothing_is_known_one_press_is_enough() {
    let world = with_places().await;
    for phone in ["192.0.2.1", "10.0.0.1"] {
        let page = create_for(&world, "203.0.113.9").await;
        let link = scan(&world, &page, "oAlice").await;
        let shown = seen_from(&link, phone).await;
        assert!(shown.contains("China, Beijing") && !shown.contains("understood"), "{phone}: {shown}");
        assert_eq!(send("POST", &link, &[FORM, ("x-forwarded-for", phone)], "action=confirm").await.status, 303);
        page.wait_for("confirmed").await;
    }
}

#[tokio::test]
async fn a_database_that_is_none_is_told_at_the_start() {
    let mut world =
        World::prepare(|config| config.replacen("[server]", "[server]\n place_database = \"none.mmdb\"", 1)).await;
    let (status, told) = world.refused().await;
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains("none.mmdb") && told.contains("place_database"), "{told}");
}

#[tokio::test]
async fn who_scanned_says_that_it_was_somebody_else() {
    let world = asking_with("tap", |config| config).await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    assert!(show(&link).await.text().contains("data-action=\"not_me\""));
    assert_eq!(press(&link, "not_me").await.status, 303);
    page.wait_for("denied").await;
    assert_eq!(world.replay("--type denied").await[0]["reason"], "not_me");
    assert!(show(&link).await.text().contains("已作废"));
}

#[tokio::test]
async fn after_the_confirmation_it_can_still_be_said_and_nothing_of_the_login_counts() {
    let world = asking_with("tap", |config| config).await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    press(&link, "confirm").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let shown = show(&link).await.text();
    assert!(shown.contains("data-action=\"not_me\"") && !shown.contains("data-action=\"deny\""), "{shown}");
    press(&link, "not_me").await;
    assert_eq!(world.redeem(&code).await.status, 400, "what is not redeemed cannot be redeemed");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "denied"]);
}

#[tokio::test]
async fn after_the_redemption_what_was_given_is_void() {
    let mut world = asking_with("tap", |config| config).await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    press(&link, "confirm").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.status, 200);
    press(&link, "deny").await;
    assert_eq!(world.events().await.len(), 4, "only that it was somebody else counts so late");
    press(&link, "not_me").await;
    press(&link, "not_me").await;
    world.kill_and_restart().await;
    assert!(show(&link).await.text().contains("已作废"));
    assert_eq!(world.redeem(&code).await.status, 400);
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed", "denied"]);
}

/// A daemon whose account has web OAuth.
async fn with_web_oauth() -> World {
    World::with(|config| web_oauth(&crate::phone::asking_config("tap", &config), "base")).await
}

/// A browser inside WeChat: keeps cookies, follows redirects.
struct Webview {
    person: String,
    cookies: Vec<String>,
}

impl Webview {
    fn of(person: &str) -> Self {
        Self { person: person.into(), cookies: Vec::new() }
    }

    fn cookies(&self) -> String {
        let mut all = self.cookies.clone();
        all.push(format!("person={}", self.person));
        all.join("; ")
    }

    async fn open(&mut self, link: &str) -> Answer {
        let mut url = link.to_owned();
        for _ in 0..4 {
            let answer = send("GET", url.split('#').next().unwrap(), &[("cookie", &self.cookies())], "").await;
            if let Some((pair, _)) = answer.header("set-cookie").split_once(';') {
                self.cookies.push(pair.to_owned());
            }
            if answer.status != 302 {
                return answer;
            }
            url = answer.header("location").to_owned();
        }
        panic!("redirects without an end")
    }

    async fn press(&self, link: &str) -> Answer {
        send("POST", link, &[FORM, ("cookie", &self.cookies())], "action=confirm").await
    }
}

#[tokio::test]
async fn with_web_oauth_who_scanned_gets_the_controls() {
    let world = with_web_oauth().await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    let mut alice = Webview::of("oAlice");
    let shown = alice.open(&link).await;
    assert!(shown.status == 200 && shown.text().contains("data-action=\"confirm\""), "{}", shown.text());
    assert_eq!(alice.press(&link).await.status, 303);
    page.wait_for("confirmed").await;
}

#[tokio::test]
async fn with_web_oauth_nobody_else_gets_controls_and_nobodys_login_ends_by_looking() {
    let world = with_web_oauth().await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    let mut bob = Webview::of("oBob");
    let shown = bob.open(&link).await.text();
    assert!(shown.contains("只有扫码的人") && !shown.contains("<form"), "{shown}");
    for refused in [bob.press(&link).await, press(&link, "confirm").await, press(&link, "not_me").await] {
        assert!(refused.status == 200 && !refused.text().contains("<form"), "{}", refused.text());
    }
    world.wechat.give_snapshots(true);
    let shown = Webview::of("oAlice").open(&link).await.text();
    assert!(shown.contains("快照") && !shown.contains("<form"), "{shown}");
    for slipped_in in ["?code=x", "?state=x", "?code=x&state=x"] {
        let shown = send("GET", &format!("{link}{slipped_in}"), &[], "").await;
        assert!(!shown.text().contains("<form"), "{slipped_in}: {}", shown.text());
    }
    assert_eq!(world.events().await, ["created", "scanned"]);
    world.wechat.give_snapshots(false);
    assert!(Webview::of("oAlice").open(&link).await.text().contains("<form"), "who scanned still may");
}

#[tokio::test]
async fn a_cookie_of_somebody_elses_making_stands_in_nobodys_way() {
    let world = with_web_oauth().await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    let mut alice = Webview::of("oAlice");
    alice.open(&link).await;
    alice.cookies.insert(0, "sl_person=9999999999999999.planted".into());
    assert_eq!(alice.press(&link).await.status, 303);
    page.wait_for("confirmed").await;
}

#[tokio::test]
async fn a_proof_of_one_login_opens_no_other_and_another_browsers_answer_none() {
    let world = with_web_oauth().await;
    let (one, other) = (world.create().await, world.create().await);
    let link = scan(&world, &one, "oAlice").await;
    let others = scan(&world, &other, "oAlice").await;
    let mut alice = Webview::of("oAlice");
    alice.open(&link).await;
    alice.cookies.retain(|cookie| cookie.starts_with("sl_person="));
    assert!(!alice.press(&others).await.text().contains("<form"));
    // Who is sent an address with a code in it has not asked for it.
    let led = send("GET", &others, &[], "").await;
    let to_wechat = led.header("location").split('#').next().unwrap().to_owned();
    let back = send("GET", &to_wechat, &[("cookie", "person=oAlice")], "").await.header("location").to_owned();
    assert!(!send("GET", &back, &[], "").await.text().contains("<form"));
    assert_eq!(world.events().await, ["created", "created", "scanned", "scanned"]);
}
