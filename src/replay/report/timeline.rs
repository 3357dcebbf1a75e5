use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Span, ToSpan, civil};

use crate::domain::Timestamp;

use super::Counts;

/// Most parts that are kept while it is not known how long the whole is: it is made coarser where there are more.
const KEPT: usize = 2_000;
/// Most parts that are shown, except of years.
const SHOWN: usize = 100;

/// What came of the sessions that were created in each part of the time.
#[derive(Clone, Debug)]
pub struct Timeline {
    zone: TimeZone,
    step: Step,
    parts: BTreeMap<Timestamp, Counts>,
}

/// How long a part is. Each divides the next, by the clock on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A minute.
    Minute,
    /// Five minutes.
    FiveMinutes,
    /// A quarter of an hour.
    Quarter,
    /// An hour.
    Hour,
    /// Six hours, from midnight on.
    SixHours,
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
}

impl Step {
    const ALL: [Self; 7] =
        [Self::Minute, Self::FiveMinutes, Self::Quarter, Self::Hour, Self::SixHours, Self::Day, Self::Week];

    /// How it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::FiveMinutes => "five minutes",
            Self::Quarter => "quarter of an hour",
            Self::Hour => "hour",
            Self::SixHours => "six hours",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    fn span(self) -> Span {
        match self {
            Self::Minute => 1.minute(),
            Self::FiveMinutes => 5.minutes(),
            Self::Quarter => 15.minutes(),
            Self::Hour => 1.hour(),
            Self::SixHours => 6.hours(),
            Self::Day => 1.day(),
            Self::Week => 1.week(),
        }
    }

    /// The beginning of the part that `at` lies in.
    fn floor(self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        let local = civil_of(at, zone);
        let time = local.time();
        let (date, hour, minute) = match self {
            Self::Minute => (local.date(), time.hour(), time.minute()),
            Self::FiveMinutes => (local.date(), time.hour(), time.minute() / 5 * 5),
            Self::Quarter => (local.date(), time.hour(), time.minute() / 15 * 15),
            Self::Hour => (local.date(), time.hour(), 0),
            Self::SixHours => (local.date(), time.hour() / 6 * 6, 0),
            Self::Day => (local.date(), 0, 0),
            Self::Week => {
                let since_monday = i64::from(local.weekday().to_monday_zero_offset());
                (local.date().saturating_sub(since_monday.days()), 0, 0)
            }
        };
        timestamp_of(date.at(hour, minute, 0, 0), zone).unwrap_or(at)
    }

    fn next(self, start: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let next = civil_of(start, zone).checked_add(self.span()).ok()?;
        // Where clocks are put back, the hour that comes twice is one part.
        timestamp_of(next, zone).filter(|next| *next > start)
    }

    /// The finest of which the time between the two has no more parts than are shown.
    fn fitting(from: Timestamp, to: Timestamp, zone: &TimeZone) -> Self {
        let fits = |step: &Self| {
            let mut start = step.floor(from, zone);
            for _ in 0..SHOWN {
                match step.next(start, zone) {
                    Some(next) if next <= to => start = next,
                    _ => return true,
                }
            }
            false
        };
        Self::ALL.into_iter().find(fits).unwrap_or(Self::Week)
    }
}

fn civil_of(at: Timestamp, zone: &TimeZone) -> civil::DateTime {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(jiff::Timestamp::MAX);
    zone.to_datetime(at)
}

fn timestamp_of(local: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let at = local.to_zoned(zone.clone()).ok()?.timestamp();
    Some(Timestamp::from_micros(at.as_microsecond()))
}

impl Timeline {
    /// By the clocks of `zone`.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, step: Step::Minute, parts: BTreeMap::new() }
    }

    /// Where the session that was created `at` this time counts.
    pub fn part(&mut self, at: Timestamp) -> &mut Counts {
        let mut start = self.step.floor(at, &self.zone);
        while self.parts.len() >= KEPT && !self.parts.contains_key(&start) && self.coarsen() {
            start = self.step.floor(at, &self.zone);
        }
        self.parts.entry(start).or_default()
    }

    /// `false` where it is as coarse as can be.
    fn coarsen(&mut self) -> bool {
        let Some(step) = Step::ALL.into_iter().find(|step| *step > self.step) else { return false };
        self.coarsen_to(step);
        true
    }

    fn coarsen_to(&mut self, step: Step) {
        self.step = step;
        for (start, counts) in std::mem::take(&mut self.parts) {
            self.parts.entry(step.floor(start, &self.zone)).or_default().merge(&counts);
        }
    }

    /// The parts from one time to the other, none left out, and how long each is.
    pub fn between(mut self, from: Timestamp, to: Timestamp) -> (Step, Vec<(Timestamp, Counts)>) {
        let step = Step::fitting(from, to, &self.zone).max(self.step);
        self.coarsen_to(step);
        let mut starts = Some(step.floor(from, &self.zone));
        let mut parts = Vec::new();
        while let Some(start) = starts.filter(|start| *start <= to) {
            parts.push((start, self.parts.get(&start).copied().unwrap_or_default()));
            starts = step.next(start, &self.zone);
        }
        (step, parts)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn step(from: &str, to: &str) -> Step {
        Step::fitting(at(from), at(to), &TimeZone::UTC)
    }

    #[test]
    fn the_step_fits_the_range() {
        let from = "2026-01-01T00:00:00Z";
        assert_eq!(step(from, "2026-01-01T01:00:00Z"), Step::Minute);
        assert_eq!(step(from, "2026-01-01T23:59:59Z"), Step::Quarter);
        assert_eq!(step(from, "2026-01-03T23:59:59Z"), Step::Hour);
        assert_eq!(step(from, "2026-01-31T23:59:59Z"), Step::Day);
        assert_eq!(step(from, "2027-01-01T00:00:00Z"), Step::Week);
        assert_eq!(step(from, "2036-01-01T00:00:00Z"), Step::Week);
    }

    #[test]
    fn no_part_is_left_out_not_even_where_clocks_change() {
        for (zone, from, to) in [
            ("Europe/Berlin", "2026-03-27T23:00:00Z", "2026-03-30T21:59:59Z"),
            ("Europe/Berlin", "2026-10-23T22:00:00Z", "2026-10-26T22:59:59Z"),
            ("Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            let (from, to) = (at(from), at(to));
            let mut timeline = Timeline::new(zone);
            let mut created = 0;
            let mut now = from;
            while now <= to {
                timeline.part(now).created += 1;
                created += 1;
                now = now.after(Duration::from_secs(137));
            }
            let (_, parts) = timeline.between(from, to);
            assert_eq!(parts.iter().map(|(_, counts)| counts.created).sum::<u64>(), created);
            assert!(parts.len() <= SHOWN, "{}", parts.len());
            assert!(parts.is_sorted_by(|one, other| one.0 < other.0));
        }
    }

    #[test]
    fn it_stays_small_however_long_it_goes_on() {
        let mut timeline = Timeline::new(TimeZone::UTC);
        let mut now = at("2020-01-01T00:00:00Z");
        for _ in 0..20_000 {
            timeline.part(now).created += 1;
            now = now.after(Duration::from_secs(3 * 3600));
        }
        assert!(timeline.parts.len() <= KEPT && timeline.step >= Step::Day);
        assert_eq!(timeline.parts.values().map(|counts| counts.created).sum::<u64>(), 20_000);
    }
}
