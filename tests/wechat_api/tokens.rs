//! Access tokens from elsewhere than `stable_token`.

use std::time::Duration;

use futures_util::future::join_all;
use scan_login::clock::Clock;
use scan_login::domain::{OpenId, Timestamp};
use scan_login::transport::wechat::api::{Absence, ApiError, HttpClient, TokenSource, WeChatApi};

use super::stub::Stub;

const STALE: &str = r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest"}"#;

async fn say(api: &WeChatApi) -> Result<(), ApiError> {
    api.send_text(&OpenId::new("oAlice").unwrap(), "x").await
}

fn with_source(wechat: &Stub, token_source: TokenSource, clock: Clock) -> WeChatApi {
    let settings = scan_login::transport::wechat::api::ApiSettings { token_source, ..wechat.settings() };
    WeChatApi::new(settings, HttpClient::plain(), clock)
}

fn from_server(wechat: &Stub, server: &Stub, clock: Clock) -> WeChatApi {
    let url = format!("{}/our/token?key=shared", server.url()).parse().unwrap();
    with_source(wechat, TokenSource::Server { url, http: Box::new(HttpClient::plain()) }, clock)
}

fn simulated() -> Clock {
    Clock::simulated(Timestamp::from_micros(1_767_323_045_000_000))
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn the_older_call_is_asked_once_for_everybody() {
    let wechat = Stub::start().await;
    let api = with_source(&wechat, TokenSource::Token, Clock::system());
    assert!(join_all((0..20).map(|_| say(&api))).await.iter().all(Result::is_ok));
    let asked = wechat.asked_for_tokens();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "GET /cgi-bin/token?grant_type=client_credential&appid=wx1&secret=app-secret");
    assert!(wechat.asked().iter().all(|asked| asked.line.ends_with("?access_token=token-1")));
}

#[tokio::test]
async fn the_older_calls_secret_is_in_no_error() {
    let wechat = Stub::start().await;
    wechat.next_token(r#"{"errcode":40125,"errmsg":"invalid appsecret app-secret, view more"}"#);
    wechat.next_token("<html>app-secret</html>");
    let api = with_source(&wechat, TokenSource::Token, simulated());
    let refused = say(&api).await.unwrap_err();
    assert!(matches!(refused, ApiError::Refused { code: 40125, .. }));
    pass(Duration::from_secs(31)).await;
    let garbage = say(&api).await.unwrap_err();
    assert!(matches!(garbage, ApiError::Away { cause: Absence::Garbage(_), .. }), "{garbage}");

    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = wechat.settings();
    settings.token_source = TokenSource::Token;
    settings.api_base = format!("http://{}", gone.local_addr().unwrap()).parse().unwrap();
    drop(gone);
    let unreachable = say(&WeChatApi::new(settings, HttpClient::plain(), Clock::system())).await.unwrap_err();
    for error in [refused, garbage, unreachable] {
        let told = format!("{error} {error:?}");
        assert!(!told.contains("app-secret") && !told.contains("secret="), "{told}");
    }
}

#[tokio::test]
async fn whatever_the_source_a_rejected_token_is_replaced_once() {
    for is_server in [false, true] {
        let (wechat, server) = (Stub::start().await, Stub::start().await);
        let (api, asked) = match is_server {
            false => (with_source(&wechat, TokenSource::Token, Clock::system()), &wechat),
            true => (from_server(&wechat, &server, Clock::system()), &server),
        };
        wechat.next(STALE);
        assert_eq!(say(&api).await, Ok(()));
        let used: Vec<String> = wechat.asked().iter().map(|asked| asked.line.clone()).collect();
        assert!(used[0].ends_with("token-1") && used[1].ends_with("token-2"), "{used:?}");
        wechat.next(STALE);
        wechat.next(STALE);
        assert!(matches!(say(&api).await, Err(ApiError::Refused { code: 40001, .. })), "no loop");
        assert_eq!((wechat.asked().len(), asked.asked_for_tokens().len()), (4, 3));
    }
}

#[tokio::test]
async fn a_token_server_is_asked_as_its_url_stands_and_never_told_the_secret() {
    let (wechat, server) = (Stub::start().await, Stub::start().await);
    say(&from_server(&wechat, &server, Clock::system())).await.unwrap();
    assert_eq!(server.asked_for_tokens()[0].line, "GET /our/token?key=shared");
    assert!(wechat.asked_for_tokens().is_empty());
    assert!(wechat.asked()[0].line.ends_with("?access_token=token-1"));
}

#[tokio::test]
async fn a_token_whose_end_is_not_told_is_kept_for_a_minute() {
    let (wechat, server) = (Stub::start().await, Stub::start().await);
    server.next_token(r#"{"access_token":"without-end"}"#);
    server.next_token(r#"{"access_token":"short","expires_in":10}"#);
    server.next_token(r#"{"access_token":"long","expires_in":18446744073709551615}"#);
    let api = from_server(&wechat, &server, simulated());
    let mut used = Vec::new();
    for wait in [0, 59, 2, 4, 2, 7100, 100] {
        pass(Duration::from_secs(wait)).await;
        say(&api).await.unwrap();
        used.push(wechat.asked().last().unwrap().line.rsplit('=').next().unwrap().to_owned());
    }
    assert_eq!(used, ["without-end", "without-end", "short", "short", "long", "long", "token-4"]);
}

#[tokio::test]
async fn a_token_server_that_gives_none_is_away() {
    let (wechat, server) = (Stub::start().await, Stub::start().await);
    let api = from_server(&wechat, &server, Clock::system());
    for answer in ["{}", r#"{"access_token":""}"#, r#"{"access_token":7}"#, "token"] {
        server.next_token(answer);
        let error = say(&api).await.unwrap_err();
        assert!(matches!(error, ApiError::Away { cause: Absence::Garbage(_), .. }), "{answer}: {error}");
        assert!(!format!("{error:?}").contains("shared"));
    }
    assert_eq!(say(&api).await, Ok(()));
}

#[tokio::test]
async fn a_refusal_is_not_asked_for_again_at_each_call() {
    let wechat = Stub::start().await;
    let api = with_source(&wechat, TokenSource::StableToken, simulated());
    wechat.next_token(r#"{"errcode":40164,"errmsg":"invalid ip 203.0.113.7, not in whitelist"}"#);
    for _ in 0..10 {
        assert!(matches!(say(&api).await, Err(ApiError::Refused { code: 40164, .. })));
    }
    assert_eq!(wechat.asked_for_tokens().len(), 1);
    pass(Duration::from_secs(31)).await;
    assert_eq!(say(&api).await, Ok(()));
}
