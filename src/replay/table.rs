mod going_on;
mod sessions;
mod sheet;
mod span;
mod text;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::time::{local_text, zone_name};
use text::{columns_of, cut, shown};

pub use going_on::GoingOnTable;
pub use sessions::SessionTable;
pub use sheet::sheet;

/// Where and for whom a table is drawn.
#[derive(Clone, Debug)]
pub struct Look {
    /// Columns of the terminal; `None` where nothing bounds a line.
    pub width: Option<usize>,
    /// Whether types are coloured.
    pub colour: bool,
    /// The zone of its times.
    pub zone: TimeZone,
}

/// Draws the lines of the journal as a table, row by row, so that it can follow.
///
/// It reads the JSON objects, not the events, so that it serves both sources, and shows what a newer daemon adds.
#[derive(Debug)]
pub struct Table {
    look: Look,
    shape: Shape,
    /// As wide as the widest so far.
    seq_width: usize,
    type_width: usize,
    /// The day of the rows above, where it has a line of its own.
    day: Option<String>,
}

/// How much of a row fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Everything.
    Wide,
    /// The day has a line of its own, a scene id loses its middle, and details their names where they speak for themselves.
    Narrow,
    /// Also without milliseconds, and with the end of the scene id only.
    Tiny,
}

impl Shape {
    fn of(width: Option<usize>) -> Self {
        match width {
            Some(..NARROW) => Self::Tiny,
            Some(..WIDE) => Self::Narrow,
            _ => Self::Wide,
        }
    }

    fn time_format(self) -> &'static str {
        match self {
            Self::Wide => "%Y-%m-%d %H:%M:%S%.3f",
            Self::Narrow => "%H:%M:%S%.3f",
            Self::Tiny => "%H:%M:%S",
        }
    }

    fn time_width(self) -> usize {
        match self {
            Self::Wide => "2026-01-02 03:04:05.678".len(),
            Self::Narrow => "03:04:05.678".len(),
            Self::Tiny => "03:04:05".len(),
        }
    }

    /// How many characters of a scene id are shown at its beginning and at its end; `None`: all.
    fn scene_ends(self) -> Option<(usize, usize)> {
        match self {
            Self::Wide => None,
            Self::Narrow => Some((9, 6)),
            Self::Tiny => Some((0, 6)),
        }
    }

    fn scene_width(self) -> usize {
        self.scene_ends().map_or(SCENE_WIDTH, |(head, tail)| head + 1 + tail)
    }

    /// What is shown of an id that is too long: enough of its 128 bits to tell it from those near it.
    fn shortened(self, scene: String) -> String {
        let length = scene.chars().count();
        match self.scene_ends() {
            Some((head, tail)) if length > self.scene_width() => {
                scene.chars().take(head).chain(['…']).chain(scene.chars().skip(length - tail)).collect()
            }
            _ => scene,
        }
    }
}

/// Terminals of at least so many columns show a row in full.
const WIDE: usize = 110;
/// So many leave room for most details.
const NARROW: usize = 72;
/// A scene id with a prefix of three characters and 128 bits.
const SCENE_WIDTH: usize = 25;
/// What a session's events need; other kinds are rare, and make room for themselves.
const TYPE_WIDTH: usize = "confirmed".len();
const GAP: &str = "  ";

/// The details in the order of their weight, since a terminal cuts the end off.
const FIRST: [&str; 14] = [
    "openid",
    "reason",
    "client_id",
    "page_id",
    "account",
    "confirm",
    "purpose",
    "scope",
    "redirect_uri",
    "expires_at",
    "code_expires_at",
    "access_token_expires_at",
    "opener",
    "ui_locales",
];
/// What has a column of its own, and what only a program reads.
const LEFT_OUT: [&str; 13] = [
    "seq",
    "at",
    "scene_id",
    "scene_seq",
    "type",
    "app_id",
    "qr_content",
    "qr_expires_at",
    "code_ttl_seconds",
    "access_token_ttl_seconds",
    "has_state",
    "has_nonce",
    "person",
];

impl Table {
    /// A table that looks so, for seqs up to `head`, or higher ones that come later.
    pub fn new(look: Look, head: u64) -> Self {
        let shape = Shape::of(look.width);
        let seq_width = head.to_string().len().max("seq".len());
        Self { look, shape, seq_width, type_width: TYPE_WIDTH, day: None }
    }

    /// The first line, with its end.
    pub fn header(&self) -> String {
        let time =
            if self.shape == Shape::Wide { format!("time ({})", zone_name(&self.look.zone)) } else { "time".into() };
        self.line("seq", &time, "scene", "type", None, "details")
    }

    /// The line of one event, with its end; before it the day, where that has changed and is not in the line itself.
    pub fn row(&mut self, event: &Map<String, Value>) -> String {
        let text = |key: &str| event.get(key).map(shown).unwrap_or_default();
        let at = event.get("at").and_then(Value::as_str).unwrap_or_default();
        let time = self.local(at, self.shape.time_format()).unwrap_or_else(|| text("at"));
        let seq = text("seq");
        self.seq_width = self.seq_width.max(seq.len());
        let kind = text("type");
        self.type_width = self.type_width.max(kind.len());
        let colour = if self.look.colour { colour_of(&kind) } else { None };
        let row = self.line(&seq, &time, &self.shape.shortened(text("scene_id")), &kind, colour, &self.details(event));
        self.new_day(at).unwrap_or_default() + &row
    }

    /// The line above the first event of a day. It names the zone, for which there is no room elsewhere.
    fn new_day(&mut self, at: &str) -> Option<String> {
        let day = self.local(at, "%Y-%m-%d").filter(|_| self.shape != Shape::Wide)?;
        if self.day.as_ref() == Some(&day) {
            return None;
        }
        let line = format!("{day} ({})", zone_name(&self.look.zone));
        self.day = Some(day);
        Some(cut(&line, &mut self.room()) + "\n")
    }

    fn room(&self) -> usize {
        self.look.width.unwrap_or(usize::MAX)
    }

    fn line(&self, seq: &str, time: &str, scene: &str, kind: &str, colour: Option<&str>, details: &str) -> String {
        let time_width = match self.shape {
            Shape::Wide => self.shape.time_width().max(zone_name(&self.look.zone).chars().count() + "time ()".len()),
            Shape::Narrow | Shape::Tiny => self.shape.time_width(),
        };
        let columns = [
            format!("{seq:>width$}{GAP}", width = self.seq_width),
            format!("{time:time_width$}{GAP}"),
            format!("{scene:width$}{GAP}", width = self.shape.scene_width()),
        ];
        let mut left = self.room();
        // The type is whole whatever else has to go.
        let mut before = columns.concat();
        for kept in (0..columns.len()).rev() {
            if columns_of(&before) + self.type_width <= left {
                break;
            }
            before = columns[..kept].concat();
        }
        let before = cut(&before, &mut left);
        let kind = match details {
            "" => kind.to_owned(),
            _ => format!("{kind:width$}", width = self.type_width),
        };
        let kind = cut(&kind, &mut left);
        let after = match left > GAP.len() && !details.is_empty() {
            true => cut(&format!("{GAP}{details}"), &mut left),
            false => String::new(),
        };
        let kind = if after.is_empty() { kind.trim_end() } else { &kind };
        match colour {
            Some(colour) => format!("{before}\u{1b}[{colour}m{kind}\u{1b}[0m{after}\n"),
            None => format!("{before}{kind}{after}\n"),
        }
    }

    fn details(&self, event: &Map<String, Value>) -> String {
        let first = FIRST.iter().filter_map(|key| event.get_key_value(*key));
        let others =
            event.iter().filter(|(key, _)| !FIRST.contains(&key.as_str()) && !LEFT_OUT.contains(&key.as_str()));
        let details: Vec<String> = first.chain(others).filter_map(|(key, value)| self.detail(key, value)).collect();
        details.join(" ")
    }

    /// `None` where saying it would say nothing.
    fn detail(&self, key: &str, value: &Value) -> Option<String> {
        if matches!(value, Value::Null | Value::Bool(false)) || value == "" {
            return None;
        }
        let time = value.as_str().filter(|_| key.ends_with("_at")).and_then(|at| self.local(at, "%H:%M:%S"));
        let value = time.unwrap_or_else(|| shown(value));
        let quote = if value.contains(' ') { "\"" } else { "" };
        let value = format!("{quote}{value}{quote}");
        Some(match key {
            "openid" | "reason" | "client_id" if self.shape != Shape::Wide => value,
            // The type tells of what.
            "expires_at" | "code_expires_at" | "access_token_expires_at" if self.shape != Shape::Wide => {
                format!("until={value}")
            }
            _ => format!("{}={value}", key.escape_debug()),
        })
    }

    fn local(&self, at: &str, format: &str) -> Option<String> {
        local_text(at, &self.look.zone, format)
    }
}

/// The parameters of the terminal's SGR sequence, from its own palette.
fn colour_of(kind: &str) -> Option<&'static str> {
    match kind {
        "scanned" => Some("36"),
        "confirmed" => Some("32"),
        "redeemed" => Some("1;32"),
        "denied" | "revoked" | "forgotten" => Some("31"),
        "expired" => Some("33"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
