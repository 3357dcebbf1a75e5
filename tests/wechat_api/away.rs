//! What a WeChat that is away costs, and what is counted of it.

use std::time::Duration;

use scan_login::clock::Clock;
use scan_login::domain::{AccountName, OpenId};
use scan_login::metrics::Metrics;
use scan_login::transport::wechat::api::{Absence, ApiError, HttpClient, WeChatApi};

use super::stub::Stub;

const BUSY: &str = r#"{"errcode":-1,"errmsg":"system error"}"#;

/// An API whose calls are counted.
struct Counted {
    stub: Stub,
    api: WeChatApi,
    metrics: Metrics,
}

impl Counted {
    async fn start() -> Self {
        let stub = Stub::start().await;
        let metrics = Metrics::new();
        let handle = metrics.wechat_api(&AccountName::new("main").unwrap());
        metrics.show_wechat([handle.clone()]);
        let api = WeChatApi::counted(stub.settings(), HttpClient::plain(), Clock::system(), handle);
        Self { stub, api, metrics }
    }

    async fn say(&self) -> Result<(), ApiError> {
        self.api.send_text(&OpenId::new("oAlice").unwrap(), "x").await
    }

    /// Says it so often that WeChat is taken for away.
    async fn find_it_away(&self) {
        for _ in 0..5 {
            self.stub.next(BUSY);
            assert!(matches!(self.say().await, Err(ApiError::Away { cause: Absence::Busy, .. })));
        }
    }

    #[track_caller]
    fn assert_metric(&self, line: &str) {
        let text = self.metrics.text();
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_wechat_that_is_away_is_not_asked_for_a_while() {
    let counted = Counted::start().await;
    counted.find_it_away().await;
    counted.assert_metric(r#"scan_login_wechat_breaker_open{account="main"} 1"#);
    let asked = counted.stub.asked().len();
    for _ in 0..100 {
        let error = counted.say().await.unwrap_err();
        let expected = ApiError::Away { retry_after: Duration::from_secs(1), cause: Absence::NotAsked };
        assert_eq!(error, expected);
    }
    assert_eq!(counted.stub.asked().len(), asked);

    pass(Duration::from_secs(1)).await;
    assert_eq!(counted.say().await, Ok(()));
    counted.assert_metric(r#"scan_login_wechat_breaker_open{account="main"} 0"#);
    assert_eq!(counted.stub.asked().len(), asked + 1);
}

#[tokio::test]
async fn a_probe_that_finds_nobody_lengthens_the_rest() {
    let counted = Counted::start().await;
    counted.find_it_away().await;
    pass(Duration::from_secs(1)).await;
    counted.stub.next(BUSY);
    assert!(matches!(counted.say().await, Err(ApiError::Away { cause: Absence::Busy, .. })));
    let Err(ApiError::Away { retry_after, cause: Absence::NotAsked }) = counted.say().await else { panic!("asked") };
    assert_eq!(retry_after, Duration::from_secs(2));
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let counted = Counted::start().await;
    for _ in 0..20 {
        counted.stub.next(r#"{"errcode":48001,"errmsg":"api unauthorized"}"#);
        assert!(matches!(counted.say().await, Err(ApiError::Refused { .. })));
    }
    counted.assert_metric(r#"scan_login_wechat_breaker_open{account="main"} 0"#);
    counted.assert_metric(r#"scan_login_wechat_api_errors_total{account="main",errcode="48001"} 20"#);
}

#[tokio::test]
async fn every_call_is_counted_with_what_it_brought() {
    let counted = Counted::start().await;
    counted.say().await.unwrap();
    counted.stub.next(BUSY);
    counted.stub.next(r#"{"errcode":45015,"errmsg":"out of time"}"#);
    counted.say().await.unwrap_err();
    counted.say().await.unwrap_err();
    let line = |call: &str, outcome: &str, count: u8| {
        format!(r#"scan_login_wechat_api_calls_total{{account="main",call="{call}",outcome="{outcome}"}} {count}"#)
    };
    counted.assert_metric(&line("stable_token", "ok", 1));
    counted.assert_metric(&line("message/custom/send", "ok", 1));
    counted.assert_metric(&line("message/custom/send", "away", 1));
    counted.assert_metric(&line("message/custom/send", "refused", 1));
    counted.assert_metric(r#"scan_login_wechat_api_errors_total{account="main",errcode="45015"} 1"#);
    counted.assert_metric(r#"scan_login_wechat_api_errors_total{account="main",errcode="-1"} 1"#);
    let seconds = r#"scan_login_wechat_api_call_seconds_count{account="main",call="message/custom/send"} 3"#;
    counted.assert_metric(seconds);
    assert!(!counted.metrics.text().contains("oAlice"));
}

#[tokio::test]
async fn what_strangers_cause_by_opening_pages_stops_no_other_call() {
    let counted = Counted::start().await;
    let page = || counted.api.web_user("made-up", false);
    for _ in 0..5 {
        counted.stub.next_token("<html>bad gateway</html>");
        assert!(matches!(page().await, Err(ApiError::Away { cause: Absence::Garbage(_), .. })));
    }
    assert!(matches!(page().await, Err(ApiError::Away { cause: Absence::NotAsked, .. })));
    assert_eq!(counted.say().await, Ok(()));
    counted.assert_metric(r#"scan_login_wechat_breaker_open{account="main"} 0"#);
    pass(Duration::from_secs(1)).await;
    counted.find_it_away().await;
    counted.stub.next_token(r#"{"errcode":40029,"errmsg":"invalid code"}"#);
    assert_eq!(page().await, Ok(None), "nor the other way round");
}
