//! What was measured by the end of each of the last minutes, ready to be told. Counts are since the start of the daemon: what
//! happened within a minute is the difference of two.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::clock::rfc3339_millis;
use crate::domain::Timestamp;
use crate::metrics::{JournalReading, Reading, Snapshot, WeChatReading};

use super::MINUTES;
use super::minutes::minute_of;

/// One more than are shown: the first minute's difference needs the one before.
const MOST: usize = MINUTES as usize + 2;

/// A reading for readers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ReadingLine {
    minute: i64,
    /// Whether it is of the minute in which the daemon was started: its counts are all of that minute.
    is_first: bool,
    /// Sessions that are not over, by where they stand.
    sessions: BTreeMap<&'static str, u64>,
    refusals: BTreeMap<&'static str, u64>,
    /// In seconds, from a callback's arrival to its message leaving for one browser.
    push: HistogramLine,
    /// In seconds, from a callback's arrival to its event being durable.
    durable: HistogramLine,
    wechat: Vec<WeChatLine>,
    journal: JournalLine,
    /// Actors that were started again.
    restarts: u64,
}

#[derive(Clone, Debug, Serialize)]
struct HistogramLine {
    /// The upper bounds but the last, which is infinite.
    bounds: Vec<f64>,
    /// How many values are at most the bound of the same place, and last how many there are.
    cumulative: Vec<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct WeChatLine {
    account: String,
    is_away: bool,
    last_calls: BTreeMap<&'static str, &'static str>,
    callbacks: BTreeMap<&'static str, u64>,
    codes_prepared: u64,
    budget_used: u64,
    budget_limit: u64,
    token_until: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct JournalLine {
    records: u64,
    last: u64,
    has_failed: bool,
    bytes: BTreeMap<&'static str, u64>,
    disk_free_bytes: u64,
    waiting: u64,
    sync: HistogramLine,
    /// `None` where that did not happen yet.
    last_sync: Option<String>,
    last_checkpoint: Option<String>,
}

impl From<&Snapshot> for HistogramLine {
    fn from(snapshot: &Snapshot) -> Self {
        let bounds = snapshot.bounds.iter().copied().filter(|bound| bound.is_finite()).collect();
        Self { bounds, cumulative: snapshot.cumulative.clone() }
    }
}

impl From<&WeChatReading> for WeChatLine {
    fn from(reading: &WeChatReading) -> Self {
        Self {
            account: reading.account.clone(),
            is_away: reading.is_away,
            last_calls: reading.last_calls.iter().map(|(call, outcome)| (*call, outcome.name())).collect(),
            callbacks: reading.callbacks.iter().map(|(outcome, count)| (outcome.name(), *count)).collect(),
            codes_prepared: reading.qr_prepared,
            budget_used: reading.qr_budget_used,
            budget_limit: reading.qr_budget_limit,
            token_until: reading.token_until.map(rfc3339_millis),
        }
    }
}

impl From<&JournalReading> for JournalLine {
    fn from(reading: &JournalReading) -> Self {
        let moment =
            |seconds: f64| (seconds > 0.0).then(|| rfc3339_millis(Timestamp::from_micros((seconds * 1e6) as i64)));
        Self {
            records: reading.records,
            last: reading.last,
            has_failed: reading.has_failed,
            bytes: reading.bytes.iter().map(|(part, bytes)| (part.name(), *bytes)).collect(),
            disk_free_bytes: reading.disk_free_bytes,
            waiting: reading.waiting,
            sync: HistogramLine::from(&reading.sync),
            last_sync: moment(reading.last_sync),
            last_checkpoint: moment(reading.last_checkpoint),
        }
    }
}

/// The readings of the last hour.
#[derive(Debug, Default)]
pub(super) struct Readings {
    lines: VecDeque<ReadingLine>,
    began: Option<i64>,
}

impl Readings {
    /// Takes what is measured now, in the place of what was measured before in the same minute.
    pub(super) fn take(&mut self, reading: &Reading, now: Timestamp) {
        let minute = minute_of(now);
        let began = *self.began.get_or_insert(minute);
        // A clock that was set back begins anew.
        while self.lines.back().is_some_and(|last| last.minute >= minute) {
            self.lines.pop_back();
        }
        if self.lines.len() == MOST {
            self.lines.pop_front();
        }
        self.lines.push_back(ReadingLine {
            minute,
            is_first: minute == began,
            sessions: reading.sessions.iter().map(|(standing, count)| (standing.name(), *count)).collect(),
            refusals: reading.refusals.iter().copied().collect(),
            push: HistogramLine::from(&reading.callback_to_push),
            durable: HistogramLine::from(&reading.callback_to_durable),
            wechat: reading.wechat.iter().map(WeChatLine::from).collect(),
            journal: JournalLine::from(&reading.journal),
            restarts: reading.restarts.iter().map(|(_, count)| count).sum(),
        });
    }

    /// All of them, the oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &ReadingLine> {
        self.lines.iter()
    }

    /// The last one.
    pub(super) fn last(&self) -> Option<&ReadingLine> {
        self.lines.back()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Metrics;

    fn minutes(readings: &Readings) -> Vec<i64> {
        readings.all().map(|line| line.minute).collect()
    }

    #[test]
    fn the_last_reading_of_a_minute_stands_for_it_and_an_hour_is_kept() {
        let (metrics, mut readings) = (Metrics::new(), Readings::default());
        let at = |seconds| Timestamp::from_micros(0).after(Duration::from_secs(seconds));
        for seconds in (0..120).step_by(5) {
            readings.take(&metrics.reading(), at(seconds));
        }
        assert_eq!(minutes(&readings), [0, 1]);
        assert!(readings.lines[0].is_first && !readings.lines[1].is_first);
        for minute in 2..200 {
            readings.take(&metrics.reading(), at(60 * minute));
        }
        assert_eq!(minutes(&readings), (138..200).collect::<Vec<_>>());
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_nothing_of_a_time_to_come() {
        let (metrics, mut readings) = (Metrics::new(), Readings::default());
        for minute in [100, 101, 102, 90] {
            readings.take(&metrics.reading(), Timestamp::from_micros(minute * 60_000_000));
        }
        assert_eq!(minutes(&readings), [90]);
    }
}
