//! People, and messages to them.

use super::*;

async fn send(wechat: &SimulatedWeChat, to: &str, text: &str) -> Value {
    let message = json!({"touser": to, "msgtype": "text", "text": {"content": text}});
    authorized(wechat, "/cgi-bin/message/custom/send", &message.to_string()).await["errcode"].clone()
}

fn alice() -> OpenId {
    OpenId::new("oAlice").unwrap()
}

/// Alice follows, and has pressed a button.
async fn after_a_click() -> SimulatedWeChat {
    let wechat = wechat();
    wechat.follow(&app_id(), &alice());
    wechat.click(&app_id(), &alice(), "key").await.unwrap();
    wechat
}

#[tokio::test]
async fn a_message_stands_in_the_conversation() {
    let wechat = after_a_click().await;
    assert_eq!(send(&wechat, "oAlice", "请点击").await, 0);
    let last = wechat.conversation(&app_id(), &alice()).pop().unwrap();
    assert_eq!((last.voice, &*last.text), (Voice::Custom, "请点击"));
}

#[tokio::test]
async fn a_menu_stands_there_with_what_its_entries_say_and_a_press_says_it() {
    let wechat = after_a_click().await;
    let menu = json!({"head_content": "满意吗？", "list": [{"id": "101", "content": "满意"}], "tail_content": "谢谢"});
    let message = json!({"touser": "oAlice", "msgtype": "msgmenu", "msgmenu": menu});
    assert_eq!(authorized(&wechat, "/cgi-bin/message/custom/send", &message.to_string()).await["errcode"], 0);
    let last = wechat.conversation(&app_id(), &alice()).pop().unwrap();
    let entry = "<a href=\"weixin://bizmsgmenu?msgmenuid=101&msgmenucontent=满意\">满意</a>";
    assert_eq!((last.voice, last.text), (Voice::Custom, format!("满意吗？\n{entry}\n谢谢")));
    wechat.press(&app_id(), &alice(), "101", "满意").await.unwrap();
    let said = wechat.conversation(&app_id(), &alice());
    assert!(said.iter().any(|line| line.voice == Voice::Person && line.text == "满意"));
    let broken = json!({"touser": "oAlice", "msgtype": "msgmenu", "msgmenu": {}});
    assert_eq!(authorized(&wechat, "/cgi-bin/message/custom/send", &broken.to_string()).await["errcode"], 47001);
}

#[tokio::test]
async fn after_three_messages_or_a_minute_no_more_are_sent() {
    let wechat = after_a_click().await;
    for errcode in [0, 0, 0, 45047] {
        assert_eq!(send(&wechat, "oAlice", "hello").await, errcode);
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(send(&wechat, "oAlice", "hello").await, 45015);
}

#[tokio::test]
async fn messages_have_wechats_error_codes() {
    let wechat = after_a_click().await;
    wechat.follow(&app_id(), &OpenId::new("oSilent").unwrap());
    wechat.unfollow(&app_id(), &OpenId::new("oGone").unwrap());
    for (to, text, errcode) in [
        ("oNobody", "hello", 40003),
        ("", "hello", 40003),
        ("oSilent", "hello", 45015),
        ("oGone", "hello", 43004),
        ("oAlice", "", 44004),
        ("oAlice", &"x".repeat(2049), 45002),
    ] {
        assert_eq!(send(&wechat, to, text).await, errcode, "{to}");
    }
    let picture = r#"{"touser":"oAlice","msgtype":"image"}"#;
    assert_eq!(authorized(&wechat, "/cgi-bin/message/custom/send", picture).await["errcode"], 40008);
    let escaped = r#"{"touser":"oAlice","msgtype":"text","text":{"content":"\u8bf7"}}"#;
    assert_eq!(authorized(&wechat, "/cgi-bin/message/custom/send", escaped).await["errcode"], 40033);
}

#[tokio::test]
async fn a_follower_is_known_by_how_he_came() {
    let wechat = wechat_with(|account| SimulatedAccount { has_unionid: true, ..account });
    let code = authorized(&wechat, "/cgi-bin/qrcode/create", CODE).await["url"].as_str().unwrap().to_owned();
    wechat.scan(&code, &alice()).await.unwrap();
    wechat.follow(&app_id(), &OpenId::new("oBob").unwrap());
    wechat.unfollow(&app_id(), &OpenId::new("oGone").unwrap());
    let info = async |openid: &str| authorized(&wechat, &format!("/cgi-bin/user/info?openid={openid}"), "").await;
    let alices = info("oAlice").await;
    assert_eq!((&alices["subscribe"], &alices["subscribe_scene"]), (&1.into(), &"ADD_SCENE_QR_CODE".into()));
    assert_eq!((&alices["qr_scene_str"], &alices["nickname"]), (&"s".into(), &Value::Null));
    assert_eq!(alices["unionid"], wechat.unionid(&alice()));
    assert_eq!(info("oBob").await["subscribe_scene"], "ADD_SCENE_SEARCH");
    assert_eq!(info("oGone").await, json!({"subscribe": 0, "openid": "oGone"}));
    assert_eq!(info("oNobody").await["errcode"], 40003);
}
