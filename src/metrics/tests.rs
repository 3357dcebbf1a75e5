use std::time::Duration;

use super::*;
use crate::domain::{
    AppId, Confirmation, Created, DenyReason, Digest, Event, Incarnation, LoginRequest, Opener, QrCode, Recorded,
    SceneId, Timestamp,
};

fn main() -> AccountName {
    AccountName::new("main").unwrap()
}

fn has(metrics: &Metrics, line: &str) -> bool {
    metrics.text().lines().any(|found| found == line)
}

#[test]
fn names_follow_the_conventions() {
    let metrics = Metrics::new();
    let api = metrics.wechat_api(&main());
    api.called("qrcode/create", CallOutcome::Ok, Duration::from_millis(30));
    api.error(40164);
    api.breaker(true);
    metrics.show_wechat([api]);
    metrics.callback(&main(), CallbackOutcome::Scan);
    metrics.qr_codes(&main()).budget(7, 90_000, false);
    metrics.qr_codes(&main()).prepared(8);
    for line in [
        r#"scan_login_wechat_api_calls_total{account="main",call="qrcode/create",outcome="ok"} 1"#,
        r#"scan_login_wechat_api_errors_total{account="main",errcode="40164"} 1"#,
        r#"scan_login_wechat_api_call_seconds_bucket{le="0.05",account="main",call="qrcode/create"} 1"#,
        r#"scan_login_wechat_breaker_open{account="main"} 1"#,
        r#"scan_login_wechat_callbacks_total{account="main",outcome="scan"} 1"#,
        r#"scan_login_wechat_qr_budget_used{account="main"} 7"#,
        r#"scan_login_wechat_qr_budget_limit{account="main"} 90000"#,
        r#"scan_login_wechat_qr_prepared{account="main"} 8"#,
        "# EOF",
    ] {
        assert!(has(&metrics, line), "{line} is not in\n{}", metrics.text());
    }
}

#[test]
fn an_account_is_told_by_the_handle_that_is_shown_and_not_at_all_once_it_has_left() {
    let metrics = Metrics::new();
    let before = metrics.wechat_api(&main());
    metrics.qr_codes(&main()).budget(80, 100, true);
    metrics.show_wechat([before.clone()]);
    assert!(has(&metrics, r#"scan_login_wechat_callbacks_total{account="main",outcome="forged"} 0"#));
    before.breaker(true);
    before.token_until(Timestamp::from_micros(5_000_000));
    assert!(has(&metrics, r#"scan_login_wechat_breaker_open{account="main"} 1"#));

    // Another way to reach it, of which nothing is known yet; what the one before still learns is told to nobody.
    let after = metrics.wechat_api(&main());
    assert!(has(&metrics, r#"scan_login_wechat_breaker_open{account="main"} 1"#), "it is not shown yet");
    metrics.show_wechat([after]);
    before.breaker(true);
    for line in [
        r#"scan_login_wechat_breaker_open{account="main"} 0"#,
        r#"scan_login_wechat_token_until_timestamp_seconds{account="main"} 0"#,
        r#"scan_login_wechat_qr_budget_low{account="main"} 1"#,
    ] {
        assert!(has(&metrics, line), "{line} is not in\n{}", metrics.text());
    }
    assert!(!metrics.reading().wechat[0].is_away);

    metrics.show_wechat([]);
    let text = metrics.text();
    for gauge in ["breaker_open", "token_until_timestamp_seconds", "qr_prepared", "qr_budget_used", "qr_budget_low"] {
        assert!(!text.contains(&format!("scan_login_wechat_{gauge}{{")), "{gauge} is still in\n{text}");
    }
    assert!(metrics.reading().wechat.is_empty());
}

#[test]
fn made_up_codes_are_one_label() {
    let metrics = Metrics::new();
    let api = metrics.wechat_api(&main());
    for code in [1, 7, 123_456, i64::MIN] {
        api.error(code);
    }
    assert!(has(&metrics, r#"scan_login_wechat_api_errors_total{account="main",errcode="0"} 4"#));
}

#[test]
fn clones_count_together() {
    let metrics = Metrics::new();
    for handle in [metrics.clone(), metrics.clone()] {
        handle.callback(&main(), CallbackOutcome::Forged);
    }
    assert!(has(&metrics, r#"scan_login_wechat_callbacks_total{account="main",outcome="forged"} 2"#));
}

fn record(seq: u64, scene: &SceneId, event: Event) -> Recorded {
    Recorded { seq, scene_seq: 1, at: Timestamp::from_micros(0), scene: scene.clone(), event }
}

fn created(client: &str) -> Event {
    Event::Created(Arc::new(Created {
        account: main(),
        app_id: AppId::new("wx0123456789abcdef").unwrap(),
        client: ClientId::new(client).unwrap(),
        incarnation: Incarnation(7),
        opener: Opener::Browser { attach: Digest([0; 32]) },
        confirmation: Confirmation::Tap,
        qr: QrCode { content: "http://weixin.qq.com/q/1".into(), expires_at: Timestamp::from_micros(1) },
        expires_at: Timestamp::from_micros(1),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(60),
        request: LoginRequest::default(),
        visitor: None,
    }))
}

#[test]
fn events_count_for_their_sessions_client_and_move_it() {
    let metrics = Metrics::new();
    let scene = SceneId::new("sl_AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    metrics.logins().durable(&[record(1, &scene, created("shop"))]);
    assert!(has(&metrics, r#"scan_login_sessions{state="created"} 1"#));
    metrics.logins().durable(&[record(2, &scene, Event::Denied(DenyReason::Number))]);
    for line in [
        r#"scan_login_events_total{event="created",client="shop"} 1"#,
        r#"scan_login_events_total{event="denied",client="shop"} 1"#,
        r#"scan_login_denied_total{reason="number"} 1"#,
        r#"scan_login_sessions{state="created"} 0"#,
    ] {
        assert!(has(&metrics, line), "{line} is not in\n{}", metrics.text());
    }
}

#[test]
fn what_a_start_finds_stands_where_it_stood_and_is_not_counted_again() {
    let metrics = Metrics::new();
    let scene = SceneId::new("sl_AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let stream = [record(1, &scene, created("shop"))];
    metrics.logins().found(&stream);
    metrics.logins().found(&stream);
    let reading = metrics.reading();
    assert_eq!(reading.sessions[0], (Standing::Created, 1));
    assert!(reading.events.iter().all(|(_, count)| *count == 0));
    metrics.logins().durable(&[record(2, &scene, Event::Expired)]);
    assert!(has(&metrics, r#"scan_login_events_total{event="expired",client="shop"} 1"#));
    metrics.logins().retired(&scene);
    assert_eq!(metrics.reading().sessions[0], (Standing::Created, 0));
}

#[test]
fn what_was_started_again_is_told_by_its_kind() {
    let metrics = Metrics::new();
    metrics.process().restarted(Actor::Registry, 1);
    metrics.process().restarted(Actor::Session, 3);
    assert!(has(&metrics, r#"scan_login_actor_restarts_total{actor="registry"} 1"#));
    assert!(has(&metrics, r#"scan_login_actor_restarts_total{actor="session"} 3"#));
}

#[test]
fn the_process_is_told_by_the_names_that_everybody_uses() {
    let text = Metrics::new().text();
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is not in\n{text}")).rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
    assert!(value("process_open_fds") >= 3.0);
    assert!(value("process_max_fds") > value("process_open_fds"));
    assert!(value("process_start_time_seconds") > 1.7e9);
    assert!(value("process_cpu_seconds_total") >= 0.0);
    assert!(text.contains(concat!("scan_login_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1")));
}

#[test]
fn a_dashboard_reads_what_prometheus_scrapes() {
    let metrics = Metrics::new();
    let api = metrics.wechat_api(&main());
    api.called("qrcode/create", CallOutcome::Refused, Duration::from_millis(30));
    api.breaker(true);
    metrics.show_wechat([api.clone()]);
    api.token_until(Timestamp::from_micros(5_000_000));
    metrics.callback(&main(), CallbackOutcome::Scan);
    metrics.qr_codes(&main()).budget(7, 90_000, false);
    metrics.logins().refused("too_many_requests");
    metrics.logins().pushed(Duration::from_millis(1), Some(Duration::from_millis(3)));
    metrics.journal().synced(3, Duration::from_millis(2), Timestamp::from_micros(9_000_000));
    metrics.ask(|metrics| metrics.journal().reaches(11, 20));
    let reading = metrics.reading();
    let wechat = &reading.wechat[0];
    assert_eq!((wechat.account.as_str(), wechat.is_away, wechat.qr_budget_used), ("main", true, 7));
    assert_eq!(wechat.last_calls, [("qrcode/create", CallOutcome::Refused)]);
    assert_eq!(wechat.callbacks[0], (CallbackOutcome::Scan, 1));
    assert_eq!(wechat.token_until, Some(Timestamp::from_micros(5_000_000)));
    assert_eq!(reading.refusals, [("too_many_requests", 1)]);
    assert_eq!((reading.callback_to_push.count, reading.durable_to_push.count), (1, 1));
    let journal = &reading.journal;
    assert_eq!((journal.records, journal.first, journal.last, journal.last_sync), (10, 11, 20, 9.0));
    assert_eq!(journal.sync.count, 1);
}

/// Metrics of which each has counted something.
fn all() -> Metrics {
    let metrics = Metrics::new();
    let shop = ClientId::new("shop").unwrap();
    let scene = SceneId::new("sl_AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    metrics.logins().durable(&[record(1, &scene, created("shop"))]);
    metrics.logins().refused("too_many_requests");
    metrics.http().answered("/v1/sessions", 201, Duration::from_millis(1));
    metrics.webhooks(&shop).attempted(WebhookOutcome::Taken);
    let api = metrics.wechat_api(&main());
    api.called("qrcode/create", CallOutcome::Ok, Duration::from_millis(30));
    api.error(40164);
    metrics.show_wechat([api]);
    metrics.callback(&main(), CallbackOutcome::Scan);
    metrics.qr_codes(&main()).budget(7, 90_000, false);
    metrics
}

/// One line of the page's table for each metric: name as it is scraped, type, labels, and the registry's words.
fn table(text: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let mut help = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').unwrap().1.trim_end_matches('.');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let name = match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            };
            let samples = text.lines().filter(|line| line.split(['{', ' ']).next().unwrap().starts_with(&name));
            let mut labels: Vec<String> = samples
                .filter_map(|line| line.split_once('{')?.1.rsplit_once('}'))
                .flat_map(|(labels, _)| labels.split(',').map(|label| label.split('=').next().unwrap().to_owned()))
                .filter(|label| label != "le")
                .map(|label| format!("`{label}`"))
                .collect();
            labels.sort();
            labels.dedup();
            rows.push(format!("| `{name}` | {kind} | {} | {help} |", labels.join(", ")));
        }
    }
    rows
}

#[test]
fn the_page_says_of_every_metric_what_the_registry_says() {
    let page = include_str!("../../docs/en/metrics.md");
    let rows = table(&all().text());
    assert!(rows.len() > 40, "metrics are missing: {}", rows.len());
    let known: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| `scan_login_") || line.starts_with("| `process_")).collect();
    assert_eq!(known, rows, "docs/en/metrics.md must have these lines:\n{}", rows.join("\n"));
}
