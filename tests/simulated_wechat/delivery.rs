use std::time::Duration;

use http::StatusCode;
use scan_login::simulator::{NoAnswer, Pushed, ScanError};
use scan_login::transport::wechat::message::{CameBy, Kind};

use crate::support::{Answering, SCENE, Stage, pass, reply, scan};

#[tokio::test]
async fn a_stranger_follows_and_a_follower_scans() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    let first = stage.wechat.scan(&code, &stage.person).await.unwrap();
    let second = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert_eq!((first.event, second.event), (Pushed::Subscribe, Pushed::Scan));
    assert!(first.is_accepted() && first.deliveries() == 1);
    assert_eq!(stage.kinds(), [Kind::Subscribe(CameBy::Scene(SCENE.into())), scan()]);
    let push = stage.callback.pushes.lock().unwrap()[0].clone();
    assert_eq!(push.to, "gh_7f083739789a");
    assert_eq!(push.from, stage.person);
    assert_eq!(push.create_time, first.began.as_seconds());
    stage.wechat.unfollow(&stage.app_id, &stage.person);
    assert_eq!(stage.wechat.scan(&code, &stage.person).await.unwrap().event, Pushed::Subscribe);
}

#[tokio::test]
async fn nothing_is_pushed_for_a_code_that_is_over_or_unknown() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    pass(Duration::from_secs(300)).await;
    assert_eq!(stage.wechat.scan(&code, &stage.person).await.unwrap_err(), ScanError::Expired);
    let scan = async |content| stage.wechat.scan(content, &stage.person).await.unwrap_err();
    assert_eq!(scan("http://weixin.qq.com/q/no").await, ScanError::Unknown);
    assert_eq!(scan("no link").await, ScanError::Unknown);
    let page = "https://example.com/";
    assert_eq!(scan(page).await, ScanError::Page(page.parse().unwrap()), "which its browser opens");
    assert!(stage.kinds().is_empty());
}

#[tokio::test]
async fn a_push_that_is_not_taken_is_delivered_three_times() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.follow(&stage.app_id, &stage.person);
    stage.answer(Answering::Says(StatusCode::OK, "{\"ok\":true}".into()));
    let delivery = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert!(!delivery.is_accepted());
    assert_eq!(delivery.deliveries(), 3);
    assert_eq!(stage.kinds(), [scan(), scan(), scan()]);
}

#[tokio::test]
async fn a_callback_that_does_not_answer_is_given_up_after_three_times_five_seconds() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.answer(Answering::Never);
    tokio::time::pause();
    let delivery = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert_eq!(delivery.answers, vec![Err(NoAnswer::TimedOut); 3]);
    assert!(delivery.took >= Duration::from_secs(15), "{:?}", delivery.took);
}

#[tokio::test]
async fn a_reply_reaches_the_person() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.answer(reply("请点击"));
    let delivery = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert_eq!(delivery.deliveries(), 1);
    assert_eq!(delivery.reply().unwrap().content, "请点击");
}

#[tokio::test]
async fn an_accepted_push_can_come_twice() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.follow(&stage.app_id, &stage.person);
    stage.wechat.deliver_twice(true);
    assert_eq!(stage.wechat.scan(&code, &stage.person).await.unwrap().deliveries(), 2);
    assert_eq!(stage.kinds(), [scan(), scan()]);
}

#[tokio::test]
async fn the_console_verifies_who_knows_the_token() {
    let good = Stage::new().await;
    assert!(good.wechat.verify(&good.app_id).await.unwrap().is_passed);
    let other = Stage::with_token("BBBBB").await;
    let verification = other.wechat.verify(&other.app_id).await.unwrap();
    assert!(!verification.is_passed);
    assert_eq!(verification.answer.unwrap().status, 403);
}

#[tokio::test]
async fn any_bytes_can_be_pushed() {
    let stage = Stage::new().await;
    let query = stage.wechat.signed_query(&stage.app_id, &stage.person).unwrap();
    let malformed = stage.wechat.push_raw(&stage.app_id, &query, "<xml>").await.unwrap().unwrap();
    assert_eq!(malformed.status, 400);
    let forged = stage.wechat.push_raw(&stage.app_id, "signature=0&timestamp=1&nonce=2", "").await.unwrap().unwrap();
    assert_eq!(forged.status, 403);
}
