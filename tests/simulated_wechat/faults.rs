use std::time::Duration;

use http::StatusCode;
use scan_login::domain::OpenId;
use scan_login::simulator::{PushFaults, Pushed};
use scan_login::transport::wechat::message::{CameBy, Kind};

use crate::support::{Answering, SCENE, Stage, pass, refusal, scan};

#[tokio::test]
async fn after_repeated_failures_nothing_is_pushed_for_a_minute() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.follow(&stage.app_id, &stage.person);
    stage.wechat.mark_fail_after(&stage.app_id, 2);
    stage.answer(refusal());
    for _ in 0..2 {
        assert_eq!(stage.wechat.scan(&code, &stage.person).await.unwrap().deliveries(), 3);
    }
    stage.answer(Answering::Says(StatusCode::OK, "success".into()));
    let lost = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert!(lost.is_lost() && !lost.is_accepted());
    pass(Duration::from_secs(60)).await;
    assert!(stage.wechat.scan(&code, &stage.person).await.unwrap().is_accepted());
    assert_eq!(stage.kinds().len(), 7, "what was lost does not come later");
}

#[tokio::test]
async fn a_push_that_is_taken_makes_up_for_failures_before_it() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.mark_fail_after(&stage.app_id, 2);
    for answering in [refusal(), Answering::Says(StatusCode::OK, String::new()), refusal()] {
        stage.answer(answering);
        assert!(!stage.wechat.scan(&code, &stage.person).await.unwrap().is_lost());
    }
}

#[tokio::test]
async fn the_pause_can_come_at_once() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.mark_fail(&stage.app_id);
    assert!(stage.wechat.scan(&code, &stage.person).await.unwrap().is_lost());
    assert!(stage.kinds().is_empty());
}

#[tokio::test]
async fn a_push_can_come_late() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.set_push_faults(PushFaults { delay: Duration::from_secs(7), ..PushFaults::default() });
    let (wechat, person) = (stage.wechat.clone(), stage.person.clone());
    let scanned = stage.wechat.now();
    let scanning = tokio::spawn(async move { wechat.scan(&code, &person).await.unwrap() });
    tokio::task::yield_now().await;
    assert!(stage.kinds().is_empty());
    pass(Duration::from_secs(7)).await;
    let delivery = scanning.await.unwrap();
    assert!(scanned.until(delivery.began) >= Duration::from_secs(7));
    assert!(delivery.is_accepted());
}

#[tokio::test]
async fn two_pushes_can_change_places() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.swap_next_two();
    let first = stage.wechat.scan(&code, &stage.person);
    let second = stage.wechat.say(&stage.app_id, &stage.person, "hello");
    let (first, second) = tokio::join!(first, second);
    assert!(first.unwrap().is_accepted() && second.unwrap().is_accepted());
    let kinds = stage.kinds();
    assert!(matches!(&kinds[..], [Kind::Text { .. }, Kind::Subscribe(_)]), "{kinds:?}");
    stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert_eq!(stage.kinds()[2], scan(), "afterwards everything comes in turn");
}

#[tokio::test]
async fn two_phones_scan_at_the_same_time() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    let other = OpenId::new("oSecondPhone").unwrap();
    for delivery in stage.wechat.scan_both(&code, [&stage.person, &other]).await {
        assert_eq!(delivery.unwrap().event, Pushed::Subscribe);
    }
    assert_eq!(stage.kinds().len(), 2);
}

#[tokio::test]
async fn a_push_with_a_wrong_signature_is_not_taken() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.set_push_faults(PushFaults { wrong_signature: true, ..PushFaults::default() });
    let delivery = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert!(delivery.answers.iter().flatten().all(|answer| answer.status == 403));
    assert!(stage.kinds().is_empty());
}

#[tokio::test]
async fn whoever_follows_after_five_minutes_is_not_known_to_have_scanned() {
    for (minutes, came_by) in [(4, CameBy::Scene(SCENE.into())), (5, CameBy::Unknown)] {
        let stage = Stage::new().await;
        let code = stage.code().await;
        let (wechat, person) = (stage.wechat.clone(), stage.person.clone());
        let hesitation = Duration::from_secs(60 * minutes);
        let following =
            tokio::spawn(async move { wechat.scan_and_follow_after(&code, &person, hesitation).await.unwrap() });
        tokio::task::yield_now().await;
        pass(hesitation).await;
        assert_eq!(following.await.unwrap().event, Pushed::Subscribe);
        assert_eq!(stage.kinds(), [Kind::Subscribe(came_by)], "after {minutes} minutes");
    }
}

#[tokio::test]
async fn the_scene_can_be_forgotten_at_once() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.set_push_faults(PushFaults { forgets_scene: true, ..PushFaults::default() });
    stage.wechat.scan(&code, &stage.person).await.unwrap();
    stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert_eq!(stage.kinds(), [Kind::Subscribe(CameBy::Unknown), scan()], "a follower's scan is never forgotten");
}

#[tokio::test]
async fn a_plain_push_can_be_repeated_with_another_body() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    assert!(stage.wechat.replay(&stage.app_id, |body| body).await.is_none(), "nothing was pushed yet");
    stage.wechat.scan(&code, &stage.person).await.unwrap();
    let altered = stage.wechat.replay(&stage.app_id, |body| body.replace(SCENE, "sl-another")).await;
    assert_eq!(altered.unwrap().unwrap().status, 200, "nothing in plain mode gives it away");
    assert_eq!(stage.kinds()[1], Kind::Subscribe(CameBy::Scene("sl-another".into())));
}
