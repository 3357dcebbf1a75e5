//! The client of WeChat's server interface against the simulated WeChat, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod wechat_api {
    pub mod away;
    pub mod menu;
    pub mod message;
    pub mod proxy;
    pub mod refused;
    pub mod stub;
    pub mod tls;
    pub mod tokens;
    pub mod user;
}

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use scan_login::clock::Clock;
use scan_login::domain::{AppId, Timestamp};
use scan_login::simulator::{Call, Outage, SimulatedAccount, SimulatedWeChat};
use scan_login::transport::wechat::api::{
    Absence, ApiError, ApiSettings, DEFAULT_DEADLINE, HttpClient, IssuedQr, TokenSource, WeChatApi,
};
use tokio::net::TcpListener;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// A running WeChat and what is needed to reach it.
struct Stage {
    wechat: SimulatedWeChat,
    settings: ApiSettings,
    clock: Clock,
}

impl Stage {
    async fn new() -> Self {
        let clock = Clock::simulated(Timestamp::from_micros(1_767_323_045_000_000));
        let app_id = AppId::new("wx0123456789abcdef").unwrap();
        let account = SimulatedAccount {
            app_secret: SECRET.into(),
            ..SimulatedAccount::new(app_id.clone(), "http://127.0.0.1:9/wechat/main".parse().unwrap())
        };
        let wechat = SimulatedWeChat::with_clock(vec![account], clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let router = wechat.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let settings = ApiSettings {
            api_base,
            app_id,
            app_secret: SECRET.into(),
            token_source: TokenSource::default(),
            deadline: DEFAULT_DEADLINE,
        };
        Self { wechat, settings, clock }
    }

    fn api(&self) -> WeChatApi {
        let http = HttpClient::for_base(&self.settings.api_base).unwrap();
        WeChatApi::new(self.settings.clone(), http, self.clock.clone())
    }

    fn calls(&self) -> (u64, u64) {
        (self.wechat.calls(Call::StableToken), self.wechat.calls(Call::CreateQr))
    }
}

async fn create(api: &WeChatApi) -> Result<IssuedQr, ApiError> {
    api.create_qr("sl-Zm9vYmFyYmF6cXV4MTIzNA", FIVE_MINUTES).await
}

fn cause(result: Result<IssuedQr, ApiError>) -> Absence {
    match result {
        Err(ApiError::Away { cause, .. }) => cause,
        other => panic!("not away: {other:?}"),
    }
}

fn refusal(result: Result<IssuedQr, ApiError>) -> (i64, String) {
    match result {
        Err(ApiError::Refused { code, cure, .. }) => (code, cure),
        other => panic!("not refused: {other:?}"),
    }
}

/// Moves the time that tokio and the simulated clock keep, with nobody sleeping.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_code_is_made_for_the_scene() {
    let stage = Stage::new().await;
    let qr = create(&stage.api()).await.unwrap();
    assert!(qr.content.starts_with("http://weixin.qq.com/q/02"), "{}", qr.content);
    assert_eq!(qr.expires_in, FIVE_MINUTES);
    assert_ne!(create(&stage.api()).await.unwrap().content, qr.content);
}

#[tokio::test]
async fn a_lifetime_is_rounded_up_and_kept_within_what_wechat_allows() {
    let stage = Stage::new().await;
    let api = stage.api();
    for (asked, given) in [(0, 60), (59_999, 60), (60_001, 61), (300_000, 300), (9_000_000_000, 2_592_000)] {
        let qr = api.create_qr("sl-1", Duration::from_millis(asked)).await.unwrap();
        assert_eq!(qr.expires_in, Duration::from_secs(given), "{asked} ms");
    }
}

#[tokio::test]
async fn fifty_callers_share_one_token() {
    let stage = Stage::new().await;
    stage.wechat.set_delay(Duration::from_millis(30));
    let api = stage.api();
    let made = join_all((0..50).map(|_| create(&api))).await;
    assert!(made.iter().all(Result::is_ok));
    assert_eq!(stage.calls(), (1, 50));
}

#[tokio::test]
async fn fifty_callers_share_one_refusal() {
    let mut stage = Stage::new().await;
    stage.wechat.set_delay(Duration::from_millis(30));
    stage.settings.app_secret = "not the secret".into();
    let api = stage.api();
    for result in join_all((0..50).map(|_| create(&api))).await {
        assert!(!format!("{result:?}").contains("not the secret"));
        let (code, cure) = refusal(result);
        assert_eq!(code, 40125);
        assert!(cure.contains("app_secret"), "{cure}");
    }
    assert_eq!(stage.calls(), (1, 0));
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_take_the_token_from_the_others() {
    let stage = Stage::new().await;
    stage.wechat.set_delay(Duration::from_millis(100));
    let api = stage.api();
    let impatient = tokio::time::timeout(Duration::from_millis(20), create(&api));
    let (gave_up, patient) = tokio::join!(impatient, create(&api));
    assert!(gave_up.is_err());
    assert!(patient.is_ok());
    assert_eq!(stage.calls(), (1, 1));
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_its_end() {
    let stage = Stage::new().await;
    let api = stage.api();
    create(&api).await.unwrap();
    pass(Duration::from_secs(7200 - 70)).await;
    create(&api).await.unwrap();
    assert_eq!(stage.calls(), (1, 2));
    pass(Duration::from_secs(20)).await;
    create(&api).await.unwrap();
    assert_eq!(stage.calls(), (2, 3));
}

#[tokio::test]
async fn a_killed_token_is_replaced_once_for_everybody() {
    let stage = Stage::new().await;
    let api = stage.api();
    create(&api).await.unwrap();
    stage.wechat.invalidate_tokens();
    stage.wechat.set_delay(Duration::from_millis(30));
    let made = join_all((0..20).map(|_| create(&api))).await;
    assert!(made.iter().all(Result::is_ok));
    assert_eq!(stage.calls(), (2, 1 + 20 + 20));
}

#[tokio::test]
async fn a_late_rejection_of_the_old_token_does_not_cost_the_new_one() {
    let stage = Stage::new().await;
    let api = stage.api();
    create(&api).await.unwrap();
    stage.wechat.set_delay(Duration::from_millis(150));
    let late = tokio::spawn({
        let api = api.clone();
        async move { create(&api).await }
    });
    while stage.calls().1 < 2 {
        tokio::task::yield_now().await;
    }
    stage.wechat.set_delay(Duration::ZERO);
    stage.wechat.invalidate_tokens();
    create(&api).await.unwrap();
    assert!(late.await.unwrap().is_ok());
    assert_eq!(stage.wechat.calls(Call::StableToken), 2);
}

#[tokio::test]
async fn each_of_the_codes_for_a_stale_token_leads_to_one_retry() {
    for code in [40001, 40014, 42001] {
        let stage = Stage::new().await;
        stage.wechat.fail_next(Call::CreateQr, code, "access_token expired");
        assert!(create(&stage.api()).await.is_ok(), "{code}");
        assert_eq!(stage.wechat.calls(Call::CreateQr), 2, "{code}");
    }
}

#[tokio::test]
async fn a_token_that_is_always_rejected_ends_in_a_refusal_and_not_in_a_loop() {
    let stage = Stage::new().await;
    for _ in 0..4 {
        stage.wechat.fail_next(Call::CreateQr, 40001, "invalid credential, access_token is invalid or not latest");
    }
    let api = stage.api();
    let (code, cure) = refusal(create(&api).await);
    assert_eq!(code, 40001);
    assert!(cure.contains("api_base"), "{cure}");
    // WeChat handed out the rejected token again, so a new one was forced.
    assert_eq!(stage.calls(), (3, 2));
    // The next time it is not forced: WeChat allows that 20 times a day only. And one rejection is enough.
    pass(Duration::from_secs(30)).await;
    assert_eq!(refusal(create(&api).await).0, 40001);
    assert_eq!(stage.calls(), (4, 3));
    pass(Duration::from_secs(30)).await;
    assert_eq!(refusal(create(&api).await).0, 40001);
    pass(Duration::from_secs(30)).await;
    assert!(create(&api).await.is_ok());
}

#[tokio::test]
async fn a_wechat_that_hangs_is_away_when_the_deadline_is() {
    let mut stage = Stage::new().await;
    stage.settings.deadline = Duration::from_millis(150);
    let api = stage.api();
    stage.wechat.set_outage(Some(Outage::Hangs));
    let began = Instant::now();
    let results = join_all((0..10).map(|_| create(&api))).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for result in results {
        assert_eq!(cause(result), Absence::Slow);
    }
    stage.wechat.set_outage(None);
    assert_eq!(cause(create(&api).await), Absence::NotAsked, "so many in a row, and it is left alone for a while");
    pass(Duration::from_secs(1)).await;
    assert!(create(&api).await.is_ok());
}

#[tokio::test]
async fn the_deadline_is_one_for_the_token_and_the_code() {
    let mut stage = Stage::new().await;
    stage.settings.deadline = Duration::from_millis(400);
    stage.wechat.set_delay(Duration::from_millis(250));
    let api = stage.api();
    assert_eq!(cause(create(&api).await), Absence::Slow);
    stage.wechat.set_delay(Duration::ZERO);
    // The token was not lost with the call.
    assert!(create(&api).await.is_ok());
    assert_eq!(stage.wechat.calls(Call::StableToken), 1);
}

#[tokio::test]
async fn every_kind_of_absence_is_told_apart_and_keeps_the_token_secret() {
    let stage = Stage::new().await;
    let api = stage.api();
    create(&api).await.unwrap();
    stage.wechat.set_away(true);
    assert_eq!(cause(create(&api).await), Absence::Status(503));
    stage.wechat.set_outage(Some(Outage::Garbage));
    assert!(matches!(cause(create(&api).await), Absence::Garbage(_)));
    stage.wechat.set_outage(Some(Outage::BreaksOff));
    let broken = create(&api).await;
    let text = format!("{broken:?} {}", broken.as_ref().unwrap_err());
    assert!(!text.contains("access_token") && !text.contains("cgi-bin") && !text.contains("72_"), "{text}");
    assert!(matches!(cause(broken), Absence::Unreachable(_)));
    stage.wechat.set_away(false);
    stage.wechat.fail_next(Call::CreateQr, -1, "system error");
    assert_eq!(cause(create(&api).await), Absence::Busy);
    stage.wechat.fail_next(Call::CreateQr, 45011, "api minute-quota reach limit, must slower");
    assert_eq!(cause(create(&api).await), Absence::TooFast);
    pass(Duration::from_secs(60)).await;
    assert!(create(&api).await.is_ok());
}

#[tokio::test]
async fn nobody_there_is_away_too() {
    let mut stage = Stage::new().await;
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    stage.settings.api_base = format!("http://{}", unused.local_addr().unwrap()).parse().unwrap();
    drop(unused);
    let Absence::Unreachable(reason) = cause(create(&stage.api()).await) else { panic!("unreachable") };
    assert!(reason.contains("refused"), "{reason}");
}

#[tokio::test]
async fn a_missing_whitelist_entry_is_named_in_the_cure() {
    let stage = Stage::new().await;
    let message = "invalid ip 114.221.21.30 ipv6 ::ffff:114.221.21.30, not in whitelist";
    stage.wechat.fail_next(Call::StableToken, 40164, message);
    let (code, cure) = refusal(create(&stage.api()).await);
    assert_eq!(code, 40164);
    assert!(cure.contains("114.221.21.30"), "{cure}");
}

#[tokio::test]
async fn refusals_are_not_tried_again() {
    let stage = Stage::new().await;
    let api = stage.api();
    stage.wechat.fail_next(Call::CreateQr, 48001, "api unauthorized");
    assert!(refusal(create(&api).await).1.contains("service account"));
    pass(Duration::from_secs(30)).await;
    assert_eq!(refusal(api.create_qr(&"s".repeat(65), FIVE_MINUTES).await).0, 40053);
    assert_eq!(stage.calls(), (1, 2));
}

#[tokio::test]
async fn credentials_can_be_checked_without_making_a_code() {
    let mut stage = Stage::new().await;
    assert_eq!(stage.api().check_credentials().await, Ok(()));
    stage.settings.app_id = AppId::new("wx-unknown").unwrap();
    assert!(matches!(stage.api().check_credentials().await, Err(ApiError::Refused { code: 40013, .. })));
    assert_eq!(stage.calls(), (2, 0));
}

/// Servers close connections that idle, and a call may be on its way over one just then.
#[tokio::test]
async fn a_kept_connection_that_is_closed_as_it_is_used_costs_no_call() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let token = r#"{"access_token":"t","expires_in":7200}"#;
        let code = r#"{"ticket":"t","expire_seconds":300,"url":"http://weixin.qq.com/q/02a"}"#;
        let answer = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut buffer = [0; 4096];
        // The first answers once, hears the next call, and is gone; the second answers that.
        let (mut first, _) = listener.accept().await.unwrap();
        let _ = first.read(&mut buffer).await;
        first.write_all(answer(token).as_bytes()).await.unwrap();
        let _ = first.read(&mut buffer).await;
        drop(first);
        let (mut second, _) = listener.accept().await.unwrap();
        let _ = second.read(&mut buffer).await;
        second.write_all(answer(code).as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
    let stage = Stage::new().await;
    let settings = ApiSettings { api_base, ..stage.settings.clone() };
    let api = WeChatApi::new(settings, HttpClient::plain(), stage.clock.clone());
    assert_eq!(create(&api).await.unwrap().content, "http://weixin.qq.com/q/02a");
}
