use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;

use crate::domain::Timestamp;

/// Why a text names no moment that there can be something to read of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// No time at all.
    #[error("`{}` is not a time", .0.escape_debug())]
    Unreadable(String),
    /// A time before 1970: a slip, and nothing that a journal holds.
    #[error("`{}` lies before 1970, where no journal reaches", .0.escape_debug())]
    TooEarly(String),
}

impl TimeError {
    /// What to write instead.
    pub const CURE: &'static str = "write 2026-01-02 or 2026-01-02 03:04 (local time), 2026-01-02T03:04:05Z, now, \
                                    or 15m, 2h, 7d for that long ago";
}

/// Which end of a day a bare date stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Its first moment.
    Start,
    /// Its last moment, so that `--until 2026-01-02` takes the whole day in.
    End,
}

/// How people call the zone.
pub fn zone_name(zone: &TimeZone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) if offset.is_zero() => "UTC".to_owned(),
        (None, Ok(offset)) => format!("UTC{offset}"),
        (None, Err(_)) => "local".to_owned(),
    }
}

/// The moment as people in `zone` read it.
pub fn local_time(at: Timestamp, zone: &TimeZone, format: &str) -> String {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(zone.clone()).strftime(format).to_string()
}

/// The same of an RFC 3339 text; `None` where it is none.
pub(super) fn local_text(at: &str, zone: &TimeZone, format: &str) -> Option<String> {
    let at: jiff::Timestamp = at.parse().ok()?;
    Some(at.to_zoned(zone.clone()).strftime(format).to_string())
}

/// The moment that an RFC 3339 text names, offset and all.
///
/// # Errors
/// [`TimeError`] where it is none.
pub fn parse_rfc3339(text: &str) -> Result<Timestamp, TimeError> {
    let at: jiff::Timestamp = text.parse().map_err(|_| TimeError::Unreadable(text.to_owned()))?;
    not_too_early(text, Timestamp::from_micros(at.as_microsecond()))
}

fn not_too_early(text: &str, at: Timestamp) -> Result<Timestamp, TimeError> {
    if at.as_micros() < 0 { Err(TimeError::TooEarly(text.to_owned())) } else { Ok(at) }
}

/// The moment that a person means: RFC 3339; a date or a date with a time of day, both in `zone`; `now`; or a length of
/// time before it (`15m`, `-15m`, `15m ago`; s, m, h, d or w).
///
/// # Errors
/// [`TimeError`] where it is nothing of these.
pub fn parse_moment(text: &str, now: Timestamp, zone: &TimeZone, edge: Edge) -> Result<Timestamp, TimeError> {
    let text = text.trim();
    let bad = || TimeError::Unreadable(text.to_owned());
    if text == "now" {
        return Ok(now);
    }
    if let Some(ago) = parse_ago(text) {
        let micros = i64::try_from(ago.as_micros()).map_err(|_| bad())?;
        let at = now.as_micros().checked_sub(micros).ok_or_else(bad)?;
        return not_too_early(text, Timestamp::from_micros(at));
    }
    match parse_rfc3339(text) {
        Err(TimeError::Unreadable(_)) => (),
        read => return read,
    }
    let at = local(text, edge).and_then(|local| local.to_zoned(zone.clone()).ok()).ok_or_else(bad)?.timestamp();
    not_too_early(text, Timestamp::from_micros(at.as_microsecond()))
}

/// A date, of which the edge counts, or a date with a time of day.
fn local(text: &str, edge: Edge) -> Option<civil::DateTime> {
    if text.len() != "2026-01-02".len() {
        return text.parse().ok();
    }
    let date: civil::Date = text.parse().ok()?;
    Some(match edge {
        Edge::Start => date.at(0, 0, 0, 0),
        Edge::End => date.at(23, 59, 59, 999_999_999),
    })
}

/// A number and a unit, as `15m`; `None` where it is something else.
fn parse_ago(text: &str) -> Option<Duration> {
    let text = text.strip_suffix("ago").map_or(text, str::trim_end);
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim_start() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::rfc3339_micros;

    /// 2026-01-02T03:04:05Z, in Shanghai 11:04:05.
    const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

    fn moment(text: &str, edge: Edge) -> Result<String, TimeError> {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        parse_moment(text, NOW, &zone, edge).map(rfc3339_micros)
    }

    #[test]
    fn a_moment_can_be_written_in_the_ways_of_people_and_of_programs() {
        for (text, meant) in [
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z"),
            ("2026-01-01T08:00:00.123456+08:00", "2026-01-01T00:00:00.123456Z"),
            ("2026-01-02", "2026-01-01T16:00:00.000000Z"),
            ("2026-01-02T03:04", "2026-01-01T19:04:00.000000Z"),
            ("2026-01-02 03:04:05", "2026-01-01T19:04:05.000000Z"),
            ("15m", "2026-01-02T02:49:05.000000Z"),
            ("-15m", "2026-01-02T02:49:05.000000Z"),
            ("15m ago", "2026-01-02T02:49:05.000000Z"),
            ("90s", "2026-01-02T03:02:35.000000Z"),
            ("2h", "2026-01-02T01:04:05.000000Z"),
            ("7 d", "2025-12-26T03:04:05.000000Z"),
            ("now", "2026-01-02T03:04:05.000000Z"),
        ] {
            assert_eq!(moment(text, Edge::Start).as_deref(), Ok(meant), "{text}");
        }
    }

    #[test]
    fn a_date_as_an_end_takes_the_whole_day_in() {
        assert_eq!(moment("2026-01-02", Edge::End).as_deref(), Ok("2026-01-02T15:59:59.999999Z"));
        assert_eq!(moment("2026-01-02T03:04", Edge::End).as_deref(), Ok("2026-01-01T19:04:00.000000Z"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "-", "m", "15", "15y", "yesterday", "2026-13-01", "2026-02-30", "2026-01-02T25:00", "ago"] {
            assert_eq!(moment(text, Edge::Start), Err(TimeError::Unreadable(text.to_owned())));
        }
        for text in ["99999999999999999999d", "999999999999999d", "\u{1b}[2J"] {
            assert!(moment(text, Edge::Start).is_err(), "{text}");
        }
        for text in ["21000d", "1969-12-31T23:59:59Z", "0001-01-01", "-000001-01-01T00:00:00Z"] {
            assert_eq!(moment(text, Edge::Start), Err(TimeError::TooEarly(text.to_owned())));
        }
        let escape = TimeError::Unreadable("\u{1b}[2J".into());
        assert!(!escape.to_string().contains('\u{1b}'), "shown without its escape codes");
    }
}
