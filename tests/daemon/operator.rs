//! What an operator must act on is said once, with its cure, however often it happens.

use scan_login::simulator::Call;
use serde_json::json;

use crate::support::*;

pub fn body() -> String {
    json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" }).to_string()
}

#[tokio::test]
async fn a_refusal_is_told_once_with_its_cure() {
    let mut world = World::without_prepared_codes().await;
    world.wechat.fail_next(Call::CreateQr, 48001, "api unauthorized");
    for _ in 0..4 {
        assert_eq!(world.post("/v1/sessions", JSON, &body()).await.status, 503);
    }
    let count = r#"scan_login_wechat_api_errors_total{account="main",errcode="48001"} 1"#;
    world.wait_for_metric(count).await;
    assert_eq!(world.wechat.calls(Call::CreateQr), 1, "visitors do not spend the account's quota");
    let (_, log) = world.terminate().await;
    let told: Vec<_> = log.lines().filter(|line| line.contains("WeChat refuses")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("account=\"main\"") && told[0].contains("errcode=48001"), "{}", told[0]);
    assert!(told[0].contains("认证服务号"), "{}", told[0]);
}

#[tokio::test]
async fn an_address_that_wechat_does_not_know_is_named_in_the_log_before_anybody_came() {
    let mut world = World::prepare(|config| config).await;
    let message = "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist";
    for _ in 0..3 {
        world.wechat.fail_next(Call::StableToken, 40164, message);
    }
    world.run().await;
    world.wait_for_metric(r#"scan_login_wechat_api_errors_total{account="main",errcode="40164"} 1"#).await;
    assert_eq!(world.post("/v1/sessions", JSON, &body()).await.status, 503);
    assert_eq!(world.wechat.calls(Call::StableToken), 1, "it is not asked again at once");
    let (_, log) = world.terminate().await;
    assert!(log.contains("Add 203.0.113.7 to the IP whitelist"), "{log}");
}

#[tokio::test]
async fn a_wechat_that_goes_and_comes_back_is_told() {
    let mut world = World::without_prepared_codes().await;
    world.wechat.set_away(true);
    for _ in 0..5 {
        assert_eq!(world.post("/v1/sessions", JSON, &body()).await.status, 503);
    }
    world.wait_for_metric(r#"scan_login_wechat_breaker_open{account="main"} 1"#).await;
    world.wechat.set_away(false);
    while world.post("/v1/sessions", JSON, &body()).await.status != 201 {}
    world.wait_for_metric(r#"scan_login_wechat_breaker_open{account="main"} 0"#).await;
    let (_, log) = world.terminate().await;
    assert!(log.contains("it is not asked for a while") && log.contains("WeChat answers again"), "{log}");
}

#[tokio::test]
async fn a_budget_that_runs_out_is_told_before() {
    let mut world = World::with(|config| config.replacen("[[account]]", "[[account]]\nqr_daily_budget = 1", 1)).await;
    world.create().await;
    world.wait_for_metric(r#"scan_login_wechat_qr_budget_low{account="main"} 1"#).await;
    let (_, log) = world.terminate().await;
    assert!(log.contains("four fifths of today's QR codes are used"), "{log}");
}

#[tokio::test]
async fn wechats_proof_of_the_domain_is_served_at_the_hosts_root_and_nothing_else_of_the_folder() {
    let world =
        World::with(|config| config.replace(":8080\"\n            [admin]", ":8080/login\"\n            [admin]"))
            .await;
    let folder = world.folder.path().join("verify");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("MP_verify_abcDEF0123456789.txt"), "abcDEF0123456789").unwrap();
    std::fs::write(folder.join("secret.txt"), "secret").unwrap();
    let file = world.get("/MP_verify_abcDEF0123456789.txt", &[]).await;
    assert_eq!((file.status, file.text().as_str()), (200, "abcDEF0123456789"));
    assert_eq!(file.header("content-type"), "text/plain; charset=utf-8");
    for path in ["/MP_verify_other.txt", "/secret.txt", "/MP_verify_..%2Fscan-login.txt", "/verify/secret.txt", "/"] {
        assert_eq!(world.get(path, &[]).await.status, 404, "{path}");
    }
    assert_eq!(world.post("/MP_verify_abcDEF0123456789.txt", &[], "").await.status, 404);
}
