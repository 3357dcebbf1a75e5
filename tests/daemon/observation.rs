//! What an operator sees of a login from outside: metrics, log, traces.

use std::collections::BTreeSet;

use scan_login::simulator::Call;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::operator::body;
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
    let scan = async {
        // Who comes behind the scan is not waited for, and not measured.
        world.wait_for_metric(r#"scan_login_connections{kind="poll"} 1"#).await;
        world.scan(&page.qr_content, "oAlice").await
    };
    let (told, accepted) = tokio::join!(page.poll(1, 30), scan);
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

/// A connection on which `request` was sent.
async fn ask(world: &World, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.socket_address()).await.unwrap();
    stream.write_all(format!("{request}\r\nHost: {}\r\n\r\n", world.socket_address()).as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn connections_are_counted_by_their_kind_and_no_more_once_they_are_gone() {
    let world = World::start().await;
    let page = world.create().await;
    let path = format!("/v1/sessions/{}", page.scene);
    let token = &page.attach_token;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    let mut open = Vec::new();
    for (kind, request) in [
        ("websocket", format!("GET {path}/ws?token={token} HTTP/1.1\r\n{upgrade}")),
        ("sse", format!("GET {path}/events?token={token} HTTP/1.1")),
        ("poll", format!("GET {path}?after=1&wait=30&token={token} HTTP/1.1")),
        ("sockjs", format!("GET /sockjs/000/session/websocket HTTP/1.1\r\n{upgrade}")),
    ] {
        let series = format!(r#"scan_login_connections{{kind="{kind}"}}"#);
        world.wait_for_metric(&format!("{series} 0")).await;
        let mut stream = ask(&world, &request).await;
        if kind == "sockjs" {
            // One counts as a page once it has said which: in a text frame, whose mask is zeros.
            let text = r#"["a-page-id-of-22-characters"]"#;
            let mut head = [0; 1];
            stream.read_exact(&mut head).await.unwrap();
            stream.write_all(&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0]).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
        }
        world.wait_for_metric(&format!("{series} 1")).await;
        open.push((series, stream));
    }
    for (series, stream) in open {
        drop(stream);
        world.wait_for_metric(&format!("{series} 0")).await;
    }
}

#[tokio::test]
async fn a_refusal_in_words_counts_like_any_other() {
    let world = World::start().await;
    for (path, reason) in [
        ("/c/guessed", "not_found"),
        ("/oauth/authorize?client_id=nobody", "invalid_login_link"),
        ("/login?client_id=nobody", "invalid_login_link"),
    ] {
        let series = format!(r#"scan_login_refusals_total{{reason="{reason}"}}"#);
        let count = |text: &str| if text.contains(&series) { value(text, &series) } else { 0.0 };
        let before = count(&metrics(&world).await);
        assert!(world.get(path, &[]).await.text().contains("<html"), "{path}");
        assert_eq!(count(&metrics(&world).await), before + 1.0, "{path}");
    }
    let refused = world.post("/c/guessed", &[("content-type", "text/plain")], "").await;
    assert_eq!(refused.status, 415);
    assert!(refused.text().contains("<html"), "{}", refused.text());
    assert_eq!(value(&metrics(&world).await, r#"scan_login_refusals_total{reason="unsupported_media_type"}"#), 1.0);
}

#[tokio::test]
async fn after_a_reload_wechat_is_not_away_because_it_was_by_another_secret() {
    let world = World::without_prepared_codes().await;
    world.wechat.set_away(true);
    for _ in 0..5 {
        assert_eq!(world.post("/v1/sessions", JSON, &body()).await.status, 503);
    }
    world.wait_for_metric(r#"scan_login_wechat_breaker_open{account="main"} 1"#).await;
    world.rewrite(|config| config.replacen("app_secret = \"", "app_secret = \"another-", 1));
    world.signal("HUP");
    world.wait_for_metric(r#"scan_login_wechat_breaker_open{account="main"} 0"#).await;
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
async fn the_last_word_of_a_log_in_json_is_an_object_too() {
    let mut world = World::prepare(|config| format!("{config}\n[log]\nformat = \"json\"\nfilter = \"off\"\n")).await;
    let _taken = std::net::TcpListener::bind(world.socket_address()).unwrap();
    let (status, told) = world.refused().await;
    assert_eq!(status.code(), Some(1));
    let lines: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{told}");
    assert_eq!(
        (&lines[0]["level"], &lines[0]["cure"]),
        (&"ERROR".into(), &"stop what uses it, or choose another address".into())
    );
    assert!(lines[0]["message"].as_str().unwrap().contains("[server] listen"), "{told}");
}

#[tokio::test]
async fn a_unionid_that_cannot_be_learnt_is_told_of_its_login() {
    let mut world = World::with_unionids(|config| format!("{config}\n[log]\nformat = \"json\"\n")).await;
    world.wechat.fail_next(Call::UserInfo, 48001, "api unauthorized");
    let page = world.create().await;
    assert!(world.scan(&page.qr_content, "oAlice").await);
    let (_, log) = world.terminate().await;
    let line =
        log.lines().find(|line| line.contains("a unionid could not be learnt")).unwrap_or_else(|| panic!("{log}"));
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["scene"], page.scene.as_str(), "{line}");
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

/// The metrics that a query of PromQL names.
fn named(query: &str) -> Vec<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_metric = |word: &&str| word.starts_with("scan_login_") || word.starts_with("process_");
    words.filter(is_metric).map(str::to_owned).collect()
}

/// All texts of a JSON value below a key of this name.
fn texts(value: &serde_json::Value, key: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == key) {
                    Some(text) => found.push(text.to_owned()),
                    None => texts(value, key, found),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| texts(value, key, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_metric_that_the_dashboard_and_the_alerts_name_is_there() {
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../../deploy/grafana/scan-login.json")).unwrap();
    let mut queries = Vec::new();
    for key in ["expr", "query", "definition"] {
        texts(&dashboard, key, &mut queries);
    }
    assert!(queries.len() > 50, "the dashboard's queries were not found");
    let alerts = include_str!("../../deploy/prometheus/alerts.yml");
    let expressions: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(expressions.len() >= 10, "the alerts' expressions were not found");
    for word in ["summary: ", "description: "] {
        assert_eq!(alerts.matches(word).count(), expressions.len(), "each alert has its {word}");
    }
    let all = queries.iter().map(String::as_str).chain(expressions).flat_map(named);

    let webhook = "client_id = \"shop\"\n webhook_url = \"http://127.0.0.1:9/\"\n webhook_secret = \"whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0\"";
    let world = World::with_unionids(|config| config.replacen("client_id = \"shop\"", webhook, 1)).await;
    // What WeChat refuses there costs nobody their login.
    world.wechat.fail_next(Call::UserInfo, 48001, "api unauthorized");
    login(&world).await;
    assert_eq!(world.get("/v1/sessions/sl-0000000000000000000000?token=guessed", &[]).await.status, 404);
    let told = async {
        while !metrics(&world).await.contains("scan_login_webhooks_total{") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("no webhook was sent");
    let text = metrics(&world).await;
    let there: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    let missing: BTreeSet<String> = all.filter(|name| !there.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "the daemon has no {missing:?}\n{text}");
}
