//! The unionid: asked of WeChat once a person, kept with the scan, and told to websites.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::Call;
use serde_json::Value;

use crate::support::*;

/// The shop knows people by their unionid.
fn by_unionid(config: &str) -> String {
    config.replacen("client_id = \"shop\"", "client_id = \"shop\"\n subject = \"unionid\"", 1)
}

fn alice() -> OpenId {
    OpenId::new("oAlice").unwrap()
}

async fn code(world: &World, scope: &str) -> String {
    let page = world.create_with(|request| request["scope"] = scope.into()).await;
    assert!(world.scan(&page.qr_content, "oAlice").await);
    page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned()
}

fn subject(answer: &Value) -> Value {
    let token = answer["id_token"].as_str().unwrap_or_else(|| panic!("no id token in {answer}"));
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["sub"].clone()
}

#[tokio::test]
async fn a_website_is_told_the_unionid_as_wechat_tells_it() {
    let world = World::with_unionids(|config| by_unionid(&config)).await;
    let unionid = world.wechat.unionid(&alice());
    let answer = world.redeem(&code(&world, "openid wechat").await).await.json();
    assert_eq!((&answer["openid"], &answer["unionid"]), (&"oAlice".into(), &unionid.as_str().into()));
    assert_eq!(subject(&answer), unionid);
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let told = world.get("/oauth/userinfo", &[("authorization", &bearer)]).await.json();
    assert_eq!((&told["sub"], &told["unionid"]), (&unionid.as_str().into(), &unionid.as_str().into()));
    let openid_alone = world.redeem(&code(&world, "openid").await).await.json();
    assert!(openid_alone.get("unionid").is_none(), "the scope wechat was not asked for");
}

#[tokio::test]
async fn wechat_is_asked_once_a_person_and_the_journal_keeps_what_it_said() {
    let mut world = World::with_unionids(|config| by_unionid(&config)).await;
    let unionid = world.wechat.unionid(&alice());
    let (first, second) = (code(&world, "openid").await, code(&world, "openid wechat").await);
    assert_eq!(world.wechat.calls(Call::UserInfo), 1);
    let scans = world.replay("--type scanned").await;
    assert!(scans.len() == 2 && scans.iter().all(|scan| scan["unionid"] == unionid), "{scans:?}");
    world.kill_and_restart().await;
    world.wechat.set_away(true);
    assert_eq!(subject(&world.redeem(&first).await.json()), unionid);
    assert_eq!(world.redeem(&second).await.json()["unionid"], unionid);
    for file in files_below(world.folder.path()).into_iter().filter(|file| file.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        let is_in_clear = bytes.windows(unionid.len()).any(|window| window == unionid.as_bytes());
        assert!(!is_in_clear, "it stands in {}", file.display());
    }
}

#[tokio::test]
async fn whose_unionid_cannot_be_learnt_gets_no_other_subject_and_no_code_is_burnt() {
    let world = World::with_unionids(|config| by_unionid(&config)).await;
    let code = code_without_unionid(&world).await;
    let refused = world.redeem(&code).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"]);
    let answer = redeem_in_time(&world, &code).await;
    assert_eq!(subject(&answer), world.wechat.unionid(&alice()));
}

#[tokio::test]
async fn an_account_that_is_bound_to_nothing_gives_an_error_and_never_another_subject() {
    let asking = |config: String| config.replacen("[[account]]", "[[account]]\nunionid = true", 1);
    let world = World::with(|config| by_unionid(&asking(config))).await;
    let refused = world.redeem(&code(&world, "openid").await).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some("invalid_grant")));
    let without = world.redeem(&code(&world, "wechat").await).await.json();
    assert_eq!((&without["openid"], without.get("unionid")), (&"oAlice".into(), None), "who needs none is not refused");
}

#[tokio::test]
async fn a_login_that_needs_no_unionid_waits_for_none() {
    let world = World::with_unionids(|config| config).await;
    let page = world.create().await;
    world.wechat.set_delay(Duration::from_secs(30));
    assert!(world.scan(&page.qr_content, "oAlice").await, "WeChat is answered in time");
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let answer = world.redeem(&code).await.json();
    assert_eq!((&answer["openid"], answer.get("unionid")), (&"oAlice".into(), None));
}

#[tokio::test]
async fn web_oauth_tells_it_too_and_then_nobody_else_is_asked() {
    for scope in ["base", "userinfo"] {
        let world = World::with_unionids(|config| {
            let config = by_unionid(&web_oauth(&config, scope));
            config.replacen("confirm = \"auto\"", "confirm = \"auto\"\n qr = \"link\"", 1)
        })
        .await;
        let page = world.create_with(|request| request["scope"] = "openid".into()).await;
        world.wechat.browser(&alice()).open(&page.qr_content).await.unwrap();
        let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
        let unionid = world.wechat.unionid(&alice());
        assert_eq!(subject(&world.redeem(&code).await.json()), unionid, "{scope}");
        assert_eq!(world.wechat.calls(Call::UserInfo), 0, "{scope}");
    }
}

#[tokio::test]
async fn who_is_forgotten_is_so_with_the_unionid() {
    let world = World::with_unionids(|config| by_unionid(&config)).await;
    let code = code(&world, "openid wechat").await;
    assert_eq!(world.redeem(&code).await.status, 200);
    let forget = "audit forget --openid oAlice --account main";
    assert!(world.command(forget).output().await.unwrap().status.success());
    let scan = &world.replay("--type scanned").await[0];
    assert_eq!((scan.get("unionid"), &scan["forgotten"]), (None, &true.into()));
    // Neither in memory is anything left: who comes again is asked for again.
    let asked = world.wechat.calls(Call::UserInfo);
    self::code(&world, "openid").await;
    assert_eq!(world.wechat.calls(Call::UserInfo), asked + 1);
}

#[tokio::test]
async fn who_follows_later_gets_the_unionid_that_wechat_did_not_tell_before() {
    let world = World::with_unionids(|config| config).await;
    world.wechat.fail_next(Call::UserInfo, 40003, "invalid openid");
    let told = world.redeem(&code(&world, "wechat").await).await.json();
    assert_eq!(told.get("unionid"), None);
    code(&world, "wechat").await;
    assert_eq!(world.wechat.calls(Call::UserInfo), 1, "it is not asked at each scan");
    let app_id = AppId::new(APP_ID).unwrap();
    world.wechat.unsubscribe(&app_id, &alice()).await;
    assert!(world.wechat.subscribe(&app_id, &alice()).await.unwrap().is_accepted());
    let told = world.redeem(&code(&world, "wechat").await).await.json();
    assert_eq!(told["unionid"], world.wechat.unionid(&alice()));
}

/// The code of a scan of oAlice's while WeChat was away, so that nobody knows the unionid.
async fn code_without_unionid(world: &World) -> String {
    let page = world.create_with(|request| request["scope"] = "openid".into()).await;
    world.wechat.set_away(true);
    assert!(world.scan(&page.qr_content, "oAlice").await, "the scan itself goes on");
    page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned()
}

/// Redeems when WeChat is there again.
async fn redeem_in_time(world: &World, code: &str) -> Value {
    world.wechat.set_away(false);
    let answer = once_wechat_is_asked(async || world.redeem(code).await).await;
    assert_eq!(answer.status, 200, "the code was burnt: {}", answer.text());
    answer.json()
}

/// Asks until the daemon asks WeChat again, which it had found away.
async fn once_wechat_is_asked(ask: impl AsyncFn() -> Answer) -> Answer {
    let asking = async {
        loop {
            let answer = ask().await;
            if answer.status != 503 {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("WeChat is not asked any more")
}

#[tokio::test]
async fn wechat_is_not_asked_for_a_redemption_that_is_refused() {
    let world = World::with_unionids(|config| by_unionid(&config)).await;
    let code = code_without_unionid(&world).await;
    let asked = world.wechat.calls(Call::UserInfo);
    let right = format!("code={code}&code_verifier={VERIFIER}");
    for stolen in [
        format!("code={code}&code_verifier={}", VERIFIER.replace('a', "b")),
        format!("code={code}"),
        format!("{right}&redirect_uri=https%3A%2F%2Fshop.example.com%2Fcallback%3Ffrom%3Dscan"),
    ] {
        let form = format!("grant_type=authorization_code&{stolen}");
        let refused = world.post("/oauth/token", &[FORM, ("authorization", &basic("shop", SECRET))], &form).await;
        let told = refused.json();
        assert_eq!((refused.status, told["error"].as_str()), (400, Some("invalid_grant")), "{stolen}");
        assert!(told["error_description"].as_str().unwrap().contains("redeemed"), "as any other code: {told}");
    }
    assert_eq!(world.wechat.calls(Call::UserInfo), asked);
    assert_eq!(subject(&redeem_in_time(&world, &code).await), world.wechat.unionid(&alice()), "and the code is good");
}

#[tokio::test]
async fn userinfo_says_to_wait_while_wechat_is_away_and_to_log_in_again_where_there_is_no_unionid() {
    let mut world = World::with_unionids(|config| by_unionid(&config)).await;
    let code = code_without_unionid(&world).await;
    let answer = redeem_in_time(&world, &code).await;
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    // Only the daemon's memory had it.
    world.kill_and_restart().await;
    let userinfo = async || world.get("/oauth/userinfo", &[("authorization", &bearer)]).await;
    world.wechat.set_away(true);
    assert_eq!(userinfo().await.status, 503);
    world.wechat.set_away(false);
    world.wechat.fail_next(Call::UserInfo, 40003, "invalid openid");
    let refused = once_wechat_is_asked(&userinfo).await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer error=\"invalid_token\""));
    assert_eq!(once_wechat_is_asked(&userinfo).await.json()["sub"], world.wechat.unionid(&alice()), "it may heal");
}
