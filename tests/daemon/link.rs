//! Scanning by opening a link, whether a QR code holds it (`qr = "link"`) or somebody inside WeChat taps it (`links.in_app`).

use scan_login::domain::OpenId;
use scan_login::simulator::{Call, OpenedPage, WeChatBrowser};

use crate::support::*;

/// A shop that is confirmed in this way, with this in its QR codes.
async fn shop(confirm: &str, qr: &str) -> World {
    World::with(|config| shop_config(&web_oauth(&config, "base"), confirm, qr)).await
}

fn shop_config(config: &str, confirm: &str, qr: &str) -> String {
    let shop = "name = \"Example Shop\"\n            confirm = \"auto\"";
    assert!(config.contains(shop));
    config.replacen(shop, &format!("name = \"Example Shop\"\n confirm = \"{confirm}\"\n qr = \"{qr}\""), 1)
}

fn browser(world: &World, openid: &str) -> WeChatBrowser {
    world.wechat.browser(&OpenId::new(openid).unwrap())
}

async fn open(world: &World, openid: &str, url: &str) -> OpenedPage {
    browser(world, openid).open(url).await.unwrap()
}

fn in_app(page: &LoginPage) -> Option<&str> {
    page.created["links"]["in_app"].as_str()
}

/// Goes to WeChat as the page asks, and comes back no further: the cookie of the visit, and where WeChat sends the browser.
async fn back_from_wechat(link: &str, openid: &str) -> (String, String) {
    let led = send("GET", link, &[], "").await;
    assert_eq!(led.status, 302);
    (kept(&led), authorized(&led, openid).await)
}

/// The cookie that an answer sets.
fn kept(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// Goes where an answer leads to, which is WeChat; where that sends the browser.
async fn authorized(led: &Answer, openid: &str) -> String {
    let to_wechat = led.header("location").split('#').next().unwrap().to_owned();
    let person = format!("person={openid}");
    send("GET", &to_wechat, &[("cookie", &person)], "").await.header("location").to_owned()
}

#[tokio::test]
async fn who_scans_a_link_opens_it_and_picks_the_number() {
    let world = shop("number", "link").await;
    let page = world.create_with(|request| request["ui_locales"] = "en".into()).await;
    assert_eq!(page.qr_content, world.url(&format!("/l/{}", page.scene)), "the scene, and nothing else");
    assert_eq!(in_app(&page), Some(page.qr_content.as_str()));
    assert_eq!(send("GET", page.created["qr_png"].as_str().unwrap(), &[], "").await.status, 200);

    let mut alice = browser(&world, "oAlice");
    let shown = alice.open(&page.qr_content).await.unwrap();
    assert!(shown.url.path().starts_with("/c/") && shown.url.query().is_none(), "{}", shown.url);
    for told in ["Is this you logging in?", "Example Shop", "shop.example.com", "data-action=\"not_me\""] {
        assert!(shown.html.contains(told), "{told} is not in {}", shown.html);
    }
    let number = page.wait_for("scanned").await["number"].to_string();
    assert_eq!(world.events().await, ["created", "scanned"]);
    alice.submit(shown.url.as_str(), &format!("number={number}")).await.unwrap();
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.json()["openid"], "oAlice");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed"]);
}

#[tokio::test]
async fn a_link_needs_no_wechat_to_be_made() {
    let mut world = World::prepare(|config| shop_config(&web_oauth(&config, "base"), "tap", "link")).await;
    world.wechat.set_away(true);
    world.run().await;
    let page = world.create().await;
    assert!(page.qr_content.contains("/l/"));
    assert_eq!(send("GET", &page.qr_content, &[], "").await.status, 302);
}

#[tokio::test]
async fn who_is_inside_wechat_opens_the_same_session_that_others_scan() {
    let world = shop("tap", "scene").await;
    let page = world.create().await;
    assert!(page.qr_content.contains("weixin.qq.com"));
    let mut alice = browser(&world, "oAlice");
    let shown = alice.open(in_app(&page).unwrap()).await.unwrap();
    alice.submit(shown.url.as_str(), "action=confirm").await.unwrap();
    page.wait_for("confirmed").await;
}

#[tokio::test]
async fn without_web_oauth_there_is_no_link() {
    let world = World::with(|config| shop_config(&config, "tap", "scene")).await;
    let page = world.create().await;
    assert_eq!(in_app(&page), None);
    assert_eq!(send("GET", &world.url(&format!("/l/{}", page.scene)), &[], "").await.status, 404);
    let mut world = World::prepare(|config| shop_config(&config, "tap", "link")).await;
    let (status, told) = world.refused().await;
    assert_eq!(status.code(), Some(2));
    assert!(told.contains("client.shop.qr") && told.contains("web_oauth = \"base\""), "{told}");
}

/// Any page can make a phone open a link: that alone must not log anybody in, unless the operator has said so.
#[tokio::test]
async fn where_a_scan_alone_confirms_a_link_does_not_unless_the_code_holds_it() {
    let world = shop("auto", "scene").await;
    let page = world.create().await;
    assert_eq!(in_app(&page), None);
    let opened = open(&world, "oAlice", &world.url(&format!("/l/{}", page.scene))).await;
    assert_eq!(opened.status, 404);
    assert_eq!(world.events().await, ["created"]);

    let world = shop("auto", "link").await;
    let page = world.create().await;
    let shown = open(&world, "oAlice", &page.qr_content).await;
    page.wait_for("confirmed").await;
    assert!(shown.html.contains("data-action=\"not_me\""), "it can still be taken back: {}", shown.html);
}

#[tokio::test]
async fn nothing_happens_before_wechat_has_said_who_it_is() {
    let world = shop("tap", "link").await;
    let page = world.create().await;
    for method in ["GET", "HEAD"] {
        let led = send(method, &page.qr_content, &[], "").await;
        assert_eq!(led.status, 302, "{method}");
        assert!(led.header("location").contains("scope=snsapi_base"), "{}", led.header("location"));
        assert_eq!((led.header("cache-control"), led.header("referrer-policy")), ("no-store", "no-referrer"));
        assert_eq!(led.headers.contains_key("set-cookie"), method == "GET", "{method}");
    }
    let (cookie, back) = back_from_wechat(&page.qr_content, "oAlice").await;
    assert_eq!(send("HEAD", &back, &[("cookie", &cookie)], "").await.status, 302);
    assert_eq!(send("POST", &page.qr_content, &[FORM], "").await.status, 405);
    assert_eq!(world.events().await, ["created"]);
    assert_eq!(send("GET", &back, &[("cookie", &cookie)], "").await.status, 302);
    assert_eq!(world.events().await, ["created", "scanned"]);
}

#[tokio::test]
async fn the_first_who_opens_it_is_the_scanner() {
    let world = shop("tap", "link").await;
    let page = world.create_with(|request| request["ui_locales"] = "en".into()).await;
    let alices = open(&world, "oAlice", &page.qr_content).await;
    let bobs = open(&world, "oBob", &page.qr_content).await;
    assert!(bobs.html.contains("Somebody else has scanned") && !bobs.html.contains("<form"), "{}", bobs.html);
    let again = open(&world, "oAlice", &page.qr_content).await;
    assert_eq!((again.url, again.html.contains("<form")), (alices.url, true));
    assert_eq!(world.events().await, ["created", "scanned"]);
}

#[tokio::test]
async fn an_answer_of_wechats_counts_in_the_browser_that_asked_alone() {
    let world = shop("tap", "link").await;
    let (page, other) = (world.create().await, world.create().await);
    let (cookie, back) = back_from_wechat(&page.qr_content, "oAlice").await;
    let (_, query) = back.split_once('?').unwrap();
    let (others_cookie, others_back) = back_from_wechat(&other.qr_content, "oBob").await;
    let (_, others_query) = others_back.split_once('?').unwrap();
    let state = |query: &str| query.split_once("state=").unwrap().1.to_owned();
    let of_page = |query: &str| format!("{}?{query}", page.qr_content);
    for (why, url, cookie) in [
        ("no cookie", back.clone(), String::new()),
        ("another browser's cookie", back.clone(), others_cookie.clone()),
        ("another page's state", of_page(others_query), others_cookie.clone()),
        ("another page's answer", of_page(query).replace(&state(query), &state(others_query)), cookie.clone()),
        ("no code", of_page(&format!("state={}", state(query))), cookie.clone()),
        ("no code of WeChat's", of_page(&format!("code=made%20up&state={}", state(query))), cookie.clone()),
        ("a state of one's own", of_page("code=made-up&state=abc"), cookie.clone()),
    ] {
        let shown = send("GET", &url, &[("cookie", &cookie)], "").await;
        assert_eq!(shown.status, 200, "{why}");
        assert!(shown.text().contains("微信没有确认你是谁"), "{why}: {}", shown.text());
    }
    assert_eq!(world.events().await, ["created", "created"]);
}

#[tokio::test]
async fn an_answer_of_wechats_counts_once_and_its_visit_ends() {
    let world = shop("tap", "link").await;
    let page = world.create().await;
    let (cookie, back) = back_from_wechat(&page.qr_content, "oAlice").await;
    let taken = send("GET", &back, &[("cookie", &cookie)], "").await;
    let cookies: Vec<_> = taken.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("sl_visit=;") && cookie.contains("Max-Age=0")));
    assert!(!taken.header("location").contains("code="), "{}", taken.header("location"));
    // The visit of a browser that somebody copied, with another person's code: the session has its scanner.
    let (_, bobs) = back_from_wechat(&page.qr_content, "oBob").await;
    let code = bobs.split_once("code=").unwrap().1.split('&').next().unwrap().to_owned();
    let state = back.split_once("state=").unwrap().1;
    let copied = format!("{}?code={code}&state={state}", page.qr_content);
    assert!(send("GET", &copied, &[("cookie", &cookie)], "").await.text().contains("已经被别人扫过"));
    assert_eq!(world.events().await, ["created", "scanned"]);
}

/// A browser may ask for the way back twice, or somebody reloads it: both are the scanner.
#[tokio::test]
async fn who_comes_back_twice_is_led_to_wechat_once_more_and_told_nothing_that_is_not_so() {
    let world = shop("auto", "link").await;
    let page = world.create().await;
    let (cookie, back) = back_from_wechat(&page.qr_content, "oAlice").await;
    let cookie = [("cookie", cookie.as_str())];
    assert!(send("GET", &back, &cookie, "").await.header("location").contains("/c/"));
    page.wait_for("confirmed").await;
    let once_more = send("GET", &back, &cookie, "").await;
    assert_eq!(kept(&once_more), cookie[0].1, "it is the same visit");
    let back = authorized(&once_more, "oAlice").await;
    assert!(send("GET", &back, &cookie, "").await.header("location").contains("/c/"), "it is who scanned");
    // And not for ever.
    let told = send("GET", &back, &cookie, "").await;
    assert!(told.status == 200 && told.text().contains("微信没有确认你是谁"), "{}", told.text());
    assert!(!told.text().contains("没有登录"), "they are logged in: {}", told.text());
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn a_link_that_is_opened_twice_in_one_browser_breaks_no_trip() {
    let world = shop("tap", "link").await;
    let page = world.create().await;
    let (cookie, back) = back_from_wechat(&page.qr_content, "oAlice").await;
    let second = send("GET", &page.qr_content, &[("cookie", &cookie)], "").await;
    assert_eq!(kept(&second), cookie);
    // Somebody else's cookie of this name stands in no visit's way.
    let cookies = format!("sl_visit={}; {cookie}", "0".repeat(32));
    assert!(send("GET", &back, &[("cookie", &cookies)], "").await.header("location").contains("/c/"));
    assert_eq!(world.events().await, ["created", "scanned"]);
}

/// Strangers may not make the daemon ask WeChat as often as they like, nor anything that they like.
#[tokio::test]
async fn a_visit_asks_wechat_a_few_times_and_only_about_what_can_be_a_code() {
    let world = shop("tap", "link").await;
    let page = world.create().await;
    let (cookie, back) = back_from_wechat(&page.qr_content, "oAlice").await;
    let state = back.split_once("state=").unwrap().1;
    let bring = async |code: &str| {
        let url = format!("{}?code={code}&state={state}", page.qr_content);
        send("GET", &url, &[("cookie", &cookie)], "").await
    };
    for nonsense in ["", "%3Chtml%3E", "a%2Fb", &"x".repeat(129)] {
        assert_eq!(bring(nonsense).await.status, 200, "{nonsense}");
    }
    assert_eq!(world.wechat.calls(Call::SnsToken), 0);
    let mut refused = 0;
    for number in 0..20 {
        let answer = bring(&format!("made-up-{number}")).await;
        assert!(matches!(answer.status, 302 | 429), "{}", answer.status);
        refused += usize::from(answer.status == 429 && !answer.header("retry-after").is_empty());
        assert!(answer.status == 302 || answer.text().contains("太频繁"), "a person reads it: {}", answer.text());
    }
    assert_eq!((world.wechat.calls(Call::SnsToken), refused), (6, 14));
    assert!(open(&world, "oAlice", &page.qr_content).await.html.contains("<form"), "another browser goes on");
}

#[tokio::test]
async fn what_a_browser_fetches_by_itself_scans_nothing() {
    let world = shop("tap", "link").await;
    let page = world.create().await;
    let (cookie, back) = back_from_wechat(&page.qr_content, "oAlice").await;
    for (name, value) in [
        ("sec-fetch-dest", "image"),
        ("sec-fetch-dest", "iframe"),
        ("sec-fetch-dest", "empty"),
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
    ] {
        let refused = send("GET", &back, &[("cookie", &cookie), (name, value)], "").await;
        assert_eq!(
            (refused.status, refused.header("content-type")),
            (403, "text/html; charset=utf-8"),
            "{name}: {value}"
        );
    }
    assert_eq!((world.wechat.calls(Call::SnsToken), world.events().await), (0, vec!["created".to_owned()]));
    let navigation = [("cookie", cookie.as_str()), ("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")];
    assert_eq!(send("GET", &back, &navigation, "").await.status, 302);
    assert_eq!(world.events().await, ["created", "scanned"]);
}

#[tokio::test]
async fn a_code_of_another_account_says_nothing() {
    let world = shop("tap", "link").await;
    let page = world.create().await;
    let (cookie, back) = back_from_wechat(&page.qr_content, "oAlice").await;
    let led = send("GET", &page.qr_content, &[], "").await;
    let elsewhere = led.header("location").split('#').next().unwrap().replace(APP_ID, "wx0000000000000002");
    let others = send("GET", &elsewhere, &[("cookie", "person=oAlice")], "").await.header("location").to_owned();
    let code = others.split_once("code=").unwrap().1.split('&').next().unwrap().to_owned();
    let state = back.split_once("state=").unwrap().1;
    let mixed = format!("{}?code={code}&state={state}", page.qr_content);
    let led = send("GET", &mixed, &[("cookie", &cookie)], "").await;
    assert!(led.header("location").contains("/connect/oauth2/authorize"), "{}", led.header("location"));
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn a_snapshot_user_never_scans() {
    let world = shop("tap", "link").await;
    let page = world.create().await;
    world.wechat.give_snapshots(true);
    let shown = open(&world, "oAlice", &page.qr_content).await;
    assert!(shown.html.contains("快照") && !shown.html.contains("<form"), "{}", shown.html);
    assert_eq!(world.events().await, ["created"]);
    world.wechat.give_snapshots(false);
    assert!(open(&world, "oAlice", &page.qr_content).await.html.contains("<form"), "in full service they do");
}

#[tokio::test]
async fn who_opens_it_while_wechat_is_away_is_told_and_may_try_again() {
    let world = shop("tap", "link").await;
    let page = world.create_with(|request| request["ui_locales"] = "en".into()).await;
    world.wechat.set_away(true);
    let shown = open(&world, "oAlice", &page.qr_content).await;
    assert!(shown.html.contains("open the link again"), "{}", shown.html);
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn what_is_over_or_was_never_there_is_told_so() {
    let world = shop("tap", "link").await;
    let page = world.create().await;
    let (cookie, back) = back_from_wechat(&page.qr_content, "oAlice").await;
    page.give_up().await;
    let shown = open(&world, "oAlice", &page.qr_content).await;
    assert!(shown.html.contains("已经失效") && !shown.html.contains("<form"), "{}", shown.html);
    assert_eq!(shown.url.as_str(), page.qr_content, "it is worth no trip to WeChat");
    assert_eq!(send("GET", &back, &[("cookie", &cookie)], "").await.status, 200);
    assert_eq!(world.wechat.calls(Call::SnsToken), 0, "nor one of its codes");
    for unknown in ["/l/sl-0000000000000000000000", "/l/x", "/l/%ff"] {
        assert_eq!(world.get(unknown, &[]).await.status, 404, "{unknown}");
    }
    assert_eq!(world.events().await, ["created", "denied"]);
}

#[tokio::test]
async fn an_account_with_consent_asks_for_it_and_a_public_url_with_a_path_works() {
    let world = World::with(|config| {
        let config = shop_config(&web_oauth(&config, "userinfo"), "tap", "link");
        config.replacen(":8080\"\n            [admin]", ":8080/login\"\n            [admin]", 1)
    })
    .await;
    let page = world.create().await;
    assert!(page.qr_content.contains(":8080/login/l/"), "{}", page.qr_content);
    let led = send("GET", &page.qr_content, &[], "").await;
    assert!(led.header("location").contains("scope=snsapi_userinfo"), "{}", led.header("location"));
    let shown = open(&world, "oAlice", &page.qr_content).await;
    assert!(shown.url.path().starts_with("/login/c/") && shown.html.contains("<form"), "{}", shown.html);
}

#[tokio::test]
async fn the_link_is_good_after_a_restart() {
    let mut world = shop("tap", "link").await;
    let page = world.create().await;
    world.kill_and_restart().await;
    let mut alice = browser(&world, "oAlice");
    let shown = alice.open(&page.qr_content).await.unwrap();
    alice.submit(shown.url.as_str(), "action=confirm").await.unwrap();
    page.wait_for("confirmed").await;
}
