use std::time::Duration;

use crate::domain::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a key is published before it signs: longer than websites keep a key set that they have fetched.
const AHEAD: Duration = DAY;
/// How long a key signs.
const SIGNS: Duration = Duration::from_secs(90 * DAY.as_secs());
/// How long a key is published after it has signed for the last time: longer than a token is looked at.
const AFTERWARDS: Duration = Duration::from_secs(2 * DAY.as_secs());

/// What is to be done with the keys of one algorithm at some moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Which signs; `None` where there is none.
    pub(super) signs: Option<usize>,
    /// Whether the next must be made now.
    pub(super) next: bool,
    /// How many of the oldest are no longer needed.
    pub(super) over: usize,
}

/// The plan for keys made at these moments, oldest first.
pub(super) fn plan(made: &[Timestamp], now: Timestamp) -> Plan {
    // The first key signs at once: nobody can have kept a set without it.
    let begins = |index: usize| if index == 0 { made[0] } else { made[index].after(AHEAD) };
    let signs = (0..made.len()).rev().find(|index| begins(*index) <= now);
    // A clock that went back finds all keys in the future: the oldest is the best known.
    let signs = signs.or(if made.is_empty() { None } else { Some(0) });
    let next = made.len().checked_sub(1).is_none_or(|newest| begins(newest).after(SIGNS).before(AHEAD) <= now);
    let over = (1..made.len()).take_while(|index| begins(*index).after(AFTERWARDS) <= now).count();
    Plan { signs, next, over: over.min(signs.unwrap_or(0)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(day: u64) -> Timestamp {
        Timestamp::from_micros(0).after(DAY * u32::try_from(day).unwrap())
    }

    #[test]
    fn the_first_key_signs_at_once_and_the_next_is_published_a_day_before_it_does() {
        assert_eq!(plan(&[], day(0)), Plan { signs: None, next: true, over: 0 });
        assert_eq!(plan(&[day(0)], day(0)), Plan { signs: Some(0), next: false, over: 0 });
        assert_eq!(plan(&[day(0)], day(88)), Plan { signs: Some(0), next: false, over: 0 });
        assert_eq!(plan(&[day(0)], day(89)), Plan { signs: Some(0), next: true, over: 0 });
        assert_eq!(plan(&[day(0), day(89)], day(89)), Plan { signs: Some(0), next: false, over: 0 });
        assert_eq!(plan(&[day(0), day(89)], day(90)), Plan { signs: Some(1), next: false, over: 0 });
        assert_eq!(plan(&[day(0), day(89)], day(92)), Plan { signs: Some(1), next: false, over: 1 });
    }

    #[test]
    fn a_clock_that_went_back_still_finds_a_key() {
        assert_eq!(plan(&[day(100), day(189)], day(3)), Plan { signs: Some(0), next: false, over: 0 });
    }

    proptest! {
        /// Looking once an hour, or not for a year: whoever fetched the keys a day ago knows the one that signs now.
        #[test]
        fn what_signs_was_published_a_day_ago_and_stays_for_two(
            hours in prop::collection::vec(prop_oneof![9 => 1..48_u64, 1 => 24..9000_u64], 1..300),
        ) {
            let (mut made, mut now) = (vec![day(0)], day(0));
            let mut published: Vec<(Timestamp, Vec<Timestamp>)> = Vec::new();
            for wait in hours {
                now = now.after(Duration::from_secs(wait * 3600));
                let first = plan(&made, now);
                if first.next {
                    made.push(now);
                }
                made.drain(..first.over);
                let signs = made[plan(&made, now).signs.unwrap()];
                published.push((now, made.clone()));
                let a_day_ago = published.iter().rfind(|(at, _)| at.after(DAY) <= now);
                if let Some((_, known)) = a_day_ago {
                    prop_assert!(known.contains(&signs), "signed with a key that was not known a day ago");
                }
            }
        }
    }
}
