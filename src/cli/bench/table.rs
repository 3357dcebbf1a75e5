//! Figures for eyes: what is one value on a line of its own, and below it, in columns, how long things took.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Of how long something took, the columns.
const COLUMNS: [&str; 5] = ["p50", "p90", "p99", "p99_9", "max"];

/// The table of one scenario's object.
pub(super) fn table(told: &Value) -> String {
    let mut text = format!("{}\n", told["scenario"].as_str().unwrap_or_default());
    if let Value::Object(told) = told {
        part(told, 1, &mut text);
    }
    text.push('\n');
    text
}

/// Values first, then times, then what is an object of its own.
fn part(object: &Map<String, Value>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let fields = || object.iter().filter(|(name, _)| *name != "scenario");
    for (name, value) in fields() {
        if let Some(shown) = shown(value) {
            let _ = writeln!(text, "{indent}{:<34}{shown}", words(name));
        }
    }
    let times: Vec<_> = fields().filter(|(_, value)| is_times(value)).collect();
    if !times.is_empty() {
        let head: String = COLUMNS.map(|column| format!("{:>10}", column.replace('_', "."))).concat();
        let _ = writeln!(text, "{indent}{:<18}{head}", "milliseconds");
    }
    for (name, value) in times {
        let columns: String = COLUMNS.map(|column| format!("{:>10}", number(&value[column]))).concat();
        let _ = writeln!(text, "{indent}{:<18}{columns}", words(name.strip_suffix("_ms").unwrap_or(name)));
    }
    for (name, value) in fields().filter(|(_, value)| !is_times(value)) {
        if let Value::Object(inner) = value
            && !inner.is_empty()
        {
            let _ = writeln!(text, "{indent}{}", words(name));
            part(inner, depth + 1, text);
        }
    }
}

fn is_times(value: &Value) -> bool {
    COLUMNS.iter().all(|column| value.get(column).is_some())
}

/// What stands on one line; nothing is said of what is not there.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Bool(true) => Some("yes".into()),
        Value::Bool(false) => Some("no".into()),
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => Some(values.iter().filter_map(shown).collect::<Vec<_>>().join(", ")),
        value @ Value::Number(_) => Some(number(value)),
    }
}

/// With as many digits as eyes want.
fn number(value: &Value) -> String {
    match (value.as_u64(), value.as_f64()) {
        (Some(whole), _) => grouped(whole),
        (None, Some(value)) if value.abs() >= 1000.0 => grouped(value.round() as u64),
        (None, Some(value)) if value.abs() >= 100.0 => format!("{value:.0}"),
        (None, Some(value)) if value.abs() >= 10.0 => format!("{value:.1}"),
        (None, Some(value)) => format!("{value:.2}"),
        (None, None) => value.to_string(),
    }
}

/// `12,345,678`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// A key as words, its unit, where it has one, behind a comma: `daemon cpu, µs a login`.
fn words(name: &str) -> String {
    let name = name.replace("_per_s", "/s").replace("_cpu_us", "_cpu, µs");
    name.strip_suffix("_bytes").map_or(name.clone(), |name| format!("{name}, bytes")).replace('_', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_stand_above_times_and_inner_objects_below() {
        let times =
            json!({"count": 3, "mean": 1.0, "p50": 0.5, "p90": 12.34, "p99": 123.4, "p99_9": 1234.5, "max": 7.0});
        let told = json!({
            "scenario": "login", "logins": 12345, "logins_per_s": 1234.5, "pinned": null, "lost": 0, "lost_because": {},
            "push_ms": times, "unloaded": {"resident_bytes": 1024, "push_ms": times},
        });
        let expected = "\
login
  logins                            12,345
  logins/s                          1,235
  lost                              0
  milliseconds             p50       p90       p99     p99.9       max
  push                    0.50      12.3       123     1,235      7.00
  unloaded
    resident, bytes                   1,024
    milliseconds             p50       p90       p99     p99.9       max
    push                    0.50      12.3       123     1,235      7.00

";
        let text = table(&told);
        // The order of an object's keys is not its own.
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&text), sorted(expected), "{text}");
        assert!(text.starts_with("login\n"));
    }

    #[test]
    fn why_logins_were_lost_is_shown() {
        let told = json!({"scenario": "login", "lost": 2, "lost_because": {"create: 503 full": 2}});
        assert!(table(&told).contains("lost because\n    create: 503 full"), "{}", table(&told));
    }
}
