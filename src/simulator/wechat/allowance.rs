//! How many custom messages a person may be sent, after what they did.

use std::time::Duration;

use super::Pushed;
use super::api::Refusal;
use crate::domain::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const TWO_DAYS: Duration = Duration::from_secs(48 * 3600);

/// What may still be sent to a person.
#[derive(Debug, Default)]
pub(super) struct Allowances(Vec<Allowance>);

#[derive(Debug)]
struct Allowance {
    after: Pushed,
    until: Timestamp,
    left: u32,
}

impl Allowances {
    /// What they have done now allows some messages; the same done again begins anew.
    pub(super) fn grant(&mut self, after: Pushed, now: Timestamp) {
        let (left, time) = match after {
            Pushed::Scan | Pushed::Subscribe | Pushed::Click => (3, MINUTE),
            Pushed::Text => (5, TWO_DAYS),
            Pushed::View => return,
            Pushed::Unsubscribe => return self.0.clear(),
        };
        self.0.retain(|allowance| allowance.after != after);
        self.0.push(Allowance { after, until: now.after(time), left });
    }

    /// One message goes: on account of what ends first.
    pub(super) fn spend(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.0.retain(|allowance| now < allowance.until);
        if self.0.is_empty() {
            return Err((45015, "response out of time limit or subscription is canceled").into());
        }
        let left = self.0.iter_mut().filter(|allowance| allowance.left > 0);
        let first = left.min_by_key(|allowance| allowance.until).ok_or((45047, "out of response count limit"))?;
        first.left -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(0).after(Duration::from_secs(seconds))
    }

    /// How many messages go, and the error of the one after them.
    fn sent(allowances: &mut Allowances, now: Timestamp) -> (u32, i64) {
        let mut sent = 0;
        loop {
            match allowances.spend(now) {
                Ok(()) => sent += 1,
                Err(refusal) => return (sent, refusal.errcode),
            }
        }
    }

    #[test]
    fn each_thing_that_a_person_does_allows_its_number_of_messages() {
        for (after, number) in [(Pushed::Scan, 3), (Pushed::Subscribe, 3), (Pushed::Click, 3), (Pushed::Text, 5)] {
            let mut allowances = Allowances::default();
            allowances.grant(after, at(0));
            assert_eq!(sent(&mut allowances, at(59)), (number, 45047), "{after:?}");
        }
        for after in [Pushed::View, Pushed::Unsubscribe] {
            let mut allowances = Allowances::default();
            allowances.grant(after, at(0));
            assert_eq!(sent(&mut allowances, at(0)), (0, 45015), "{after:?}");
        }
    }

    #[test]
    fn an_allowance_ends_after_a_minute_and_that_of_a_text_after_two_days() {
        let mut allowances = Allowances::default();
        allowances.grant(Pushed::Scan, at(0));
        allowances.grant(Pushed::Text, at(0));
        allowances.spend(at(59)).unwrap();
        assert_eq!(sent(&mut allowances, at(60)), (5, 45047), "the scan's were spent first");
        allowances.grant(Pushed::Text, at(60));
        assert_eq!(sent(&mut allowances, at(60 + 48 * 3600)), (0, 45015));
    }

    #[test]
    fn whoever_leaves_is_sent_nothing_more() {
        let mut allowances = Allowances::default();
        allowances.grant(Pushed::Text, at(0));
        allowances.grant(Pushed::Unsubscribe, at(1));
        assert_eq!(sent(&mut allowances, at(1)), (0, 45015));
    }
}
