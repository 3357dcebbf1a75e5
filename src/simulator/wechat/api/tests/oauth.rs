//! Web authorization: the page, and what a back end gets by it.

use super::*;
use http::{StatusCode, header};

const BACK: &str = "https://login.example.com/back?from=wechat";

fn registered() -> SimulatedWeChat {
    let wechat = wechat_with(|account| SimulatedAccount { oauth_domains: vec!["login.example.com".into()], ..account });
    wechat.name_person("alice", &OpenId::new("oAlice").unwrap());
    wechat
}

fn address(scope: &str, redirect_uri: &str, more: &str) -> String {
    let redirect_uri: String = form_urlencoded::byte_serialize(redirect_uri.as_bytes()).collect();
    let query = format!("appid=wx1&redirect_uri={redirect_uri}&response_type=code&scope={scope}&state=s1");
    format!("/connect/oauth2/authorize?{query}{more}")
}

/// The status, where it leads, and the page.
async fn open(wechat: &SimulatedWeChat, address: &str, cookie: &str) -> (StatusCode, String, String) {
    let request = Request::get(address).header(header::COOKIE, cookie).body(Body::empty()).unwrap();
    let response = wechat.router().oneshot(request).await.unwrap();
    let location = response.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let page = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
    (status, location.unwrap_or_default(), String::from_utf8(page.to_vec()).unwrap())
}

async fn code(wechat: &SimulatedWeChat, scope: &str) -> String {
    let (status, location, _) = open(wechat, &address(scope, BACK, "&person=alice"), "").await;
    assert_eq!(status, StatusCode::FOUND);
    let code = location.strip_prefix("https://login.example.com/back?from=wechat&code=").unwrap();
    code.strip_suffix("&state=s1").unwrap().to_owned()
}

async fn exchange(wechat: &SimulatedWeChat, code: &str) -> Value {
    let query = format!("appid=wx1&secret=secret&code={code}&grant_type=authorization_code");
    call(wechat, Method::GET, &format!("/sns/oauth2/access_token?{query}"), "").await
}

async fn profile(wechat: &SimulatedWeChat, exchanged: &Value) -> Value {
    let text = |name: &str| exchanged[name].as_str().unwrap().to_owned();
    let query = format!("access_token={}&openid={}&lang=zh_CN", text("access_token"), text("openid"));
    call(wechat, Method::GET, &format!("/sns/userinfo?{query}"), "").await
}

#[tokio::test]
async fn who_holds_the_phone_is_sent_back_with_a_code_that_is_good_once() {
    let wechat = registered();
    let code = code(&wechat, "snsapi_base").await;
    let first = exchange(&wechat, &code).await;
    assert_eq!((&first["openid"], &first["scope"]), (&"oAlice".into(), &"snsapi_base".into()));
    assert_eq!(first["is_snapshotuser"], Value::Null);
    assert_eq!(exchange(&wechat, &code).await["errcode"], 40163);
    assert_eq!(exchange(&wechat, "guess").await["errcode"], 40029);
    assert_eq!(profile(&wechat, &first).await["errcode"], 48001, "nobody was asked for the profile");
}

#[tokio::test(start_paused = true)]
async fn a_code_is_good_for_five_minutes() {
    let wechat = registered();
    let code = code(&wechat, "snsapi_base").await;
    tokio::time::advance(Duration::from_secs(300)).await;
    assert_eq!(exchange(&wechat, &code).await["errcode"], 40029);
}

#[tokio::test]
async fn the_profile_is_told_where_it_was_asked_for() {
    let wechat = registered();
    let exchanged = exchange(&wechat, &code(&wechat, "snsapi_userinfo").await).await;
    let profile = profile(&wechat, &exchanged).await;
    assert_eq!((&profile["nickname"], &profile["openid"]), (&"alice".into(), &"oAlice".into()));
}

#[tokio::test]
async fn a_page_shown_as_a_snapshot_has_an_openid_that_is_nobodys() {
    let wechat = registered();
    wechat.give_snapshots(true);
    let exchanged = exchange(&wechat, &code(&wechat, "snsapi_base").await).await;
    assert_eq!(exchanged["is_snapshotuser"], 1);
    assert_ne!(exchanged["openid"], "oAlice");
}

#[tokio::test]
async fn without_a_person_the_page_asks_and_a_cookie_is_an_answer() {
    let wechat = registered();
    let (status, _, page) = open(&wechat, &address("snsapi_base", BACK, ""), "other=1").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("person=alice\">alice</a>"), "{page}");
    let (status, location, _) = open(&wechat, &address("snsapi_base", BACK, ""), "other=1; person=alice").await;
    assert_eq!(status, StatusCode::FOUND);
    assert!(location.starts_with(BACK), "{location}");
}

#[tokio::test]
async fn the_page_leads_to_registered_hosts_only() {
    let wechat = registered();
    for (scope, back) in [
        ("snsapi_base", "https://evil.example.com/back"),
        ("snsapi_base", "https://sub.login.example.com/back"),
        ("snsapi_base", "nowhere"),
        ("snsapi_login", BACK),
    ] {
        let (status, location, _) = open(&wechat, &address(scope, back, "&person=alice"), "").await;
        assert_eq!((status, &*location), (StatusCode::BAD_REQUEST, ""), "{back}");
    }
    let unknown = address("snsapi_base", BACK, "&person=alice").replace("wx1", "wx2");
    assert_eq!(open(&wechat, &unknown, "").await.0, StatusCode::BAD_REQUEST);
    let long = address("snsapi_base", BACK, &"x".repeat(128));
    assert_eq!(open(&wechat, &long, "").await.0, StatusCode::BAD_REQUEST, "a state has 128 bytes at most");
}

#[tokio::test]
async fn a_subscription_account_has_no_web_authorization() {
    let wechat = wechat_with(|account| SimulatedAccount {
        kind: SimulatedKind::Subscription,
        oauth_domains: vec!["login.example.com".into()],
        ..account
    });
    let (status, ..) = open(&wechat, &address("snsapi_base", BACK, "&person=oAlice"), "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn exchanging_a_code_has_wechats_error_codes() {
    let wechat = registered();
    for (query, errcode) in [
        ("secret=secret", 41002),
        ("appid=wx1", 41004),
        ("appid=wx1&secret=guess", 40125),
        ("appid=wx1&secret=secret&code=c", 40002),
        ("appid=wx1&secret=secret&grant_type=authorization_code", 41008),
    ] {
        let answer = call(&wechat, Method::GET, &format!("/sns/oauth2/access_token?{query}"), "").await;
        assert_eq!(answer["errcode"], errcode, "{query}");
    }
}
