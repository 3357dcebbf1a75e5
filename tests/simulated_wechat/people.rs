use http::StatusCode;
use scan_login::simulator::{Pushed, Voice};
use scan_login::transport::wechat::message::{CameBy, Kind};

use crate::support::{Answering, Stage, refusal, reply};

#[tokio::test]
async fn what_people_do_beside_scanning_is_pushed_too() {
    let stage = Stage::new().await;
    let (wechat, app_id, person) = (&stage.wechat, &stage.app_id, &stage.person);
    let done = [
        wechat.subscribe(app_id, person).await.unwrap(),
        wechat.click(app_id, person, "confirm").await.unwrap(),
        wechat.view(app_id, person, "https://shop.example.com/").await.unwrap(),
        wechat.say(app_id, person, "42 ]]> &").await.unwrap(),
        wechat.unsubscribe(app_id, person).await.unwrap(),
    ];
    assert!(done.iter().all(|delivery| delivery.is_accepted()));
    let events = done.each_ref().map(|delivery| delivery.event);
    assert_eq!(events, [Pushed::Subscribe, Pushed::Click, Pushed::View, Pushed::Text, Pushed::Unsubscribe]);
    assert!(done[1].push.body.contains("<EventKey><![CDATA[confirm]]></EventKey>"));
    assert!(done[2].push.body.contains("<EventKey><![CDATA[https://shop.example.com/]]></EventKey>"));
    assert!(done[3].push.body.contains("<MsgId>") && !done[1].push.body.contains("MsgId"));
    let click = Kind::Click { key: "confirm".into() };
    let text = Kind::Text { content: "42 ]]> &".into(), menu: None };
    assert_eq!(stage.kinds(), [Kind::Subscribe(CameBy::Unknown), click, Kind::Event, text, Kind::Unsubscribe]);
}

#[tokio::test]
async fn whoever_left_follows_again_with_the_next_scan() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.subscribe(&stage.app_id, &stage.person).await.unwrap();
    assert_eq!(stage.wechat.scan(&code, &stage.person).await.unwrap().event, Pushed::Scan);
    stage.wechat.unsubscribe(&stage.app_id, &stage.person).await.unwrap();
    assert_eq!(stage.wechat.scan(&code, &stage.person).await.unwrap().event, Pushed::Subscribe);
}

#[tokio::test]
async fn a_conversation_has_what_was_said_in_order() {
    let stage = Stage::new().await;
    let say = async |text| stage.wechat.say(&stage.app_id, &stage.person, text).await.unwrap();
    stage.answer(reply("请点击"));
    say("hello").await;
    stage.answer(Answering::Says(StatusCode::OK, "success".into()));
    say("anybody there?").await;
    stage.answer(refusal());
    say("and now?").await;
    let conversation = stage.wechat.conversation(&stage.app_id, &stage.person);
    let said: Vec<_> = conversation.iter().map(|line| (line.voice, &*line.text)).collect();
    assert_eq!(
        said,
        [
            (Voice::Person, "hello"),
            (Voice::Reply, "请点击"),
            (Voice::Person, "anybody there?"),
            (Voice::Person, "and now?"),
            (Voice::OutOfOrder, "该公众号暂时无法提供服务，请稍后再试"),
        ]
    );
}
