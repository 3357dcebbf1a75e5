//! What happened in each of the last minutes. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{DenyReason, Event, EventKind, Recorded, Timestamp};

use super::MINUTES;

/// More than are shown, so that a minute is shown whole.
const SLOTS: i64 = MINUTES + 4;

/// The minute of a moment: whole minutes since the Unix epoch.
pub(super) fn minute_of(at: Timestamp) -> i64 {
    at.as_seconds().div_euclid(60)
}

/// Counts of the last minutes, each in a place of its own, so that an event may come a little out of order.
#[derive(Debug)]
pub(super) struct Minutes([Minute; SLOTS as usize]);

/// What happened in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Minute {
    number: i64,
    events: [u32; EventKind::ALL.len()],
    denied: [u32; DenyReason::ALL.len()],
}

/// The same for readers; what did not happen is left out.
#[derive(Debug, Serialize)]
pub(super) struct MinuteLine {
    minute: i64,
    events: BTreeMap<&'static str, u32>,
    denied: BTreeMap<&'static str, u32>,
}

impl Minutes {
    pub(super) fn new() -> Self {
        Self([Minute::default(); SLOTS as usize])
    }

    /// Counts an event, in whose minute it is told; `None` where it is too old, or of a time to come.
    pub(super) fn take(&mut self, recorded: &Recorded, now: Timestamp) -> Option<i64> {
        let number = minute_of(recorded.at);
        if !(minute_of(now) - MINUTES..=minute_of(now) + 1).contains(&number) {
            return None;
        }
        let slot = &mut self.0[slot_of(number)];
        if slot.number != number {
            *slot = Minute { number, ..Minute::default() };
        }
        slot.events[recorded.event.kind() as usize] += 1;
        if let Event::Denied(reason) = recorded.event {
            slot.denied[reason as usize] += 1;
        }
        Some(number)
    }

    /// Those minutes of the last hour in which something happened, the oldest first.
    pub(super) fn last_hour(&self, now: Timestamp) -> Vec<MinuteLine> {
        let now = minute_of(now);
        (now - MINUTES..=now + 1).filter_map(|number| self.line(number)).collect()
    }

    /// One minute, where something happened.
    pub(super) fn line(&self, number: i64) -> Option<MinuteLine> {
        let minute = Some(&self.0[slot_of(number)]).filter(|minute| minute.number == number)?;
        let events = EventKind::ALL.into_iter().map(|kind| (kind.name(), minute.events[kind as usize]));
        let denied = DenyReason::ALL.into_iter().map(|reason| (reason.name(), minute.denied[reason as usize]));
        let happened = |(_, count): &(&str, u32)| *count > 0;
        Some(MinuteLine {
            minute: number,
            events: events.filter(happened).collect(),
            denied: denied.filter(happened).collect(),
        })
    }
}

fn slot_of(number: i64) -> usize {
    number.rem_euclid(SLOTS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SceneId;

    fn at_minute(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60_000_000 + 1)
    }

    fn event(minute: i64, event: Event) -> Recorded {
        let scene = SceneId::of_the_journal();
        Recorded { seq: 1, scene_seq: 1, at: at_minute(minute), scene, event }
    }

    fn told(minutes: &Minutes, now: i64) -> String {
        serde_json::to_string(&minutes.last_hour(at_minute(now))).unwrap()
    }

    #[test]
    fn an_event_counts_in_its_own_minute_also_where_it_comes_late() {
        let mut minutes = Minutes::new();
        let now = at_minute(1002);
        minutes.take(&event(1002, Event::Expired), now);
        minutes.take(&event(1000, Event::Denied(DenyReason::User)), now);
        minutes.take(&event(1002, Event::Expired), now);
        assert_eq!(
            told(&minutes, 1002),
            r#"[{"minute":1000,"events":{"denied":1},"denied":{"user":1}},{"minute":1002,"events":{"expired":2},"denied":{}}]"#
        );
    }

    #[test]
    fn what_is_older_than_an_hour_is_gone_and_its_place_is_anothers() {
        let mut minutes = Minutes::new();
        for minute in 1000..1000 + 3 * SLOTS {
            assert_eq!(minutes.take(&event(minute, Event::Expired), at_minute(minute)), Some(minute));
        }
        let last = 1000 + 3 * SLOTS - 1;
        let lines = minutes.last_hour(at_minute(last));
        assert_eq!(lines.len() as i64, MINUTES + 1);
        assert!(lines.iter().all(|line| line.events["expired"] == 1));
        assert_eq!(minutes.take(&event(last - MINUTES - 1, Event::Expired), at_minute(last)), None);
    }

    #[test]
    fn a_clock_that_was_set_forward_once_takes_no_place() {
        let mut minutes = Minutes::new();
        assert_eq!(minutes.take(&event(9000, Event::Expired), at_minute(1000)), None);
        assert_eq!(told(&minutes, 9000), "[]");
    }
}
