//! `sessions`: what goes on now, and how the operator ends it.

use serde_json::Value;

use crate::support::*;

/// Exit status, standard output and standard error of the program.
async fn ran(world: &World, arguments: &str) -> (Option<i32>, String, String) {
    let output = world.command(arguments).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Of each login that `sessions list` tells, its scene and its state.
async fn listed(world: &World, arguments: &str) -> Vec<(String, String)> {
    let (status, out, err) = ran(world, &format!("sessions list --format jsonl {arguments}")).await;
    assert_eq!(status, Some(0), "{err}");
    let text = |session: &Value, key: &str| session[key].as_str().unwrap().to_owned();
    let sessions = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    sessions.map(|session| (text(&session, "scene_id"), text(&session, "state"))).collect()
}

#[tokio::test]
async fn a_login_that_the_operator_ends_is_told_to_its_browser_at_once() {
    let world = World::start().await;
    let page = world.create().await;
    let (denied, ended) =
        tokio::join!(page.wait_for("denied"), async { ran(&world, &format!("sessions expire {}", page.scene)).await });
    assert_eq!(denied["seq"], 2);
    assert_eq!(ended, (Some(0), format!("{} is denied, reason admin\n", page.scene), String::new()));
    let last = world.journal().await.pop().unwrap();
    assert_eq!((&last["type"], &last["reason"]), (&"denied".into(), &"admin".into()));
    world.scan(&page.qr_content, "oAlice").await;
    assert_eq!(world.events().await, ["created", "denied"], "nobody can scan it any more");
}

#[tokio::test]
async fn what_is_over_or_unknown_is_not_ended_again() {
    let world = World::start().await;
    let page = world.create().await;
    page.give_up().await;
    let (status, out, err) = ran(&world, &format!("sessions expire {}", page.scene)).await;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.starts_with(&format!("{} was over before: denied\n    nothing is to be done", page.scene)), "{err}");
    for scene in ["sl-0123456789abcdefghijkl", "no scene"] {
        let output = world.command("sessions expire").arg(scene).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.starts_with(&format!("there is no login `{scene}`\n    take the scene of")), "{err}");
    }
    assert_eq!(world.events().await, ["created", "denied"]);
}

#[tokio::test]
async fn the_logins_of_now_are_listed_beside_a_daemon_and_without_one() {
    let mut world = World::start().await;
    let (waiting, scanned, over) = (world.create().await, world.create().await, world.create().await);
    over.give_up().await;
    world.scan(&scanned.qr_content, "oAlice").await;
    let state = |page: &LoginPage, state: &str| (page.scene.clone(), state.to_owned());
    let going_on = [state(&waiting, "pending"), state(&scanned, "confirmed")];
    let all = [going_on[0].clone(), going_on[1].clone(), state(&over, "denied")];
    for _ in ["beside a daemon", "without one"] {
        assert_eq!(listed(&world, "").await, going_on);
        assert_eq!(listed(&world, "--all").await, all);
        assert_eq!(listed(&world, "--state confirmed,denied").await, all[1..]);
        assert_eq!(listed(&world, "--client legacy").await, []);
        let (_, table, told) = ran(&world, "sessions list --format table").await;
        assert!(table.starts_with("scene ") && table.contains("  shop    127."), "{table}");
        assert_eq!(told.lines().last(), Some("1 pending, 1 confirmed"));
        if world.is_running() {
            world.terminate().await;
        }
    }
    let (status, out, err) = ran(&world, &format!("sessions expire {}", waiting.scene)).await;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.starts_with("no daemon answers at ") && err.lines().count() == 2, "{err}");
}

#[tokio::test]
async fn a_login_of_the_original_page_is_shown_and_ended_by_the_pages_own_id() {
    let world = World::start().await;
    assert_eq!(world.get("/qrcode?sceneId=page-0123456789", &[]).await.status, 200);
    let (status, sheet, err) = ran(&world, "sessions show page-0123456789 --format table").await;
    assert_eq!(status, Some(0), "{err}");
    let facts = ["state     pending for ", "client    legacy\n", "page id   page-0123456789\n", " left\n", "created\n"];
    assert!(facts.iter().all(|fact| sheet.contains(fact)), "{sheet}");
    let scene = listed(&world, "").await[0].0.clone();
    let (_, out, _) = ran(&world, "sessions expire page-0123456789").await;
    assert_eq!(out, format!("{scene} is denied, reason admin\n"));
    let (_, lines, _) = ran(&world, &format!("sessions show {scene} --format jsonl")).await;
    assert_eq!(lines.lines().count(), 2);
    assert!(lines.contains("\"reason\":\"admin\""), "{lines}");
    let (status, _, err) = ran(&world, "sessions show page-9876543210").await;
    assert_eq!(status, Some(1));
    assert!(err.starts_with("there is no login `page-9876543210`\n"), "{err}");
}
