use jiff::tz::TimeZone;

use super::super::super::time::local_time;
use super::super::{Counts, Step};
use super::format::{float, grouped, share};
use super::wait::{Bar, Tick};
use super::words::why_denied;
use crate::domain::{DenyReason, Timestamp};

/// What happened over time: strips one above the other, with one time axis.
pub(super) struct Strips {
    pub(super) step: &'static str,
    pub(super) rows: Vec<Strip>,
    pub(super) bar_width: String,
    pub(super) ticks: Vec<Tick>,
    /// The same as a table: the names of its columns and its rows.
    pub(super) columns: Vec<String>,
    pub(super) table: Vec<(String, Vec<String>)>,
}

/// One kind of outcome.
pub(super) struct Strip {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) total: String,
    pub(super) most: String,
    pub(super) bars: Vec<Bar>,
}

/// How a number is found among the counts of a part.
type Pick = Box<dyn Fn(&Counts) -> u64>;

impl Strips {
    pub(super) fn of(step: Step, parts: &[(Timestamp, Counts)], zone: &TimeZone) -> Self {
        let kinds = kinds(parts);
        let rows = kinds.iter().enumerate().map(|(place, (name, class, pick))| {
            Strip::of(format!("strip-{place}"), name.clone(), class, pick, parts, |at| spoken(step, at, zone))
        });
        let numbers = |(at, counts): &(Timestamp, Counts)| {
            let numbers = kinds.iter().map(|(_, _, pick)| grouped(pick(counts)));
            (spoken(step, *at, zone), numbers.collect())
        };
        Self {
            step: step.name(),
            rows: rows.collect(),
            bar_width: share(0.84, parts.len() as f64),
            ticks: ticks(step, parts, zone),
            columns: kinds.iter().map(|(name, ..)| name.clone()).collect(),
            table: parts.iter().map(numbers).collect(),
        }
    }
}

fn kinds(parts: &[(Timestamp, Counts)]) -> Vec<(String, &'static str, Pick)> {
    let mut kinds: Vec<(String, &'static str, Pick)> = vec![
        ("Logged in".into(), "good", Box::new(|counts| counts.redeemed)),
        ("Expired".into(), "late", Box::new(Counts::all_expired)),
    ];
    for (place, reason) in DenyReason::ALL.into_iter().enumerate() {
        if parts.iter().any(|(_, counts)| counts.denied[place] > 0) {
            let name = format!("Denied: {}", why_denied(reason));
            kinds.push((name, "bad", Box::new(move |counts| counts.denied[place])));
        }
    }
    kinds
}

impl Strip {
    fn of(
        id: String,
        name: String,
        class: &'static str,
        pick: &Pick,
        parts: &[(Timestamp, Counts)],
        spoken: impl Fn(Timestamp) -> String,
    ) -> Self {
        let most = parts.iter().map(|(_, counts)| pick(counts)).max().unwrap_or(0);
        let bar = |(place, (at, counts)): (usize, &(Timestamp, Counts))| {
            let number = pick(counts);
            let height = share(float(number), float(most));
            (number > 0).then(|| Bar {
                x: share(place as f64 + 0.08, parts.len() as f64),
                y: share(float(most - number), float(most)),
                height,
                range: spoken(*at),
                count: grouped(number),
            })
        };
        Self {
            id,
            name,
            class,
            total: grouped(parts.iter().map(|(_, counts)| pick(counts)).sum()),
            most: grouped(most),
            bars: parts.iter().enumerate().filter_map(bar).collect(),
        }
    }
}

fn spoken(step: Step, at: Timestamp, zone: &TimeZone) -> String {
    let format = match step {
        Step::Day | Step::Week => "%a %-d %b %Y",
        _ => "%-d %b %Y %H:%M",
    };
    local_time(at, zone, format)
}

/// About six times along the axis; at midnights where there are some.
fn ticks(step: Step, parts: &[(Timestamp, Counts)], zone: &TimeZone) -> Vec<Tick> {
    let is_midnight = |at: Timestamp| local_time(at, zone, "%H:%M") == "00:00";
    let starts = parts.iter().enumerate().map(|(place, (at, _))| (place, *at));
    let midnights: Vec<_> = starts.clone().filter(|(_, at)| is_midnight(*at)).collect();
    let (at_days, places) = if midnights.len() > 2 { (true, midnights) } else { (false, starts.collect()) };
    let every = places.len().div_ceil(6).max(1);
    let format = match step {
        _ if at_days => "%-d %b",
        Step::SixHours => "%-d %b %H:%M",
        _ => "%H:%M",
    };
    let chosen = places.into_iter().step_by(every).enumerate();
    // What begins at the very end has no room for its text.
    let chosen = chosen.filter(|(_, (place, _))| place * 20 < parts.len() * 19);
    let tick = |(number, (place, at)): (usize, (usize, Timestamp))| Tick {
        x: share(place as f64, parts.len() as f64),
        text: local_time(at, zone, format),
        is_minor: !number.is_multiple_of(2),
        is_last: false,
    };
    chosen.map(tick).collect()
}
