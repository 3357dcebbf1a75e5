//! What an operator sees of a login from outside: metrics, log, traces.

use crate::support::*;

async fn metrics(world: &World) -> String {
    world.try_get_at(9090, "/metrics").await.unwrap().text()
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).parse().unwrap()
}

/// A login that a poll waits for, until the website has its tokens.
async fn login(world: &World) {
    let page = world.create().await;
    let (told, accepted) = tokio::join!(page.poll(1, 30), world.scan(&page.qr_content, "oAlice"));
    assert!(accepted);
    let code = told.json()["messages"][1]["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn a_login_is_counted_when_it_is_acknowledged() {
    let world = World::start().await;
    login(&world).await;
    assert_eq!(world.get("/v1/sessions/sl-0000000000000000000000?token=guessed", &[]).await.status, 404);
    let text = metrics(&world).await;
    for event in ["created", "scanned", "confirmed", "redeemed"] {
        let series = format!(r#"scan_login_events_total{{event="{event}",client="shop"}}"#);
        assert_eq!(value(&text, &series), 1.0, "{event}");
    }
    for state in ["created", "scanned", "confirmed"] {
        assert_eq!(value(&text, &format!(r#"scan_login_sessions{{state="{state}"}}"#)), 0.0, "{state}");
    }
    for once in ["callback_answer", "callback_durable", "callback_push", "push", "redemption"] {
        assert_eq!(value(&text, &format!("scan_login_{once}_seconds_count")), 1.0, "{once}");
    }
    let polled = r#"scan_login_http_request_seconds_count{route="/v1/sessions/{scene}",status="2xx"}"#;
    assert_eq!(value(&text, polled), 1.0);
    assert_eq!(value(&text, r#"scan_login_refusals_total{reason="not_found"}"#), 1.0);
    assert_eq!(value(&text, "scan_login_journal_last_seq"), 4.0);
    assert_eq!(value(&text, "scan_login_journal_records"), 4.0);
    assert_eq!(value(&text, "scan_login_journal_syncs_total"), value(&text, "scan_login_journal_sync_seconds_count"));
    assert_eq!(value(&text, "scan_login_journal_append_wait_seconds_count"), 3.0);
    assert!(value(&text, "scan_login_journal_last_sync_timestamp_seconds") > 1.7e9);
    assert!(value(&text, "scan_login_journal_last_checkpoint_timestamp_seconds") > 1.7e9);
    assert_eq!(value(&text, "scan_login_ready"), 1.0);
    assert!(value(&text, r#"scan_login_connections{kind="http"}"#) >= 1.0);
    assert!(value(&text, r#"scan_login_wechat_token_until_timestamp_seconds{account="main"}"#) > 1.7e9);
    assert_eq!(value(&text, "scan_login_callbacks_at_work"), 0.0);
    world.wait_for_metric(r#"scan_login_connections{kind="poll"} 0"#).await;
}

#[tokio::test]
async fn sessions_that_wait_are_shown_after_a_restart_and_their_end_is_counted() {
    let mut world = World::start().await;
    let page = world.create().await;
    world.kill_and_restart().await;
    let text = metrics(&world).await;
    assert_eq!(value(&text, r#"scan_login_sessions{state="created"}"#), 1.0);
    assert_eq!(value(&text, "scan_login_session_places_used"), 1.0);
    assert!(!text.contains("scan_login_events_total{"), "what a start finds is nothing new:\n{text}");
    page.give_up().await;
    let text = metrics(&world).await;
    assert_eq!(value(&text, r#"scan_login_events_total{event="denied",client="shop"}"#), 1.0);
    assert_eq!(value(&text, r#"scan_login_denied_total{reason="browser"}"#), 1.0);
    assert_eq!(value(&text, r#"scan_login_sessions{state="created"}"#), 0.0);
}

#[tokio::test]
async fn what_a_stranger_writes_becomes_no_label() {
    let world = World::start().await;
    assert_eq!(world.get("/a-word-of-a-stranger?and=another", &[]).await.status, 404);
    assert_eq!(world.post("/wechat/stranger", &[], "").await.status, 404);
    let text = metrics(&world).await;
    assert!(!text.contains("stranger"), "{text}");
    assert_eq!(value(&text, r#"scan_login_http_request_seconds_count{route="other",status="4xx"}"#), 1.0);
}

#[tokio::test]
async fn the_log_in_json_is_an_object_a_line_and_names_the_login() {
    let mut world = World::with(|config| format!("{config}\n[log]\nformat = \"json\"\nfilter = \"info\"\n")).await;
    let page = world.create().await;
    page.give_up().await;
    assert!(world.scan(&page.qr_content, "oAlice").await);
    let (_, log) = world.terminate().await;
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} is no JSON"))).collect();
    for line in &lines {
        let at = line["timestamp"].as_str().unwrap();
        assert!(at.ends_with('Z') && at.parse::<jiff::Timestamp>().is_ok(), "{line}");
        assert!(line["message"].is_string() && line["fields"].is_null(), "{line}");
        assert!(line["target"].as_str().unwrap().starts_with("scan_login"), "{line}");
        assert!(["INFO", "WARN"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
    let scan = lines.iter().find(|line| line["message"] == "a scan had no effect").unwrap();
    assert_eq!(
        (&scan["scene"], &scan["refusal"], &scan["level"]),
        (&page.scene.into(), &"Ended".into(), &"INFO".into())
    );
}

#[tokio::test]
async fn the_log_tells_what_its_filter_lets_through_and_a_wrong_one_is_refused() {
    let mut world = World::prepare(|config| format!("{config}\n[log]\nfilter = \"error\"\n")).await;
    world.run().await;
    let (status, log) = world.terminate().await;
    assert!(status.success() && log.is_empty(), "{log}");
    let mut world = World::prepare(|config| format!("{config}\n[log]\nfilter = \"loud=very\"\n")).await;
    let (status, told) = world.refused().await;
    assert_eq!(status.code(), Some(2));
    assert!(told.contains("log.filter = \"loud=very\"") && told.contains("write a level"), "{told}");
}
