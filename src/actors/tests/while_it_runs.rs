//! What the operator or the machine changes while sessions wait: limits, the kill switch, the clock.

use std::sync::atomic::AtomicI64;

use super::*;

const HOUR: i64 = 60 * 60 * 1_000_000;

/// A world whose wall clock can be set apart from its time.
pub(super) async fn with_clock() -> (World, Arc<AtomicI64>) {
    let ahead = Arc::new(AtomicI64::new(0));
    let (running, set) = (Clock::simulated(START), ahead.clone());
    let clock = Clock::from_fn(move || Timestamp::from_micros(running.now().as_micros() + set.load(Ordering::SeqCst)));
    let limits = AdmissionLimits { max_sessions: 100, unclaimed_page_ids: 32 };
    (World::on(MemoryMedium::new(), Arc::new(Keys::ephemeral()), clock, limits).await, ahead)
}

#[tokio::test]
async fn a_clock_that_is_set_back_ends_nothing_and_the_login_goes_on() {
    let (world, ahead) = with_clock().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    ahead.store(-HOUR, Ordering::SeqCst);
    // Its timer fires, and finds that its end has not come.
    pass(301).await;
    world.scan("a", "alice").await.unwrap();
    let mut messages = next(&mut browser).await;
    while messages.len() < 3 {
        messages.extend(next(&mut browser).await);
    }
    assert_eq!(names(&messages), ["Created", "Scanned", "Confirmed(…)"]);
    world.redeem(&code_of(&messages)).await.unwrap();
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed", "redeemed"]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_and_right_again_ends_what_was_over_and_what_was_not_goes_on() {
    let (world, ahead) = with_clock().await;
    ahead.store(-HOUR, Ordering::SeqCst);
    world.open("young").await.unwrap();
    ahead.store(0, Ordering::SeqCst);
    assert_eq!(world.scan("young", "alice").await, Err(refused(Refusal::Ended)), "by the clock it is an hour old");
    world.open("right").await.unwrap();
    world.scan("right", "alice").await.unwrap();
    assert_eq!(world.journal().await, ["created", "expired", "created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn a_clock_that_jumps_over_a_restart_ends_what_is_over_by_it_and_brings_back_the_rest() {
    let (world, ahead) = with_clock().await;
    world.open("a").await.unwrap();
    ahead.store(-HOUR, Ordering::SeqCst);
    let world = world.crash_and_restart().await;
    assert_eq!(world.tree.recovered, 1);
    world.watch("a").await;
    ahead.store(HOUR, Ordering::SeqCst);
    let world = world.crash_and_restart().await;
    assert_eq!(world.scan("a", "alice").await, Err(refused(Refusal::Ended)));
}

#[tokio::test]
async fn other_limits_count_at_once_and_who_has_a_place_keeps_it() {
    let world = World::with_limits(AdmissionLimits { max_sessions: 2, unclaimed_page_ids: 32 }).await;
    world.open("a").await.unwrap();
    world.open("b").await.unwrap();
    assert_eq!(world.open("c").await.unwrap_err(), OpenError::TooManySessions);
    world.tree.logins.limit(AdmissionLimits { max_sessions: 3, unclaimed_page_ids: 32 });
    world.open("c").await.unwrap();
    world.tree.logins.limit(AdmissionLimits { max_sessions: 1, unclaimed_page_ids: 32 });
    assert_eq!(world.tree.logins.shortage(), Some(OpenError::TooManySessions));
    assert_eq!(world.tree.logins.places(), (3, 1), "more are taken than there are now");
    for name in ["a", "b", "c"] {
        world.scan(name, "alice").await.unwrap();
    }
}

#[tokio::test]
async fn of_logins_that_begin_while_they_are_turned_off_none_goes_on() {
    let world = World::new().await;
    let opening = async {
        let mut opened = 0;
        for number in 0..50 {
            match world.open(&number.to_string()).await {
                Ok(_) => opened += 1,
                Err(error) => assert_eq!(error, OpenError::TooManySessions),
            }
        }
        opened
    };
    let turning_off = async {
        tokio::task::yield_now().await;
        world.tree.logins.limit(AdmissionLimits { max_sessions: 0, unclaimed_page_ids: 32 });
        world.tree.logins.end_what_goes_on().await.unwrap()
    };
    let (opened, ended) = tokio::join!(opening, turning_off);
    assert_eq!(opened, ended, "each that began has ended");
    let journal = world.journal().await;
    let count = |kind| journal.iter().filter(|name| **name == kind).count();
    assert_eq!((count("created"), count("denied")), (opened, opened));
}

#[tokio::test]
async fn what_is_over_or_was_redeemed_is_not_ended_again() {
    let world = World::new().await;
    for name in ["redeemed", "given-up", "pending"] {
        world.open(name).await.unwrap();
    }
    let mut browser = world.watch("redeemed").await;
    browser.ready();
    world.scan("redeemed", "alice").await.unwrap();
    world.redeem(&code_of(&next(&mut browser).await)).await.unwrap();
    assert!(world.tree.logins.give_up(&scene("given-up"), TOKEN).await.unwrap());
    assert_eq!(world.tree.logins.end_what_goes_on().await.unwrap(), 1);
    assert_eq!(world.tree.logins.end_what_goes_on().await.unwrap(), 0);
}
