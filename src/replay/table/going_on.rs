use std::time::Duration;

use serde_json::{Map, Value};

use super::span::span;
use super::text::{columns_of, cut, padded, shown};
use super::{GAP, Look, colour_of};

/// Widest column of a name; a longer one is cut.
const NAME_MAX: usize = 24;
/// Where the states are.
const STATE: usize = 1;

const HEADER: [&str; COLUMNS] = ["scene", "state", "age", "left", "client", "from"];
const COLUMNS: usize = 6;

/// Draws the sessions of now as a table: how long they have been there, how much time they have left, from where they are asked for.
/// The scene comes first and is never cut, since it is what other commands take.
#[derive(Debug)]
pub struct GoingOnTable {
    look: Look,
    rows: Vec<[String; COLUMNS]>,
}

impl GoingOnTable {
    /// A table that looks so.
    pub fn new(look: Look) -> Self {
        Self { look, rows: Vec::new() }
    }

    /// One more session, as its JSON object tells it.
    pub fn add(&mut self, session: &Map<String, Value>) {
        let text = |key: &str| session.get(key).map(shown).unwrap_or_default();
        let is_overdue = session.get("overdue").and_then(Value::as_bool).unwrap_or(false);
        let left = if is_overdue { None } else { between(session, "at", "expires_at") };
        let age = between(session, "created_at", "at").map(span).unwrap_or_default();
        let left = left.map(span).unwrap_or_default();
        self.rows.push([text("scene_id"), text("state"), age, left, text("client_id"), text("address")]);
    }

    /// The table, with its header; nothing where there is no session.
    pub fn draw(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let header = HEADER.map(str::to_owned);
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
            let most = if column == COLUMNS - 2 { NAME_MAX } else { usize::MAX };
            let widest = self.rows.iter().map(|row| columns_of(&row[column])).max().unwrap_or(0).min(most);
            // A column of which nothing is known has no room.
            if widest == 0 { 0 } else { widest.max(columns_of(HEADER[column])) }
        });
        let rows = self.rows.iter().map(|row| self.line(row, &widths));
        std::iter::once(self.line(&header, &widths)).chain(rows).collect()
    }

    fn line(&self, cells: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
        let mut left = self.look.width.unwrap_or(usize::MAX).max(columns_of(&cells[0]));
        let mut line = String::new();
        for (column, (text, &width)) in cells.iter().zip(widths).enumerate().filter(|(_, (_, width))| **width > 0) {
            let is_first = column == 0;
            let gap = if is_first { String::new() } else { cut(GAP, &mut left) };
            let cell = cut(&padded(&cut(text, &mut { width }), width), &mut left);
            let colour = colour_of(text).filter(|_| self.look.colour && column == STATE);
            line += &gap;
            line += &colour.map_or(cell.clone(), |colour| format!("\u{1b}[{colour}m{cell}\u{1b}[0m"));
        }
        line.trim_end().to_owned() + "\n"
    }
}

/// How long it is from one time of the session to another; `None` where one of them is not told.
fn between(session: &Map<String, Value>, from: &str, to: &str) -> Option<Duration> {
    let at = |key: &str| session.get(key)?.as_str()?.parse::<jiff::Timestamp>().ok();
    let length = at(to)?.duration_since(at(from)?);
    // A clock that was set back makes no session younger than new.
    Some(Duration::try_from(length).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;

    fn drawn(width: Option<usize>, colour: bool) -> String {
        let mut table = GoingOnTable::new(Look { width, colour, zone: TimeZone::UTC });
        let session = |state: &str, created: &str, address: &str| {
            json!({
                "at": "2026-01-02T03:04:05.500Z", "scene_id": "sl-0123456789abcdefghijkl", "state": state,
                "created_at": created, "client_id": "shop", "account": "main", "expires_at": "2026-01-02T03:05:05Z",
                "address": address,
            })
        };
        let mut sessions = [
            session("pending", "2026-01-02T03:00:05Z", "203.0.113.7"),
            session("scanned", "2026-01-02T03:03:55Z", "2001:db8::1"),
            session("expired", "2026-01-02T03:04:06Z", "\u{1b}[2J"),
        ];
        sessions[2]["overdue"] = json!(true);
        sessions.iter().for_each(|session| table.add(session.as_object().unwrap()));
        table.draw()
    }

    #[test]
    fn a_session_of_now_has_its_age_and_the_time_that_is_left() {
        let expected = "
scene                      state    age     left  client  from
sl-0123456789abcdefghijkl  pending  4m 00s  59s   shop    203.0.113.7
sl-0123456789abcdefghijkl  scanned  10s     59s   shop    2001:db8::1
sl-0123456789abcdefghijkl  expired  0s            shop    \u{fffd}[2J
";
        assert_eq!("\n".to_owned() + &drawn(None, false), expected);
        assert_eq!(drawn(Some(60), true).matches("\u{1b}[36m").count(), 1, "what is scanned has its colour");
    }

    #[test]
    fn a_terminal_is_never_overrun_and_a_scene_never_cut() {
        for width in 0..100 {
            for line in drawn(Some(width), false).lines().skip(1) {
                assert!(columns_of(line) <= width.max(25), "{width}: {line}");
                assert!(line.starts_with("sl-0123456789abcdefghijkl"), "{width}: {line}");
            }
        }
        assert_eq!(GoingOnTable::new(Look { width: None, colour: false, zone: TimeZone::UTC }).draw(), "");
    }
}
