//! `/wechat/{account}`: what WeChat sends, and what others send in its place.

use std::time::{SystemTime, UNIX_EPOCH};

use scan_login::domain::{AppId, OpenId};
use scan_login::transport::wechat::signature::sign;

use crate::support::*;

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn query(timestamp: &str, nonce: &str) -> String {
    format!("signature={}&timestamp={timestamp}&nonce={nonce}", sign(&[TOKEN, timestamp, nonce]))
}

pub fn event(event: &str, key: &str, openid: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_000000000001]]></ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName>\
         <CreateTime>{}</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{event}]]></Event>\
         <EventKey><![CDATA[{key}]]></EventKey><Ticket><![CDATA[gQ==]]></Ticket></xml>",
        now()
    )
}

#[tokio::test]
async fn wechat_verifies_the_server() {
    let world = World::start().await;
    let verification = world.wechat.verify(&AppId::new(APP_ID).unwrap()).await.unwrap();
    assert!(verification.is_passed);

    let query = query("1714036504", "1514711492");
    let echo = world.get(&format!("/wechat/main?{query}&echostr=4375120948345356249"), &[]).await;
    assert_eq!((echo.status, echo.text().as_str()), (200, "4375120948345356249"));
    assert!(echo.header("content-type").starts_with("text/plain"));
    for (path, status) in [
        (format!("/wechat/main?{}&echostr=1", query.replace("nonce=1", "nonce=2")), 403),
        (format!("/wechat/main?{query}"), 400),
        ("/wechat/main?echostr=1".to_owned(), 400),
        (format!("/wechat/main?{query}&nonce=1&echostr=1"), 400),
        (format!("/wechat/unknown?{query}&echostr=1"), 404),
    ] {
        assert_eq!(world.get(&path, &[]).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_follower_scans_and_a_new_follower_subscribes() {
    let world = World::start().await;
    for (kind, prefix) in [("SCAN", ""), ("scan", ""), ("subscribe", "qrscene_")] {
        let page = world.create().await;
        let answer = world.callback(&event(kind, &format!("{prefix}{}", page.scene), "oAlice")).await;
        assert_eq!((answer.status, answer.said().as_deref()), (200, Some("你已登录 Example Shop。")));
        page.wait_for("confirmed").await;
    }
}

#[tokio::test]
async fn what_is_authentic_but_no_login_is_taken_and_leaves_nothing() {
    let world = World::start().await;
    let page = world.create().await;
    let text = "<xml><ToUserName>gh</ToUserName><FromUserName>oAlice</FromUserName><CreateTime>1</CreateTime>\
                <MsgType>text</MsgType><Content>hello</Content><MsgId>1</MsgId></xml>";
    for body in [
        text.to_owned(),
        event("subscribe", "last_trade_no_1234", "oAlice"),
        event("unsubscribe", "", "oAlice"),
        event("CLICK", &page.scene, "oAlice"),
        event("SCAN", "another-systems-scene", "oAlice"),
        event("SCAN", &format!("qrscene_{}", page.scene), "oAlice"),
        event("subscribe", &page.scene, "oAlice"),
    ] {
        let answer = world.callback(&body).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "success"), "{body}");
    }
    for scene in ["sl-unknown-unknown-unknown-1", "sl-short"] {
        let answer = world.callback(&event("SCAN", scene, "oAlice")).await;
        assert_eq!((answer.status, answer.said().unwrap().contains("失效")), (200, true), "{scene}");
    }
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn what_is_not_signed_or_too_old_has_no_effect() {
    let world = World::start().await;
    let page = world.create().await;
    let body = event("SCAN", &page.scene, "oMallory");
    // Not ending in 0: the border that is moved below must not change the order in which the parts are signed.
    let fresh = (now() / 10 * 10 + 5).to_string();
    let good = query(&fresh, "abc");
    for (query, status) in [
        (String::new(), 400),
        (format!("timestamp={fresh}&nonce=abc"), 400),
        (good.replace("signature=", "signature=0"), 403),
        (good.replace("nonce=abc", "nonce=abd"), 403),
        (
            good.to_uppercase()
                .replace("SIGNATURE", "signature")
                .replace("TIMESTAMP", "timestamp")
                .replace("NONCE=ABC", "nonce=abc"),
            403,
        ),
        (format!("{good}&timestamp={fresh}"), 400),
        (query(&(now() - 700).to_string(), "abc"), 403),
        (query(&(now() + 700).to_string(), "abc"), 403),
        // The border between timestamp and nonce is not signed.
        (
            format!("signature={}&timestamp={}&nonce={}abc", sign(&[TOKEN, &fresh, "abc"]), &fresh[..9], &fresh[9..]),
            400,
        ),
        (format!("{good}&encrypt_type=aes&msg_signature=x"), 403),
    ] {
        let answer = world.post(&format!("/wechat/main?{query}"), &[], &body).await;
        assert_eq!(answer.status, status, "{query}");
    }
    assert_eq!(world.events().await, ["created"]);
    assert_eq!(world.post(&format!("/wechat/main?{good}"), &[], &body).await.status, 200);
}

#[tokio::test]
async fn what_is_malformed_has_no_effect() {
    let world = World::start().await;
    let page = world.create().await;
    let good = event("SCAN", &page.scene, "oAlice");
    let doctype = format!("<!DOCTYPE xml [<!ENTITY x \"{}\">]>{}", page.scene, good.replace(&page.scene, "&x;"));
    for body in
        [String::new(), "nonsense".into(), "{}".into(), good.replace("oAlice", ""), good[..200].to_owned(), doctype]
    {
        assert_eq!(world.callback(&body).await.status, 400, "{body}");
    }
    let large = format!("{good}{}", " ".repeat(70_000));
    assert_eq!(world.callback(&large).await.status, 413);
    let envelope = "<xml><ToUserName>gh</ToUserName><Encrypt>AAAA</Encrypt></xml>";
    assert_eq!(world.callback(envelope).await.status, 403);
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn a_scan_told_by_another_account_has_no_effect() {
    let world = World::start().await;
    let page = world.create().await;
    let other = AppId::new("wx0000000000000002").unwrap();
    let query = world.wechat.signed_query(&other, &OpenId::new("oMallory").unwrap()).unwrap();
    let body = event("SCAN", &page.scene, "oMallory");
    let answer = world.post(&format!("/wechat/other?{query}"), &[], &body).await;
    assert_eq!(answer.status, 200);
    assert!(answer.said().unwrap().contains("失效"), "the other account's website is not named");
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn three_deliveries_of_one_scan_have_one_effect() {
    let world = World::start().await;
    let page = world.create().await;
    let body = event("SCAN", &page.scene, "oAlice");
    let query = query(&now().to_string(), "abc");
    let path = format!("/wechat/main?{query}");
    let deliveries = (0..3).map(|_| world.post(&path, &[], &body));
    let answers = futures_util::future::join_all(deliveries).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
    }
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"]);
}
