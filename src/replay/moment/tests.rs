use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{Confirmation, DenyReason};
use crate::replay::tests::{Act, Journal, any_journal, at};
use crate::replay::{read_jsonl, write_jsonl};

fn standings(events: &[Recorded], moment: Timestamp, scanner: Option<Scanner>) -> Vec<Standing> {
    let (mut all, mut moment) = (Vec::new(), Moment::new(moment, scanner));
    events.iter().for_each(|recorded| moment.take(recorded, |standing| all.push(standing)));
    all.extend(moment.into_rest());
    all.sort_by(|one, other| one.course.scene.cmp(&other.course.scene));
    all
}

/// `a` is scanned, confirmed and redeemed; `b` is denied; `c` is scanned and no more.
fn three_logins() -> Vec<Recorded> {
    let mut journal = Journal::default();
    for name in ["a", "b", "c"] {
        journal.act(name, 1, &Act::Create(Confirmation::Tap));
    }
    journal.act("a", 10, &Act::Scan("alice"));
    journal.act("b", 20, &Act::Scan("bob"));
    journal.act("a", 30, &Act::Confirm("alice"));
    journal.act("b", 40, &Act::Deny(DenyReason::NotMe));
    journal.act("a", 50, &Act::Redeem);
    journal.act("c", 60, &Act::Scan("bob"));
    journal.act("c", 7200, &Act::Expire);
    journal.events
}

fn told(seconds: u64) -> Vec<(&'static str, Timestamp)> {
    let all = standings(&three_logins(), at(seconds), None);
    all.iter().map(|standing| (standing.stage().name(), standing.since())).collect()
}

#[test]
fn at_each_moment_every_session_stands_where_it_stood() {
    assert_eq!(told(0), []);
    assert_eq!(told(1), [("pending", at(1)); 3], "a moment takes what happened in it in");
    assert_eq!(told(15), [("scanned", at(10)), ("pending", at(1)), ("pending", at(1))]);
    assert_eq!(told(30), [("confirmed", at(30)), ("scanned", at(20)), ("pending", at(1))]);
    assert_eq!(told(60), [("redeemed", at(50)), ("denied", at(40)), ("scanned", at(60))]);
}

#[test]
fn a_session_is_expired_when_its_time_is_over_though_the_daemon_recorded_it_hours_later() {
    assert_eq!(told(300)[2], ("scanned", at(60)));
    for seconds in [301, 7199] {
        assert_eq!(told(seconds)[2], ("expired", at(301)), "{seconds}");
        let all = standings(&three_logins(), at(seconds), None);
        assert!(all[2].is_overdue());
        assert_eq!(all[2].to_map()["overdue"], json!(true));
    }
    assert_eq!(told(7200)[2], ("expired", at(7200)), "from then on it is as recorded");
    assert_eq!(standings(&three_logins(), at(7200), None)[2].to_map().get("overdue"), None);
}

#[test]
fn a_persons_sessions_are_those_that_the_person_had_scanned() {
    let of = |openid: &str, account: Option<&str>, seconds| {
        let account = account.map(|name| AccountName::new(name).unwrap());
        let scanner = Scanner { openid: OpenId::new(openid).unwrap(), account };
        standings(&three_logins(), at(seconds), Some(scanner)).len()
    };
    assert_eq!([of("bob", None, 19), of("bob", None, 20), of("bob", None, 60)], [0, 1, 2]);
    assert_eq!([of("bob", Some("main"), 60), of("bob", Some("other"), 60)], [2, 0]);
}

#[test]
fn a_session_is_one_object() {
    let all = standings(&three_logins(), at(60), None);
    let objects: Vec<Value> = all
        .iter()
        .map(|standing| {
            let mut line = Vec::new();
            standing.write_jsonl(&mut line);
            assert_eq!(line.pop(), Some(b'\n'));
            let object = serde_json::from_slice(&line).unwrap();
            assert_eq!(Value::Object(standing.to_map()), object, "both ways say the same");
            object
        })
        .collect();
    assert_eq!(
        objects[1],
        json!({
            "at": "2026-01-02T03:05:05.000000Z", "scene_id": "sl-000000000000000000000b", "state": "denied",
            "since": "2026-01-02T03:04:45.000000Z", "seq": 7, "created_at": "2026-01-02T03:04:06.000000Z",
            "client_id": "shop", "account": "main", "app_id": "wx1", "confirm": "tap", "openid": "bob", "reason": "not_me",
        })
    );
    assert_eq!(objects[2]["expires_at"], "2026-01-02T03:09:06.000000Z");
    assert_eq!(objects[0].get("expires_at"), None, "it can no longer expire");
}

proptest! {
    /// Nothing that comes later changes what was.
    #[test]
    fn the_fold_at_a_moment_is_the_fold_of_the_events_until_then(events in any_journal(), seconds in 0..4000_u64) {
        let prefix: Vec<Recorded> = events.iter().filter(|recorded| recorded.at <= at(seconds)).cloned().collect();
        prop_assert_eq!(standings(&events, at(seconds), None), standings(&prefix, at(seconds), None));
    }

    #[test]
    fn what_a_daemon_tells_in_lines_folds_to_the_same(events in any_journal(), seconds in 0..4000_u64) {
        let read: Vec<Recorded> = events.iter().map(|recorded| {
            let mut line = Vec::new();
            write_jsonl(recorded, &mut line);
            read_jsonl(&line).unwrap().unwrap()
        }).collect();
        let told = |events: &[Recorded]| {
            standings(events, at(seconds), None).iter().map(Standing::to_map).collect::<Vec<_>>()
        };
        prop_assert_eq!(told(&read), told(&events));
    }

    #[test]
    fn nobody_is_live_after_the_session_must_be_over(events in any_journal()) {
        let end = at(90 * 80).after(Duration::from_secs(400));
        prop_assert!(standings(&events, end, None).iter().all(|standing| !standing.stage().is_live()));
    }
}
