use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::fault::{Complaint, Fault, Place};

/// What was written, by key. It may hold secrets, hence no `Debug`.
pub(super) type Table = BTreeMap<String, Node>;

/// A value and where it was written.
pub(super) struct Node {
    pub raw: Raw,
    pub place: Place,
}

pub(super) enum Raw {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Table),
    /// What no key takes: a float, a date, an integer beyond 64 bits.
    Other(String),
}

/// Most characters of a value that a message repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// Parses a whole document, or tells all that is wrong with its form. The parser's own words name no value, unlike its
/// `Display`, which quotes the line.
pub(super) fn parse(text: &str) -> Result<Table, Vec<Fault>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(convert_table(table.get_ref(), &|offset| Place::Line(lines.number(offset))));
    }
    let fault = |error: &toml::de::Error| {
        let place = error.span().map(|span| Place::Line(lines.number(span.start)));
        Fault::of_file(place, format!("this is no TOML: {}", error.message()), "correct the line; see https://toml.io")
    };
    Err(errors.iter().map(fault).collect())
}

/// The elements of `[…]` as an environment variable may give them.
fn parse_list(text: &str, variable: &Place) -> Option<Vec<Node>> {
    let document = format!("list = {text}");
    let table = DeTable::parse(&document).ok()?;
    match convert_table(table.get_ref(), &|_| variable.clone()).remove("list")?.raw {
        Raw::List(nodes) => Some(nodes),
        _ => None,
    }
}

fn convert_table(table: &DeTable<'_>, place: &dyn Fn(usize) -> Place) -> Table {
    let convert = |(key, value): (&Spanned<_>, &Spanned<_>)| {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        let raw = convert_value(value.get_ref(), place);
        (name.clone().into_owned(), Node { raw, place: place(key.span().start) })
    };
    table.iter().map(convert).collect()
}

fn convert_value(value: &DeValue<'_>, place: &dyn Fn(usize) -> Place) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.clone().into_owned()),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map_or_else(|_| Raw::Other(digits.to_string()), Raw::Integer),
        DeValue::Boolean(boolean) => Raw::Boolean(*boolean),
        DeValue::Float(float) => Raw::Other(float.to_string()),
        DeValue::Datetime(datetime) => Raw::Other(datetime.to_string()),
        DeValue::Array(values) => Raw::List(
            values
                .iter()
                .map(|value| Node { raw: convert_value(value.get_ref(), place), place: place(value.span().start) })
                .collect(),
        ),
        DeValue::Table(table) => Raw::Table(convert_table(table, place)),
    }
}

impl Node {
    /// The value as text.
    pub fn text(&self) -> Result<&str, Complaint> {
        match &self.raw {
            Raw::Text(text) => Ok(text),
            _ => Err(Complaint::new("is not a text", "write it in quotation marks")),
        }
    }

    /// The value as an integer; text where it comes from the environment, which knows nothing else.
    pub fn integer(&self) -> Result<i64, Complaint> {
        match (&self.raw, &self.place) {
            (Raw::Integer(number), _) => Some(*number),
            (Raw::Text(text), Place::Variable(_)) => text.trim().parse().ok(),
            _ => None,
        }
        .ok_or_else(|| Complaint::new("is not a whole number", "write digits only, without quotation marks"))
    }

    /// The value as `true` or `false`.
    pub fn boolean(&self) -> Result<bool, Complaint> {
        match (&self.raw, &self.place) {
            (Raw::Boolean(boolean), _) => Some(*boolean),
            (Raw::Text(text), Place::Variable(_)) => text.trim().parse().ok(),
            _ => None,
        }
        .ok_or_else(|| Complaint::new("is neither true nor false", "write true or false, without quotation marks"))
    }

    /// Gives each element to `each`; from the environment a list is `[…]` as in the file, or separated by commas.
    pub fn for_each(&self, mut each: impl FnMut(&Node)) -> Result<(), Complaint> {
        match (&self.raw, &self.place) {
            (Raw::List(nodes), _) => nodes.iter().for_each(each),
            (Raw::Text(text), Place::Variable(_)) if text.trim_start().starts_with('[') => {
                parse_list(text, &self.place)
                    .ok_or_else(|| Complaint::new("is not a list", r#"write ["a", "b"], or a,b"#))?
                    .iter()
                    .for_each(each)
            }
            (Raw::Text(text), Place::Variable(_)) => {
                for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                    each(&Node { raw: Raw::Text(part.to_owned()), place: self.place.clone() });
                }
            }
            _ => return Err(Complaint::new("is not a list", r#"write it in square brackets: ["a", "b"]"#)),
        }
        Ok(())
    }

    /// The value for people, on one line and not too long. Only for what is no secret; what stands before an `@` in a
    /// URL is left out even so.
    pub fn shown(&self) -> String {
        match &self.raw {
            Raw::Text(text) => {
                let text = without_user(text);
                let short: String = text.chars().take(SHOWN_CHARS_MAX).collect();
                let rest = if short.len() < text.len() { "…" } else { "" };
                format!("\"{}{rest}\"", short.escape_debug())
            }
            Raw::Integer(number) => number.to_string(),
            Raw::Boolean(boolean) => boolean.to_string(),
            Raw::List(_) => "[…]".to_owned(),
            Raw::Table(_) => "{…}".to_owned(),
            Raw::Other(text) => text.chars().take(SHOWN_CHARS_MAX).collect(),
        }
    }
}

fn without_user(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, after)) if before.contains(':') => {
            let scheme = Url::parse(text).map_or_else(|_| String::new(), |url| format!("{}://", url.scheme()));
            format!("{scheme}…@{after}")
        }
        _ => text.to_owned(),
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset).collect())
    }

    /// The line, from 1, that this offset stands in.
    fn number(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}
