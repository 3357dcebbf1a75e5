//! However many visitors come, what WeChat refuses costs the account next to nothing.

use std::time::Duration;

use scan_login::clock::Clock;
use scan_login::domain::{AccountName, OpenId, Timestamp};
use scan_login::metrics::Metrics;
use scan_login::transport::wechat::api::{
    Absence, ApiError, ApiSettings, HttpClient, IssuedQr, TokenSource, WeChatApi,
};

use super::stub::Stub;

const STALE: &str = r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest"}"#;
const CODE: &str = r#"{"ticket":"gQ","expire_seconds":300,"url":"http://weixin.qq.com/q/02a"}"#;

/// An API whose clock stands at five past a minute, and moves as tokio's does.
fn api(wechat: &Stub, token_source: TokenSource) -> WeChatApi {
    let settings = ApiSettings { token_source, ..wechat.settings() };
    WeChatApi::new(settings, HttpClient::plain(), Clock::simulated(Timestamp::from_micros(1_767_323_045_000_000)))
}

async fn create(api: &WeChatApi) -> Result<IssuedQr, ApiError> {
    api.create_qr("sl-1", Duration::from_secs(300)).await
}

async fn say(api: &WeChatApi) -> Result<(), ApiError> {
    api.send_text(&OpenId::new("oAlice").unwrap(), "x").await
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn sixty_logins_cost_one_call_where_qr_codes_are_refused() {
    for code in [45009, 48001] {
        let wechat = Stub::start().await;
        wechat.always(&format!(r#"{{"errcode":{code},"errmsg":"no"}}"#));
        let api = api(&wechat, TokenSource::StableToken);
        for _ in 0..60 {
            assert!(matches!(create(&api).await, Err(ApiError::Refused { code: found, .. }) if found == code));
        }
        assert_eq!((wechat.asked().len(), wechat.asked_for_tokens().len()), (1, 1), "{code}");
        pass(Duration::from_secs(30)).await;
        wechat.always(CODE);
        assert!(create(&api).await.is_ok(), "{code}");
        assert!(create(&api).await.is_ok(), "{code}");
        assert_eq!(wechat.asked().len(), 3, "{code}");
    }
}

#[tokio::test]
async fn too_many_calls_a_minute_are_no_more_until_the_next() {
    let wechat = Stub::start().await;
    wechat.next(r#"{"errcode":45011,"errmsg":"api minute-quota reach limit, must slower"}"#);
    wechat.always(CODE);
    let api = api(&wechat, TokenSource::StableToken);
    for _ in 0..60 {
        let Err(ApiError::Away { retry_after, cause: Absence::TooFast }) = create(&api).await else { panic!("asked") };
        assert!(retry_after <= Duration::from_secs(60));
    }
    assert_eq!(wechat.asked().len(), 1);
    pass(Duration::from_secs(55)).await;
    assert!(create(&api).await.is_ok());
}

#[tokio::test]
async fn tokens_that_are_rejected_one_after_the_other_are_not_fetched_on_and_on() {
    for source in [TokenSource::StableToken, TokenSource::Token] {
        let wechat = Stub::start().await;
        wechat.always(STALE);
        let api = api(&wechat, source);
        for _ in 0..60 {
            assert!(matches!(create(&api).await, Err(ApiError::Refused { code: 40001, .. })));
            // Messages are not held back by themselves, but no new token is fetched for them.
            assert!(matches!(say(&api).await, Err(ApiError::Refused { code: 40001, .. })));
        }
        assert_eq!((wechat.asked().len(), wechat.asked_for_tokens().len()), (2, 2));
        pass(Duration::from_secs(30)).await;
        for _ in 0..60 {
            assert!(create(&api).await.is_err() && say(&api).await.is_err());
        }
        assert_eq!((wechat.asked().len(), wechat.asked_for_tokens().len()), (3, 3), "one is enough to see");
        pass(Duration::from_secs(30)).await;
        wechat.always(CODE);
        assert!(create(&api).await.is_ok() && say(&api).await.is_ok());
    }
}

#[tokio::test]
async fn a_token_that_has_worked_may_die_as_often_as_it_likes() {
    let wechat = Stub::start().await;
    wechat.always(CODE);
    let api = api(&wechat, TokenSource::StableToken);
    for _ in 0..10 {
        assert!(create(&api).await.is_ok());
        wechat.next(STALE);
    }
    assert_eq!(wechat.asked_for_tokens().len(), 10);
}

#[tokio::test]
async fn a_refused_message_does_not_hold_back_the_next() {
    let wechat = Stub::start().await;
    wechat.next(r#"{"errcode":48001,"errmsg":"api unauthorized"}"#);
    let api = api(&wechat, TokenSource::StableToken);
    let Err(ApiError::Refused { cure, .. }) = say(&api).await else { panic!("refused") };
    assert!(cure.contains("客服消息") && !cure.contains("QR"), "{cure}");
    assert_eq!(say(&api).await, Ok(()));
}

#[tokio::test]
async fn answers_that_are_no_qr_codes_count_as_absences() {
    let wechat = Stub::start().await;
    let metrics = Metrics::new();
    let handle = metrics.wechat_api(&AccountName::new("main").unwrap());
    metrics.show_wechat([handle.clone()]);
    let api = WeChatApi::counted(wechat.settings(), HttpClient::plain(), Clock::system(), handle);
    wechat.always(r#"{"url":"","expire_seconds":300}"#);
    for _ in 0..5 {
        assert!(matches!(create(&api).await, Err(ApiError::Away { cause: Absence::Garbage(_), .. })));
    }
    assert!(matches!(create(&api).await, Err(ApiError::Away { cause: Absence::NotAsked, .. })));
    assert!(metrics.text().contains(r#"scan_login_wechat_breaker_open{account="main"} 1"#));
    assert_eq!(wechat.asked().len(), 5);
}
