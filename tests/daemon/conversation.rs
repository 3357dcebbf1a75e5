//! What people read in the conversation with the account.

use crate::callback::event;
use crate::support::*;

#[tokio::test]
async fn a_reply_speaks_the_pages_language() {
    let world = World::start().await;
    for (locales, said) in [("en-GB", "You are logged in to Example Shop."), ("zh-CN en", "你已登录 Example Shop。")]
    {
        let page = world.create_with(|request| request["ui_locales"] = locales.into()).await;
        assert_eq!(world.callback(&event("SCAN", &page.scene, "oAlice")).await.said().as_deref(), Some(said));
    }
}

#[tokio::test]
async fn a_scan_that_cannot_succeed_says_why_and_what_to_do() {
    let world = World::start().await;
    let page = world.create_with(|request| request["ui_locales"] = "en".into()).await;
    world.callback(&event("SCAN", &page.scene, "oAlice")).await;
    let second = world.callback(&event("SCAN", &page.scene, "oBob")).await.said().unwrap();
    assert!(second.contains("Somebody else") && second.contains("Example Shop"), "{second}");
    let page = world.create_with(|request| request["ui_locales"] = "en".into()).await;
    page.give_up().await;
    let late = world.callback(&event("SCAN", &page.scene, "oAlice")).await.said().unwrap();
    assert!(late.contains("no longer valid") && late.contains("scan again"), "{late}");
}

#[tokio::test]
async fn a_follower_whose_scene_wechat_forgot_is_told_to_scan_again() {
    let world = World::start().await;
    world.create().await;
    let said = world.callback(&event("subscribe", "", "oAlice")).await.said().unwrap();
    assert!(said.contains("再扫一次"), "{said}");
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn an_operator_sets_texts_and_simple_replies() {
    let world = World::with(|config| {
        let texts = r#"
            [account.texts.zh-CN]
            confirmed = "欢迎回到 {site}"
            scan_again = "请重新扫码"
            [account.replies]
            subscribe = "你好"
            default = "人工客服在线"
            [[account.replies.keyword]]
            words = ["价格", "price"]
            text = "见官网"
            [[account]]
            name = "other""#;
        config.replacen("[[account]]\n            name = \"other\"", texts, 1)
    })
    .await;
    let page = world.create().await;
    let said = async |body: String| world.callback(&body).await.said();
    assert_eq!(said(event("SCAN", &page.scene, "oAlice")).await.unwrap(), "欢迎回到 Example Shop");
    assert_eq!(said(event("subscribe", "", "oBob")).await.unwrap(), "你好\n\n请重新扫码");
    assert_eq!(said(event("subscribe", "last_trade_no_1", "oCarol")).await.unwrap(), "你好");
    let text = |content: &str| {
        format!(
            "<xml><ToUserName>gh</ToUserName><FromUserName>oBob</FromUserName><CreateTime>1</CreateTime>\
             <MsgType>text</MsgType><Content>{content}</Content><MsgId>{}</MsgId></xml>",
            content.len()
        )
    };
    assert_eq!(said(text("What is the PRICE?")).await.unwrap(), "见官网");
    assert_eq!(said(text("你好吗")).await.unwrap(), "人工客服在线");
    assert_eq!(said(event("CLICK", "price", "oBob")).await.unwrap(), "见官网");
    assert_eq!(said(event("CLICK", "V1001", "oBob")).await, None);
    assert_eq!(said(event("unsubscribe", "", "oBob")).await, None);
}
