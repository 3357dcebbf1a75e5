use serde_json::{Map, Value};

use super::super::time::{local_text, zone_name};
use super::text::{columns_of, cut, padded, shown};
use super::{GAP, Look, Shape, colour_of};

/// Widest column of a name; a longer one is cut.
const NAME_MAX: usize = 24;
const STATE_WIDTH: usize = "confirmed".len();

/// Draws sessions as they stood at one moment as a table. It has all rows at once, so its columns are as wide as what is
/// in them.
#[derive(Debug)]
pub struct SessionTable {
    look: Look,
    shape: Shape,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    state: String,
    /// Since when, the scene, the client, the account and the openid.
    columns: [String; COLUMNS],
    note: String,
}

const COLUMNS: usize = 5;

impl SessionTable {
    /// A table that looks so.
    pub fn new(look: Look) -> Self {
        let shape = Shape::of(look.width);
        Self { look, shape, rows: Vec::new() }
    }

    /// One more session, as its JSON object tells it.
    pub fn add(&mut self, session: &Map<String, Value>) {
        let text = |key: &str| session.get(key).map(shown).unwrap_or_default();
        let since = self.local(session, "since", self.time_format());
        let columns =
            [since, self.shape.shortened(text("scene_id")), text("client_id"), text("account"), text("openid")];
        let note = self.note(session);
        self.rows.push(Row { state: text("state"), columns, note });
    }

    /// The table, with its header; nothing where there is no session.
    pub fn draw(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let header = [self.since_title(), "scene".into(), "client".into(), "account".into(), "openid".into()];
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
            let most = if (2..4).contains(&column) { NAME_MAX } else { usize::MAX };
            let widest = self.rows.iter().map(|row| columns_of(&row.columns[column])).max().unwrap_or(0).min(most);
            // A column of which nothing is known has no room.
            if widest == 0 { 0 } else { widest.max(columns_of(&header[column])) }
        });
        let rows = self.rows.iter().map(|row| self.line(&row.state, &row.columns, &row.note, &widths));
        std::iter::once(self.line("state", &header, "", &widths)).chain(rows).collect()
    }

    fn line(&self, state: &str, columns: &[String; COLUMNS], note: &str, widths: &[usize; COLUMNS]) -> String {
        let cells = columns.iter().zip(widths).filter(|(_, width)| **width > 0);
        let cells: String = cells.map(|(text, &width)| padded(&cut(text, &mut { width }), width) + GAP).collect();
        let mut left = self.look.width.unwrap_or(usize::MAX);
        let state = cut(&padded(state, STATE_WIDTH), &mut left);
        let rest = format!("{GAP}{cells}{note}");
        let rest = cut(rest.trim_end(), &mut left);
        match colour_of(state.trim_end()).filter(|_| self.look.colour) {
            Some(colour) => format!("\u{1b}[{colour}m{state}\u{1b}[0m{rest}\n"),
            None => format!("{state}{rest}").trim_end().to_owned() + "\n",
        }
    }

    fn since_title(&self) -> String {
        match self.shape {
            Shape::Wide => format!("since ({})", zone_name(&self.look.zone)),
            Shape::Narrow | Shape::Tiny => "since".to_owned(),
        }
    }

    fn time_format(&self) -> &'static str {
        match self.shape {
            Shape::Wide => "%Y-%m-%d %H:%M:%S",
            Shape::Narrow => "%m-%d %H:%M:%S",
            Shape::Tiny => "%H:%M:%S",
        }
    }

    fn note(&self, session: &Map<String, Value>) -> String {
        let said = |key: &str, name: &str| session.get(key).map(|value| format!("{name}{}", shown(value)));
        let is_over = session.get("overdue").and_then(Value::as_bool).unwrap_or(false);
        let until = (session.contains_key("expires_at") && !is_over)
            .then(|| format!("until {}", self.local(session, "expires_at", "%H:%M:%S")));
        let overdue = is_over.then(|| "recorded later".to_owned());
        let notes = [until, overdue, said("reason", ""), said("page_id", "page=")];
        notes.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn local(&self, session: &Map<String, Value>, key: &str, format: &str) -> String {
        let at = session.get(key).and_then(Value::as_str).unwrap_or_default();
        local_text(at, &self.look.zone, format).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;

    fn drawn(width: Option<usize>, colour: bool) -> String {
        let look = Look { width, colour, zone: TimeZone::get("Asia/Shanghai").unwrap() };
        let mut table = SessionTable::new(look);
        let session = |state: &str, client: &str| {
            json!({
                "at": "2026-01-02T03:04:05Z", "scene_id": "sl-0123456789abcdefghijkl", "state": state,
                "since": "2026-01-02T03:04:05.678901Z", "client_id": client, "account": "main",
                "expires_at": "2026-01-02T03:09:05Z",
            })
        };
        let mut sessions = [session("pending", "shop"), session("confirmed", "the-portal"), session("expired", "s")];
        sessions[1]["openid"] = json!("o6_bmjrPTlm6_2sgVt7hMZOPfL2M");
        sessions[2]["overdue"] = json!(true);
        sessions.iter().for_each(|session| table.add(session.as_object().unwrap()));
        table.draw()
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let expected = "
state      since (Asia/Shanghai)  scene                      client      account  openid
pending    2026-01-02 11:04:05    sl-0123456789abcdefghijkl  shop        main                                   until 11:09:05
confirmed  2026-01-02 11:04:05    sl-0123456789abcdefghijkl  the-portal  main     o6_bmjrPTlm6_2sgVt7hMZOPfL2M  until 11:09:05
expired    2026-01-02 11:04:05    sl-0123456789abcdefghijkl  s           main                                   recorded later
";
        assert_eq!("\n".to_owned() + &drawn(None, false), expected);
    }

    #[test]
    fn a_terminal_is_never_overrun() {
        for width in 0..160 {
            for line in drawn(Some(width), false).lines() {
                assert!(columns_of(line) <= width, "{width}: {line}");
                assert_eq!(line.trim_end(), line, "{width}");
            }
        }
        assert!(
            drawn(Some(80), false).lines().nth(2).unwrap().starts_with("confirmed  01-02 11:04:05  sl-012345…ghijkl")
        );
        assert_eq!(drawn(Some(80), true).matches("\u{1b}[32m").count(), 1);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let look = Look { width: None, colour: false, zone: TimeZone::UTC };
        assert_eq!(SessionTable::new(look).draw(), "");
    }
}
