//! How the daemon starts, refuses to start, and ends.

use std::os::unix::fs::PermissionsExt;

use tokio::io::AsyncBufReadExt;

use crate::support::*;

#[tokio::test]
async fn sigterm_ends_it_orderly_and_nothing_is_lost() {
    let mut world = World::start().await;
    let page = world.create().await;
    let attach_token = page.attach_token.clone();
    let (poll, bearer) = (format!("{}?after=1&wait=30", page.poll), format!("Bearer {attach_token}"));
    let waiting = tokio::spawn(async move { send("GET", &poll, &[("authorization", &bearer)], "").await });
    // Connections are accepted in order: when a later one is answered, the poll is waiting.
    page.poll(0, 0).await;
    let started = std::time::Instant::now();
    let (status, log) = world.terminate().await;
    let answer = waiting.await.unwrap();
    assert!(status.success(), "{log}");
    assert!(started.elapsed().as_secs() < 10);
    assert_eq!(answer.json(), serde_json::json!({ "messages": [] }), "who polls is answered at once");
    assert!(!log.contains(&page.attach_token) && !log.contains("app-secret") && !log.contains(TOKEN), "{log}");
    assert!(!world.folder.path().join("data/admin.sock").exists());
    world.run().await;
    page.wait_for("created").await;
}

#[tokio::test]
async fn no_secret_is_in_the_journal_in_any_output_or_in_the_log() {
    let mut world = World::start().await;
    world.terminate().await;
    world.set("RUST_LOG", "trace");
    world.run().await;
    let page = world.create().await;
    world.scan(&page.qr_content, "oAlice").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let access_token = world.redeem(&code).await.json()["access_token"].as_str().unwrap().to_owned();
    let journal = serde_json::to_string(&world.journal().await).unwrap();
    let (_, log) = world.terminate().await;
    let code = code.rsplit_once('.').unwrap().1;
    for secret in [&page.attach_token, code, &access_token, SECRET, TOKEN, "app-secret", VERIFIER] {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!journal.contains(secret), "{secret} is in the output of replay");
        for file in files_below(&world.folder.path().join("data")) {
            let bytes = std::fs::read(&file).unwrap();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", file.display());
        }
    }
}

#[tokio::test]
async fn the_admin_listener_tells_that_it_lives_and_is_ready() {
    let world = World::start().await;
    assert_eq!(world.try_get_at(9090, "/healthz").await.unwrap().status, 200);
    assert_eq!(world.try_get_at(9090, "/readyz").await.unwrap().status, 200);
    assert_eq!(world.try_get_at(9090, "/nothing").await.unwrap().status, 404);
    assert_eq!(world.get("/readyz", &[]).await.status, 404, "not on the public listener");
}

#[tokio::test]
async fn keys_and_admin_socket_belong_to_the_daemons_user_alone() {
    let world = World::start().await;
    let mode = |path: &str| std::fs::metadata(world.folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("keys"), mode("keys/derivation.key"), mode("data/admin.sock")), (0o700, 0o600, 0o600));
}

#[tokio::test]
async fn a_second_daemon_on_the_same_port_or_store_says_so() {
    let mut world = World::start().await;
    let output = world.command("serve").output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot be listened on") && told.contains("\n    "), "{told}");

    world.set("SCAN_LOGIN__SERVER__LISTEN", &format!("{}:8081", world.address));
    world.set("SCAN_LOGIN__ADMIN__LISTEN", &format!("{}:9091", world.address));
    world.set("SCAN_LOGIN__STORE__LOCK_WAIT", "100ms");
    let output = world.command("serve").output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("in use by another process") && told.contains("\n    "), "{told}");
    assert_eq!(world.try_get_at(9090, "/readyz").await.unwrap().status, 200, "the first is not disturbed");
    assert!(world.events().await.is_empty(), "and its admin socket still answers");
}

#[tokio::test]
async fn a_store_that_is_newer_than_the_program_is_refused_politely() {
    let mut world = World::start().await;
    world.terminate().await;
    std::fs::write(world.folder.path().join("data/LAYOUT"), "scan-login store, layout 99\n").unwrap();
    for command in ["serve", "replay"] {
        let output = world.command(command).output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("layout 99") && told.contains("\n    "), "{told}");
    }
}

#[tokio::test]
async fn faults_of_the_configuration_are_told_at_once() {
    let world = World::prepare(|config| {
        config.replace("[session]", "[session]\ncode_tll = \"60s\"").replacen(
            "token = \"callbacktoken\"",
            "token = \"\"",
            1,
        )
    })
    .await;
    for command in ["serve", "config check"] {
        let output = world.command(command).output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("session.code_tll") && told.contains("code_ttl"), "{told}");
        assert!(told.contains("account.main.token"), "{told}");
    }
    assert!(!world.folder.path().join("data").exists(), "nothing was made");
}

#[tokio::test]
async fn a_good_configuration_is_told_with_its_warnings() {
    let world = World::prepare(|config| config).await;
    let output = world.command("config check").output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let (out, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(out.contains("no faults"), "{out}");
    assert!(told.contains("confirm") && told.contains("encryption"), "{told}");
}

/// SIGTERM counts from the first moment, also while another process holds the store.
#[tokio::test]
async fn sigterm_ends_a_daemon_that_waits_for_the_store() {
    let mut world = World::start().await;
    world.set("SCAN_LOGIN__SERVER__LISTEN", &format!("{}:8081", world.address));
    world.set("SCAN_LOGIN__ADMIN__LISTEN", &format!("{}:9091", world.address));
    let mut second = world.command("serve").spawn().unwrap();
    let mut log = tokio::io::BufReader::new(second.stderr.take().unwrap()).lines();
    while !log.next_line().await.unwrap().expect("it ended").contains("waiting for it") {}
    let pid = second.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = tokio::time::timeout(PATIENCE, second.wait()).await.expect("it still waits for the store");
    assert!(ended.unwrap().success());
}

#[tokio::test]
async fn what_a_method_cannot_do_is_a_problem_too() {
    let world = World::start().await;
    for (method, path) in [("GET", "/oauth/token"), ("PUT", "/v1/sessions"), ("HEAD", "/qrcode?sceneId=1")] {
        assert_eq!(send(method, &world.url(path), &[], "").await.status, 405, "{method} {path}");
    }
    let answer = world.get("/oauth/token", &[]).await;
    assert_eq!((answer.header("content-type"), answer.header("allow")), ("application/problem+json", "POST"));
    for path in ["/nothing", "/v1/sessions/%ff", "/v1/sessions/%ff/qr.svg", "/wechat/%ff"] {
        let answer = world.get(&format!("{path}?token=x"), &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"), "{path}");
    }
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn nobody_else_can_read_who_logged_in() {
    let world = World::start().await;
    let mode = std::fs::metadata(world.folder.path().join("data")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
}

#[tokio::test]
async fn keys_that_are_gone_are_missed_aloud() {
    let mut world = World::start().await;
    world.create().await;
    world.terminate().await;
    let keys = world.folder.path().join("keys");
    std::fs::remove_dir_all(&keys).unwrap();
    let (status, log) = world.refused().await;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("the key ") && log.contains("put the right key back from its backup"), "{log}");
    assert!(!keys.exists(), "no other key is made in its place");
    world.run_with("serve --accept-fork").await;
    let (_, log) = world.terminate().await;
    assert!(log.contains("the journal is older than the keys"), "{log}");
    world.run().await;
}

#[tokio::test]
async fn the_configuration_in_the_readme_has_no_faults() {
    let world = World::prepare(|_| {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
        text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap().to_owned()
    })
    .await;
    let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    std::fs::write(world.folder.path().join("aes-key"), key).unwrap();
    for secret in ["app-secret", "shop-secret"] {
        std::fs::write(world.folder.path().join(secret), "a secret\n").unwrap();
    }
    let output = world.command("config check").output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
