//! The journal in numbers: what became of the sessions of a range, how long it took, and where it went wrong.

mod counts;
mod histogram;
mod page;
mod timeline;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::{ClientId, Event, Recorded, Timestamp};

use super::course::{Course, Courses};

pub use counts::Counts;
pub use histogram::Histogram;
pub use page::{Facts, render};
pub use timeline::{Step, Timeline};

/// How much later than its neighbours an event may stand in the journal: commands of different sessions overtake each other.
const DISORDER: Duration = Duration::from_secs(60);

/// From when to when sessions count; open where a bound is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub since: Option<Timestamp>,
    /// The last moment.
    pub until: Option<Timestamp>,
}

impl Range {
    fn has(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at <= until)
    }
}

/// Counts in one pass over the journal, to be given its events in order; it needs as much memory as sessions live at a time.
///
/// A session counts where it was created within the range, with all that came of it, however late.
#[derive(Debug)]
pub struct Report {
    range: Range,
    now: Timestamp,
    courses: Courses,
    numbers: Numbers,
    is_past: bool,
}

/// What was counted.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// All sessions.
    pub counts: Counts,
    /// From the creation to the scan.
    pub to_scan: Histogram,
    /// From the scan to the confirmation.
    pub to_confirm: Histogram,
    /// From the confirmation to the redemption.
    pub to_redeem: Histogram,
    /// From the creation to the redemption.
    pub to_login: Histogram,
    /// By the time of creation.
    pub timeline: Timeline,
    /// By website, with the time from creation to redemption.
    pub clients: BTreeMap<ClientId, (Counts, Histogram)>,
    /// When the first and the last of them were created.
    pub seen: Option<(Timestamp, Timestamp)>,
}

impl Report {
    /// Of the sessions of `range`, as it is known at `now`; the timeline by the clocks of `zone`.
    pub fn new(range: Range, now: Timestamp, zone: TimeZone) -> Self {
        let numbers = Numbers {
            counts: Counts::default(),
            to_scan: Histogram::default(),
            to_confirm: Histogram::default(),
            to_redeem: Histogram::default(),
            to_login: Histogram::default(),
            timeline: Timeline::new(zone),
            clients: BTreeMap::new(),
            seen: None,
        };
        Self { range, now, courses: Courses::default(), numbers, is_past: false }
    }

    /// Takes the next event of the journal.
    pub fn take(&mut self, recorded: &Recorded) {
        self.is_past |= self.range.until.is_some_and(|until| until.after(DISORDER) < recorded.at);
        let (numbers, now) = (&mut self.numbers, self.now);
        let over = |course: Course| numbers.add(&course, now);
        if matches!(recorded.event, Event::Created(_)) && !self.range.has(recorded.at) {
            self.courses.settle(recorded.at, over);
        } else {
            self.courses.take(recorded, over);
        }
    }

    /// Whether nothing that comes can change a number.
    pub fn has_enough(&self) -> bool {
        self.is_past && self.courses.is_empty()
    }

    /// The numbers; sessions that are not over count as they stand.
    pub fn finish(self) -> Numbers {
        let Self { courses, mut numbers, now, .. } = self;
        courses.into_open().iter().for_each(|course| numbers.add(course, now));
        numbers
    }
}

impl Numbers {
    fn add(&mut self, course: &Course, now: Timestamp) {
        self.counts.add(course, now);
        self.timeline.part(course.created_at).add(course, now);
        let (counts, to_login) = self.clients.entry(course.session.created.client.clone()).or_default();
        counts.add(course, now);
        if let Some(scanned) = course.scanned_at {
            self.to_scan.add(course.created_at.until(scanned));
        }
        if let (Some(scanned), Some(confirmed)) = (course.scanned_at, course.confirmed_at) {
            self.to_confirm.add(scanned.until(confirmed));
        }
        if let (Some(confirmed), Some(redeemed)) = (course.confirmed_at, course.redeemed_at) {
            self.to_redeem.add(confirmed.until(redeemed));
            self.to_login.add(course.created_at.until(redeemed));
            to_login.add(course.created_at.until(redeemed));
        }
        let at = course.created_at;
        self.seen = Some(self.seen.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }
}

#[cfg(test)]
mod tests;
