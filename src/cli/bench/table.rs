//! Figures for eyes: what is one value on a line of its own, and below it, in columns, how long things took.

use std::fmt::Write;
use std::io;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Number, Value};

/// Of how long something took, the columns.
const COLUMNS: [&str; 5] = ["p50", "p90", "p99", "p99_9", "max"];

/// Any JSON, with the keys of objects in their order.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Item {
    Object(Object),
    List(Vec<Item>),
    Value(Value),
}

type Object = IndexMap<String, Item>;

/// The table of one scenario's object, which is JSON.
pub(super) fn table(told: &str) -> io::Result<String> {
    let mut told: Object = serde_json::from_str(told)?;
    let scenario = told.shift_remove("scenario").as_ref().and_then(shown);
    let mut text = format!("{}\n", scenario.unwrap_or_default());
    if let Some(pinned @ Item::Value(Value::Null)) = told.get_mut("pinned") {
        *pinned = Item::Value(Value::Bool(false));
    }
    part(&told, 1, &mut text);
    text.push('\n');
    Ok(text)
}

/// Values first, then times, then what is an object of its own.
fn part(object: &Object, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for (name, item) in object {
        if let Some(shown) = shown(item) {
            let _ = writeln!(text, "{indent}{:<34}{shown}", words(name));
        }
    }
    let times: Vec<_> = object.iter().filter_map(|(name, item)| Some((name, times(item)?))).collect();
    if !times.is_empty() {
        let head: String = COLUMNS.map(|column| format!("{:>10}", column.replace('_', "."))).concat();
        let _ = writeln!(text, "{indent}{:<18}{head}", "milliseconds");
    }
    for (name, columns) in times {
        let columns: String = columns.map(|column| format!("{column:>10}")).concat();
        let _ = writeln!(text, "{indent}{:<18}{columns}", words(name.strip_suffix("_ms").unwrap_or(name)));
    }
    for (name, item) in object {
        if let Item::Object(inner) = item
            && !inner.is_empty()
            && times_of(inner).is_none()
        {
            let _ = writeln!(text, "{indent}{}", words(name));
            part(inner, depth + 1, text);
        }
    }
}

fn times(item: &Item) -> Option<[String; COLUMNS.len()]> {
    match item {
        Item::Object(object) => times_of(object),
        Item::List(_) | Item::Value(_) => None,
    }
}

/// The columns, where it is of times.
fn times_of(object: &Object) -> Option<[String; COLUMNS.len()]> {
    let mut columns = COLUMNS.map(|column| object.get(column).and_then(shown));
    columns.iter().all(Option::is_some).then(|| columns.each_mut().map(|column| column.take().unwrap_or_default()))
}

/// What stands on one line; nothing is said of what is not there.
fn shown(item: &Item) -> Option<String> {
    match item {
        Item::Object(_) | Item::Value(Value::Null | Value::Object(_) | Value::Array(_)) => None,
        Item::List(items) => Some(items.iter().filter_map(shown).collect::<Vec<_>>().join(", ")),
        Item::Value(Value::Bool(true)) => Some("yes".into()),
        Item::Value(Value::Bool(false)) => Some("no".into()),
        Item::Value(Value::String(text)) => Some(text.clone()),
        Item::Value(Value::Number(value)) => Some(number(value)),
    }
}

/// With as many digits as eyes want.
fn number(number: &Number) -> String {
    match (number.as_u64(), number.as_f64()) {
        (Some(whole), _) => grouped(whole),
        (None, Some(value)) if value.abs() >= 1000.0 => grouped(value.round() as u64),
        (None, Some(value)) if value.abs() >= 100.0 => format!("{value:.0}"),
        (None, Some(value)) if value.abs() >= 10.0 => format!("{value:.1}"),
        (None, Some(value)) => format!("{value:.2}"),
        (None, None) => number.to_string(),
    }
}

/// `12,345,678`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// What a key ends with, and how that is written behind it.
const UNITS: [(&str, &str); 4] =
    [("_bytes", ", bytes"), ("_percent", ", percent"), ("_times", ", times"), ("_s", ", seconds")];

/// A key as words, its unit, where it has one, behind a comma: `daemon cpu, µs a login`.
fn words(name: &str) -> String {
    let name = name
        .replace("_per_s", "/s")
        .replace("_cpu_us", "_cpu, µs")
        .replace("_bytes_a", ", bytes a")
        .replace("_times_unloaded", ", times unloaded");
    let unit = UNITS.iter().find_map(|(end, unit)| Some(format!("{}{unit}", name.strip_suffix(end)?)));
    unit.unwrap_or(name).replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_above_times_and_inner_objects_below_in_their_order() {
        let times = r#"{"count": 3, "mean": 1.0, "p50": 0.5, "p90": 12.34, "p99": 123.4, "p99_9": 1234.5, "max": 7.0}"#;
        let told = format!(
            r#"{{"scenario": "login", "pinned": null, "logins_per_s": 1234.5, "logins": 12345, "lost": 0, "lost_because": {{}},
            "push_ms": {times}, "attach_ms": {times}, "unloaded": {{"resident_bytes": 1024, "push_ms": {times}}}}}"#
        );
        let expected = "\
login
  pinned                            no
  logins/s                          1,235
  logins                            12,345
  lost                              0
  milliseconds             p50       p90       p99     p99.9       max
  push                    0.50      12.3       123     1,235      7.00
  attach                  0.50      12.3       123     1,235      7.00
  unloaded
    resident, bytes                   1,024
    milliseconds             p50       p90       p99     p99.9       max
    push                    0.50      12.3       123     1,235      7.00

";
        assert_eq!(table(&told).unwrap(), expected);
    }

    #[test]
    fn every_figure_stands_beside_its_unit() {
        let expected = [
            ("logins_per_s", "logins/s"),
            ("load_cpu_percent", "load cpu, percent"),
            ("down_s", "down, seconds"),
            ("daemon_cpu_us_a_login", "daemon cpu, µs a login"),
            ("resident_bytes_a_socket", "resident, bytes a socket"),
            ("journal_bytes", "journal, bytes"),
            ("p99_times_unloaded", "p99, times unloaded"),
            ("cost_times", "cost, times"),
            ("sockets", "sockets"),
        ];
        for (key, shown) in expected {
            assert_eq!(words(key), shown);
        }
    }

    #[test]
    fn why_logins_were_lost_is_shown() {
        let shown = table(r#"{"scenario": "login", "lost": 2, "lost_because": {"create: 503 full": 2}}"#).unwrap();
        assert!(shown.contains("lost because\n    create: 503 full"), "{shown}");
    }
}
