use serde_json::json;

use super::*;

fn look(width: Option<usize>, colour: bool) -> Look {
    Look { width, colour, zone: TimeZone::get("Asia/Shanghai").unwrap() }
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn scanned() -> Map<String, Value> {
    map(json!({
        "seq": 2, "at": "2026-01-02T03:04:05.678901Z", "scene_id": "sl-0123456789abcdefghijkl", "scene_seq": 2,
        "type": "scanned", "account": "main", "openid": "o6_bmjr",
    }))
}

fn created() -> Map<String, Value> {
    map(json!({
        "seq": 123_456, "at": "2026-01-02T16:04:05.678901Z", "scene_id": "sl-0123456789abcdefghijkl", "type": "created",
        "account": "main", "client_id": "shop", "scope": "openid wechat", "has_state": true, "has_code_challenge": false,
        "expires_at": "2026-01-02T16:09:05.678901Z", "qr_content": "http://weixin.qq.com/q/02x", "later": 5,
    }))
}

fn of(kind: &str, key: &str, value: &str) -> Map<String, Value> {
    let mut event = scanned();
    event.insert("type".into(), json!(kind));
    for key in ["account", "openid"] {
        event.remove(key);
    }
    event.insert(key.into(), json!(value));
    event
}

/// A day of a shop, on a terminal so wide.
fn drawn(width: Option<usize>) -> String {
    let mut first = scanned();
    first.insert("openid".into(), json!("o6_bmjrPTlm6_2sgVt7hMZOPfL2M"));
    let later = "2026-01-02T03:05:05.678901Z";
    let events = [
        first,
        of("confirmed", "code_expires_at", later),
        of("redeemed", "access_token_expires_at", later),
        of("denied", "reason", "wrong_account"),
        of("expired", "reason", ""),
        created(),
    ];
    let mut table = Table::new(look(width, false), 99_999);
    events.iter().fold(table.header(), |text, event| text + &table.row(event))
}

#[test]
fn columns_align_and_the_zone_is_named() {
    let expected = "
  seq  time (Asia/Shanghai)     scene                      type       details
    2  2026-01-02 11:04:05.678  sl-0123456789abcdefghijkl  scanned    openid=o6_bmjrPTlm6_2sgVt7hMZOPfL2M account=main
    2  2026-01-02 11:04:05.678  sl-0123456789abcdefghijkl  confirmed  code_expires_at=11:05:05
    2  2026-01-02 11:04:05.678  sl-0123456789abcdefghijkl  redeemed   access_token_expires_at=11:05:05
    2  2026-01-02 11:04:05.678  sl-0123456789abcdefghijkl  denied     reason=wrong_account
    2  2026-01-02 11:04:05.678  sl-0123456789abcdefghijkl  expired
123456  2026-01-03 00:04:05.678  sl-0123456789abcdefghijkl  created    client_id=shop account=main \
scope=\"openid wechat\" expires_at=00:09:05 later=5
";
    assert_eq!("\n".to_owned() + &drawn(None), expected);
    assert_eq!(drawn(Some(150)), drawn(None));
}

#[test]
fn at_110_columns_only_long_details_are_cut() {
    let drawn = drawn(Some(110));
    let row = |number: usize| drawn.lines().nth(number).unwrap();
    assert!(row(1).ends_with("scanned    openid=o6_bmjrPTlm6_2sgVt7hMZOPfL2M acc\u{2026}"), "{drawn}");
    assert!(row(3).ends_with("redeemed   access_token_expires_at=11:05:05"), "{drawn}");
}

#[test]
fn at_80_columns_the_day_has_a_line_and_details_need_no_names() {
    let expected = "
  seq  time          scene             type       details
2026-01-02 (Asia/Shanghai)
    2  11:04:05.678  sl-012345…ghijkl  scanned    o6_bmjrPTlm6_2sgVt7hMZOPfL2M …
    2  11:04:05.678  sl-012345…ghijkl  confirmed  until=11:05:05
    2  11:04:05.678  sl-012345…ghijkl  redeemed   until=11:05:05
    2  11:04:05.678  sl-012345…ghijkl  denied     wrong_account
    2  11:04:05.678  sl-012345…ghijkl  expired
2026-01-03 (Asia/Shanghai)
123456  00:04:05.678  sl-012345…ghijkl  created    shop account=main scope=\"ope…
";
    assert_eq!("\n".to_owned() + &drawn(Some(80)), expected);
}

#[test]
fn at_60_columns_the_type_is_whole() {
    let expected = "
  seq  time      scene    type       details
2026-01-02 (Asia/Shanghai)
    2  11:04:05  …ghijkl  scanned    o6_bmjrPTlm6_2sgVt7hMZ…
    2  11:04:05  …ghijkl  confirmed  until=11:05:05
    2  11:04:05  …ghijkl  redeemed   until=11:05:05
    2  11:04:05  …ghijkl  denied     wrong_account
    2  11:04:05  …ghijkl  expired
2026-01-03 (Asia/Shanghai)
123456  00:04:05  …ghijkl  created    shop account=main sco…
";
    assert_eq!("\n".to_owned() + &drawn(Some(60)), expected);
}

#[test]
fn a_terminal_is_never_overrun_and_the_type_goes_last() {
    for width in 0..160 {
        let drawn = drawn(Some(width));
        for line in drawn.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
            assert_eq!(line.trim_end(), line, "{width}");
        }
        let whole = |kind: &&str| drawn.lines().any(|line| line.split_whitespace().any(|word| word == *kind));
        let wholly = ["scanned", "confirmed", "redeemed", "denied", "expired", "created"].iter().filter(|k| whole(k));
        assert!(wholly.count() == 6 || width < TYPE_WIDTH, "{width}: {drawn}");
    }
}

#[test]
fn only_types_are_coloured_and_only_where_asked() {
    for event in [scanned(), of("expired", "reason", "")] {
        let plain = Table::new(look(Some(120), false), 1).row(&event);
        let coloured = Table::new(look(Some(120), true), 1).row(&event);
        assert_ne!(coloured, plain);
        let without =
            ["\u{1b}[36m", "\u{1b}[33m", "\u{1b}[0m"].iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(without, plain);
    }
    let coloured = Table::new(look(Some(120), true), 1).row(&of("expired", "reason", ""));
    assert!(coloured.ends_with("\u{1b}[33mexpired\u{1b}[0m\n"), "{coloured:?}");
}

#[test]
fn what_a_browser_sent_cannot_command_the_terminal() {
    let mut event = scanned();
    event.insert("ui_locales".into(), json!("\u{1b}[2J\u{9b}31m\n\u{202e}zh 中文"));
    let row = Table::new(look(None, false), 1).row(&event);
    assert!(row.ends_with("ui_locales=\"\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}zh 中文\"\n"), "{row:?}");
}

#[test]
fn zones_without_a_name_are_told_by_their_offset() {
    assert_eq!(zone_name(&TimeZone::UTC), "UTC");
    assert_eq!(zone_name(&TimeZone::fixed(jiff::tz::offset(8))), "UTC+08");
    assert_eq!(zone_name(&TimeZone::unknown()), "UTC");
}
