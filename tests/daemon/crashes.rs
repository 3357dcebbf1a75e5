//! `kill -9` between any two steps of a login: it still completes, and the journal has no hole.

use crate::support::*;

const WHOLE: [&str; 4] = ["created", "scanned", "confirmed", "redeemed"];

#[tokio::test]
async fn killed_between_any_two_steps_the_login_completes() {
    for killed_after in ["nothing", "created", "attached", "scanned", "confirmed", "redeemed"] {
        let mut world = World::start().await;
        if killed_after == "nothing" {
            world.kill_and_restart().await;
        }
        let page = world.create().await;
        if killed_after == "created" {
            world.kill_and_restart().await;
        }
        assert_eq!(page.wait_for("created").await["seq"], 1);
        if killed_after == "attached" {
            world.kill_and_restart().await;
        }
        let svg = send("GET", page.created["qr_svg"].as_str().unwrap(), &[], "").await;
        assert_eq!(svg.status, 200, "the picture is drawn again after a restart");
        assert!(world.scan(&page.qr_content, "oAlice").await);
        if killed_after == "scanned" {
            world.kill_and_restart().await;
            assert!(world.scan(&page.qr_content, "oAlice").await, "WeChat delivers it once more");
        }
        let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
        if killed_after == "confirmed" {
            world.kill_and_restart().await;
            assert_eq!(page.wait_for("confirmed").await["code"], code.as_str());
        }
        let answer = world.redeem(&code).await;
        assert_eq!(answer.json()["openid"], "oAlice", "killed after {killed_after}");
        if killed_after == "redeemed" {
            world.kill_and_restart().await;
        }
        assert_eq!(world.events().await, WHOLE, "killed after {killed_after}");
        assert_eq!(world.redeem(&code).await.json()["error"], "invalid_grant", "killed after {killed_after}");
    }
}

#[tokio::test]
async fn the_original_page_loaded_anew_goes_on_after_a_kill() {
    let mut world = World::start().await;
    let picture = world.get("/qrcode?sceneId=123451", &[]).await.text();
    world.kill_and_restart().await;
    assert_eq!(send("GET", &picture, &[], "").await.status, 200);
    assert_eq!(world.get("/qrcode?sceneId=123451", &[]).await.text(), picture, "its id is still its own");
    assert_eq!(world.post("/sockjs/0/again/xhr", &[], "").await.text(), "o\n");
    world.post("/sockjs/0/again/xhr_send", &[], "[\"123451\"]").await;
    let created = world.journal().await;
    let waiting = world.post("/sockjs/0/again/xhr", &[], "");
    let (frame, accepted) = tokio::join!(waiting, world.scan(created[0]["qr_content"].as_str().unwrap(), "oAlice"));
    assert!(accepted);
    assert!(frame.text().starts_with("a[\"AUTOMATIC_LOGIN####"), "{}", frame.text());
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_under_load_is_there() {
    let mut world = World::start().await;
    for round in 1..=5 {
        let pages = futures_util::future::join_all((0..20).map(|_| world.create())).await;
        let scans = pages.iter().map(|page| world.scan(&page.qr_content, "oAlice"));
        let acknowledged = futures_util::future::join_all(scans).await;
        assert!(acknowledged.iter().all(|accepted| *accepted));
        world.kill_and_restart().await;
        assert_eq!(world.events().await.len(), round * 60);
        for page in &pages {
            page.wait_for("confirmed").await;
        }
    }
}

#[tokio::test]
async fn killed_at_any_moment_what_was_acknowledged_is_there() {
    let mut world = World::start().await;
    for round in 0..8_u64 {
        let visitors: Vec<_> = (0..8).map(|_| tokio::spawn(visit(world.url(""), world.wechat.clone()))).collect();
        tokio::time::sleep(std::time::Duration::from_millis(15 + 13 * round)).await;
        world.kill().await;
        let seen = futures_util::future::join_all(visitors).await;
        world.run().await;
        let journal = world.journal().await;
        world.events().await;
        for (scene, kind) in seen.into_iter().flat_map(Result::unwrap) {
            let found = journal.iter().any(|event| event["scene_id"] == scene.as_str() && event["type"] == kind);
            assert!(found, "round {round}: {kind} of {scene} was acknowledged and is gone");
        }
    }
}

/// Logs in again and again until the daemon is gone; what was acknowledged, of which scene.
async fn visit(daemon: String, wechat: scan_login::simulator::SimulatedWeChat) -> Vec<(String, &'static str)> {
    let mut seen = Vec::new();
    let ask = serde_json::json!({
        "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256",
    });
    let person = scan_login::domain::OpenId::new("oAlice").unwrap();
    while let Some(created) = try_send("POST", &format!("{daemon}/v1/sessions"), JSON, &ask.to_string()).await
        && created.status == 201
    {
        let created = created.json();
        let scene = created["scene_id"].as_str().unwrap().to_owned();
        seen.push((scene.clone(), "created"));
        let scanned = tokio::time::timeout(PATIENCE, wechat.scan(created["qr_content"].as_str().unwrap(), &person));
        if !scanned.await.is_ok_and(|delivery| delivery.unwrap().is_accepted()) {
            break;
        }
        seen.push((scene, "confirmed"));
    }
    seen
}

#[tokio::test]
async fn pending_sessions_keep_the_time_that_they_had_left() {
    let mut world = World::with(|config| config.replace(r#"ttl = "5m""#, r#"ttl = "3s""#)).await;
    let page = world.create().await;
    let started = std::time::Instant::now();
    world.kill_and_restart().await;
    page.wait_for("expired").await;
    let lived = started.elapsed().as_secs_f64();
    assert!((2.5..4.5).contains(&lived), "it lived for {lived} s");
    let journal = world.journal().await;
    assert_eq!(journal.len(), 2);
}
