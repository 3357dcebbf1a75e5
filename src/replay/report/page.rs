//! The report as one page that needs nothing else: no script, no font, no picture from elsewhere.

mod format;
mod strips;
mod wait;
mod words;

use askama::Template;
use jiff::tz::TimeZone;

use crate::domain::{DenyReason, Timestamp};

use super::super::time::{local_time, zone_name};
use super::{Counts, Numbers, Range};
use format::{float, grouped, lasting, percent, share};
use strips::Strips;
use wait::Wait;
use words::{EXPIRED, why_denied};

/// What the page says of itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What was asked for.
    pub range: Range,
    /// When it is made.
    pub now: Timestamp,
    /// The last sequence of the journal that it is made from.
    pub head: u64,
    /// The zone of its times.
    pub zone: TimeZone,
}

#[derive(Template)]
#[template(path = "report/page.html")]
struct Page {
    range: String,
    zone: String,
    made: String,
    head: String,
    version: &'static str,
    is_empty: bool,
    tiles: Vec<(&'static str, String, String)>,
    steps: Vec<FunnelStep>,
    shape: Shape,
    ends: Vec<End>,
    revoked: Option<String>,
    waits: Vec<Wait>,
    strips: Strips,
    clients: Vec<Client>,
}

/// A step of the funnel in numbers.
struct FunnelStep {
    name: &'static str,
    count: String,
    of_all: String,
    /// Of the step before; the first has none.
    of_before: Option<String>,
}

/// The funnel drawn: bars, and what leads from each to the next.
struct Shape {
    bars: Vec<(u32, String, String)>,
    slopes: Vec<String>,
}

/// One way in which sessions ended.
struct End {
    name: String,
    class: &'static str,
    count: String,
    of_all: String,
    width: String,
}

struct Client {
    name: String,
    numbers: Vec<String>,
    rate: String,
    median: String,
}

const STEPS: [&str; 4] = ["Created", "Scanned", "Confirmed", "Redeemed"];
const LONG: &str = "%-d %B %Y, %H:%M";

/// The page.
///
/// # Panics
/// Never: memory takes what is written.
pub fn render(numbers: &Numbers, facts: &Facts) -> String {
    page(numbers, facts).render().expect("a page of texts is written to memory")
}

fn page(numbers: &Numbers, facts: &Facts) -> Page {
    let counts = &numbers.counts;
    let (from, to) = bounds(numbers, facts);
    let (step, parts) = numbers.timeline.clone().between(from, to);
    let clients = numbers.clients.iter().map(|(client, (counts, to_login))| Client {
        name: client.to_string(),
        numbers: counts.funnel().into_iter().chain([counts.all_expired(), counts.all_denied()]).map(grouped).collect(),
        rate: percent(counts.redeemed, counts.created),
        median: to_login.within(500).map_or("–".to_owned(), lasting),
    });
    Page {
        range: spoken_range(from, to, facts),
        zone: zone_name(&facts.zone),
        made: local_time(facts.now, &facts.zone, LONG),
        head: grouped(facts.head),
        version: env!("CARGO_PKG_VERSION"),
        is_empty: counts.created == 0,
        tiles: tiles(numbers),
        steps: steps(counts),
        shape: shape(counts),
        ends: ends(counts),
        revoked: (counts.revoked > 0).then(|| grouped(counts.revoked)),
        waits: waits(numbers),
        strips: Strips::of(step, &parts, &facts.zone),
        clients: clients.collect(),
    }
}

/// From when to when it is drawn: what was asked for, and where that is open, what was seen.
fn bounds(numbers: &Numbers, facts: &Facts) -> (Timestamp, Timestamp) {
    let (first, last) = numbers.seen.unwrap_or((facts.now, facts.now));
    let to = facts.range.until.unwrap_or(if facts.range.since.is_some() { facts.now } else { last }).min(facts.now);
    let from = facts.range.since.unwrap_or(first.min(to));
    (from.min(to), to.max(from))
}

fn spoken_range(from: Timestamp, to: Timestamp, facts: &Facts) -> String {
    let midnight = |at: Timestamp, format: &str, time: &str| local_time(at, &facts.zone, format) == time;
    // A last microsecond of a day is how its end is meant.
    let days = midnight(from, "%H:%M:%S", "00:00:00") && midnight(to, "%H:%M:%S", "23:59:59");
    let format = if days { "%-d %B %Y" } else { LONG };
    let (from, to) = (local_time(from, &facts.zone, format), local_time(to, &facts.zone, format));
    if days && from == to { from } else { format!("{from} – {to}") }
}

fn tiles(numbers: &Numbers) -> Vec<(&'static str, String, String)> {
    let counts = &numbers.counts;
    let median = |histogram: &super::Histogram| histogram.within(500).map_or("–".to_owned(), lasting);
    let lost = counts.all_expired() + counts.all_denied();
    vec![
        ("Sessions", grouped(counts.created), format!("{} still open", grouped(counts.open))),
        (
            "Logged in",
            percent(counts.redeemed, counts.created),
            format!("{} of {}", grouped(counts.redeemed), grouped(counts.created)),
        ),
        ("Time to log in", median(&numbers.to_login), "half were faster".to_owned()),
        (
            "Came to nothing",
            percent(lost, counts.created),
            format!("{} expired, {} denied", grouped(counts.all_expired()), grouped(counts.all_denied())),
        ),
    ]
}

fn steps(counts: &Counts) -> Vec<FunnelStep> {
    let funnel = counts.funnel();
    let step = |(place, name): (usize, &'static str)| FunnelStep {
        name,
        count: grouped(funnel[place]),
        of_all: percent(funnel[place], counts.created),
        of_before: place.checked_sub(1).map(|before| percent(funnel[place], funnel[before])),
    };
    STEPS.into_iter().enumerate().map(step).collect()
}

/// In a box of 400 by 100: a bar of 72 a step, and the slope to the next.
fn shape(counts: &Counts) -> Shape {
    let funnel = counts.funnel();
    let height = |place: usize| share(float(funnel[place]), float(counts.created));
    let top = |place: usize| share(float(counts.created - funnel[place]), float(counts.created.max(1)));
    let left = |place: usize| u32::try_from(place).unwrap_or(0) * 100;
    Shape {
        bars: (0..4).map(|place| (left(place), top(place), height(place))).collect(),
        slopes: (0..3)
            .map(|place| {
                let (from, to) = (left(place) + 72, left(place + 1));
                format!("{from},{} {to},{} {to},100 {from},100", top(place), top(place + 1))
            })
            .collect(),
    }
}

fn ends(counts: &Counts) -> Vec<End> {
    let expired = EXPIRED.into_iter().zip(counts.expired).map(|(name, count)| (name.to_owned(), "late", count));
    let denied = DenyReason::ALL.into_iter().zip(counts.denied);
    let denied = denied.map(|(reason, count)| (format!("Denied: {}", why_denied(reason)), "bad", count));
    let logged_in = std::iter::once(("Logged in".to_owned(), "good", counts.redeemed));
    let open = std::iter::once(("Still open".to_owned(), "open", counts.open));
    let all = logged_in.chain(expired).chain(denied).chain(open).filter(|(_, _, count)| *count > 0);
    let end = |(name, class, count): (String, &'static str, u64)| End {
        name,
        class,
        count: grouped(count),
        of_all: percent(count, counts.created),
        width: share(float(count), float(counts.created)),
    };
    all.map(end).collect()
}

fn waits(numbers: &Numbers) -> Vec<Wait> {
    vec![
        Wait::of("scan", "Time to scan", "from showing the QR code to the scan", &numbers.to_scan),
        Wait::of("confirm", "Time to confirm", "from the scan to the confirmation on the phone", &numbers.to_confirm),
        Wait::of("redeem", "Time to redeem", "from the confirmation to the website's redemption", &numbers.to_redeem),
    ]
}
