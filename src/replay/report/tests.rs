use proptest::prelude::*;

use super::*;
use crate::domain::{Confirmation, DenyReason};
use crate::replay::tests::{Act, Journal, any_journal, at};

fn counted(events: &[Recorded], range: Range, now: Timestamp) -> Numbers {
    let mut report = Report::new(range, now, TimeZone::UTC);
    events.iter().for_each(|recorded| report.take(recorded));
    report.finish()
}

/// One of each end, a second apart; the names with an even number of letters are the bank's, the others the shop's.
fn one_of_each() -> Vec<Recorded> {
    let mut journal = Journal::default();
    let names = ["redeemed", "revoked", "denied", "unscanned", "unconfirmed", "unredeemed", "open"];
    for (seconds, name) in (1..).zip(names) {
        journal.act(name, seconds, &Act::Create(Confirmation::Tap));
    }
    for name in ["redeemed", "revoked", "denied", "unconfirmed", "unredeemed"] {
        journal.act(name, 20, &Act::Scan("alice"));
    }
    for name in ["redeemed", "revoked", "unredeemed"] {
        journal.act(name, 30, &Act::Confirm("alice"));
    }
    journal.act("denied", 31, &Act::Deny(DenyReason::NotMe));
    journal.act("redeemed", 32, &Act::Redeem);
    journal.act("revoked", 33, &Act::Redeem);
    journal.act("revoked", 34, &Act::Redeem);
    journal.act("unredeemed", 90, &Act::Expire);
    journal.act("unscanned", 304, &Act::Expire);
    journal.events
}

#[test]
fn every_session_is_counted_by_its_end() {
    let numbers = counted(&one_of_each(), Range::default(), at(304));
    let counts = numbers.counts;
    assert_eq!(counts.funnel(), [7, 5, 3, 2]);
    assert_eq!((counts.expired, counts.all_denied(), counts.revoked), ([1, 0, 1], 1, 1));
    assert_eq!(counts.open, 2, "one that waits, and one that nobody confirmed yet");
    let later = counted(&one_of_each(), Range::default(), at(400)).counts;
    assert_eq!((later.expired, later.open), ([2, 1, 1], 0), "their time is over, recorded or not");
    assert_eq!(numbers.to_scan.count(), 5);
    assert_eq!(numbers.to_scan.slowest(), Duration::from_secs(19));
    assert_eq!(numbers.to_redeem.within(500), Some(Duration::from_secs(2)));
    let clients: Vec<_> = numbers.clients.iter().map(|(name, (counts, _))| (name.as_str(), counts.created)).collect();
    assert_eq!(clients, [("bank", 4), ("shop", 3)]);
}

#[test]
fn a_session_counts_where_it_was_created_with_all_that_came_later() {
    let only_the_first = Range { since: Some(at(1)), until: Some(at(1)) };
    assert_eq!(counted(&one_of_each(), only_the_first, at(400)).counts.funnel(), [1, 1, 1, 1]);
    let none = Range { since: Some(at(20)), until: None };
    assert_eq!(counted(&one_of_each(), none, at(400)).counts, Counts::default(), "their scans are not of this range");
}

#[test]
fn it_stops_reading_when_nothing_can_change_any_more() {
    let mut report = Report::new(Range { since: None, until: Some(at(3)) }, at(40_000), TimeZone::UTC);
    one_of_each().iter().for_each(|recorded| report.take(recorded));
    assert!(!report.has_enough(), "a redeemed one can still be revoked");
    let later = Recorded { at: at(20_000), ..one_of_each()[0].clone() };
    report.take(&later);
    assert!(report.has_enough());
    assert_eq!(report.finish().counts.created, 3);
}

#[test]
fn the_page_stands_alone_and_names_nobody() {
    let facts = Facts { range: Range::default(), now: at(400), head: 20, zone: TimeZone::UTC };
    let page = render(&counted(&one_of_each(), Range::default(), at(400)), &facts);
    for foreign in ["http:", "https:", "//", "<script", "url(", "@import", "src=", "href=", "<link", "<iframe"] {
        assert!(!page.contains(foreign), "{foreign} is on the page");
    }
    for personal in ["alice", "sl-0000"] {
        assert!(!page.contains(personal), "{personal} is on the page");
    }
    for told in ["A session counts where it was created", "60.0% of the step before", "71.4% of all", "wasn't me"] {
        assert!(page.contains(told) || page.contains(&told.replace('\'', "&#39;")), "{told} is not in {page}");
    }
    let count = |text: &str| page.matches(text).count();
    assert_eq!(count("role=\"img\""), count("<desc "), "every picture is told in words");
}

#[test]
fn a_page_of_nothing_says_so() {
    let facts = Facts { range: Range::default(), now: at(400), head: 0, zone: TimeZone::UTC };
    let page = render(&counted(&[], Range::default(), at(400)), &facts);
    assert!(page.contains("No session was created in this time.") && !page.contains("<svg"), "{page}");
}

proptest! {
    #[test]
    fn the_funnel_never_grows_and_every_session_has_one_end(events in any_journal(), seconds in 0..9000_u64) {
        let numbers = counted(&events, Range::default(), at(seconds));
        let counts = numbers.counts;
        prop_assert!(counts.funnel().is_sorted_by(|one, next| one >= next));
        prop_assert_eq!(counts.created, counts.redeemed + counts.all_expired() + counts.all_denied() + counts.open);
        prop_assert!(counts.revoked <= counts.redeemed);
        let mut by_client = Counts::default();
        numbers.clients.values().for_each(|(counts, _)| by_client.merge(counts));
        prop_assert_eq!(by_client, counts);
        if let Some((first, last)) = numbers.seen {
            let mut over_time = Counts::default();
            numbers.timeline.between(first, last).1.iter().for_each(|(_, counts)| over_time.merge(counts));
            prop_assert_eq!(over_time, counts);
        }
    }

    #[test]
    fn ranges_that_meet_add_up(events in any_journal(), cut in 0..7200_u64) {
        let counted = |since, until| counted(&events, Range { since, until }, at(10_000)).counts;
        let mut parts = counted(None, Some(at(cut)));
        parts.merge(&counted(Some(at(cut).after(Duration::from_micros(1))), None));
        prop_assert_eq!(parts, counted(None, None));
    }

    /// What comes after it has enough changes nothing.
    #[test]
    fn nothing_is_missed_by_stopping_early(events in any_journal(), until in 0..3000_u64) {
        let range = Range { since: None, until: Some(at(until)) };
        let mut report = Report::new(range, at(10_000), TimeZone::UTC);
        let read = events.iter().take_while(|recorded| { report.take(recorded); !report.has_enough() }).count();
        let _ = read;
        prop_assert_eq!(report.finish().counts, counted(&events, range, at(10_000)).counts);
    }
}
