use proptest::prelude::*;

use super::*;
use crate::domain::{Confirmation, DenyReason};
use crate::replay::tests::{Act, Journal, any_journal, at, scene};

/// The sessions that were handed out, and what is left.
fn followed(events: &[Recorded]) -> (Vec<Course>, Courses) {
    let (mut over, mut courses) = (Vec::new(), Courses::default());
    events.iter().for_each(|recorded| courses.take(recorded, |course| over.push(course)));
    (over, courses)
}

#[test]
fn a_session_is_handed_out_when_nothing_more_can_happen_to_it() {
    let mut journal = Journal::default();
    for name in ["denied", "expired", "redeemed", "revoked", "open"] {
        journal.act(name, 1, &Act::Create(Confirmation::Tap));
    }
    for name in ["denied", "redeemed", "revoked"] {
        journal.act(name, 5, &Act::Scan("alice"));
    }
    journal.act("denied", 6, &Act::Deny(DenyReason::NotMe));
    for name in ["redeemed", "revoked"] {
        journal.act(name, 7, &Act::Confirm("alice"));
        journal.act(name, 8, &Act::Redeem);
    }
    journal.act("revoked", 9, &Act::Redeem);
    journal.act("expired", 301, &Act::Expire);
    let stages = |courses: &[Course]| courses.iter().map(Course::stage).collect::<Vec<_>>();

    let (over, mut courses) = followed(&journal.events);
    assert_eq!(stages(&over), [Stage::Denied, Stage::Revoked, Stage::Expired]);
    assert_eq!(over[0].person.as_ref().and_then(Person::openid).unwrap().as_str(), "alice", "who scanned stays known");
    assert_eq!((over[1].created_at, over[1].scanned_at), (at(1), Some(at(5))));
    assert_eq!((over[1].confirmed_at, over[1].redeemed_at, over[1].since), (Some(at(7)), Some(at(8)), at(9)));

    let mut later = Vec::new();
    let much_later = Recorded { at: at(10_000), scene: scene("new"), ..journal.events[0].clone() };
    courses.take(&much_later, |course| later.push(course));
    assert_eq!(stages(&later), [Stage::Redeemed], "a second redemption could have revoked it until its token was void");
    assert_eq!(courses.into_open().len(), 2);
}

proptest! {
    #[test]
    fn every_session_is_handed_out_once_and_stands_where_its_events_fold_to(events in any_journal()) {
        let (mut courses, open) = followed(&events);
        courses.extend(open.into_open());
        let mut scenes: Vec<_> = events.iter().map(|recorded| recorded.scene.clone()).collect();
        scenes.sort();
        scenes.dedup();
        prop_assert_eq!(courses.len(), scenes.len());
        for course in courses {
            let of_scene = events.iter().filter(|recorded| recorded.scene == course.scene);
            let folded = of_scene.fold(State::Absent, |state, recorded| evolve(state, &recorded.event));
            prop_assert_eq!(State::Present(course.session), folded);
        }
    }
}
