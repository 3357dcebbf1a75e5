//! Sessions that have nothing to do: no actor runs for them, and nobody notices.

use tokio::task::JoinSet;

use super::super::address::IfLost;
use super::super::session::{REST, SessionMessage};
use super::while_it_runs::with_clock;
use super::*;

impl World {
    async fn is_resting(&self, name: &str) -> bool {
        let cell = self.tree.logins.find(&scene(name)).await.unwrap().expect("the session is not known");
        cell.shown(self.clock.now()).is_some()
    }

    async fn until_resting(&self, name: &str) {
        let resting = async { while !self.is_resting(name).await {} };
        tokio::time::timeout(PATIENCE, resting).await.expect("it does not rest");
    }

    /// Lets nothing happen for as long as it takes; once more where its actor was only about to start.
    async fn rest(&self, name: &str) {
        for _ in 0..10 {
            pass(REST.as_secs()).await;
            for _ in 0..500 {
                if self.is_resting(name).await {
                    return;
                }
            }
        }
        panic!("it does not rest");
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_session_that_has_nothing_to_do_rests_and_each_step_of_its_login_wakes_it() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    assert_eq!(names(&browser.ready()), ["Created"]);
    assert!(!world.is_resting("a").await);
    world.rest("a").await;
    world.scan("a", "alice").await.unwrap();
    assert!(!world.is_resting("a").await);
    let messages = next(&mut browser).await;
    assert_eq!(names(&messages), ["Scanned", "Confirmed(…)"]);
    world.rest("a").await;
    let code = code_of(&messages);
    world.redeem(&code).await.unwrap();
    world.rest("a").await;
    assert_eq!(world.redeem(&code).await.unwrap_err(), RedeemError::InvalidGrant);
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed", "redeemed", "revoked"]);
    assert_eq!(
        (world.reads(), world.restarts()),
        (0, (0, 0)),
        "what it knew was kept, and it began with nothing to read"
    );
}

#[tokio::test]
async fn a_session_that_rests_expires_in_its_time_and_is_forgotten_without_being_woken() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    browser.ready();
    world.rest("a").await;
    pass(299 - REST.as_secs()).await;
    assert!(world.is_resting("a").await && browser.ready().is_empty(), "one second is left");
    pass(1).await;
    assert_eq!(names(&next(&mut browser).await), ["Expired"]);
    world.until_resting("a").await;
    pass(90).await;
    assert!(browser.next().await.is_none(), "there is nothing to watch any more");
    let forgotten = async { while world.tree.logins.qr_code(&scene("a")).await.unwrap().is_some() {} };
    tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
    let retired = async { while !world.store.unretired().await.unwrap().is_empty() {} };
    tokio::time::timeout(PATIENCE, retired).await.unwrap();
    assert_eq!((world.journal().await, world.reads()), (vec!["created", "expired"], 0));
}

#[tokio::test]
async fn of_sessions_that_are_all_due_at_once_each_expires() {
    let world = World::with_limits(AdmissionLimits { max_sessions: 700, unclaimed_page_ids: 32 }).await;
    let names: Vec<String> = (0..700).map(|number| number.to_string()).collect();
    futures_util::future::try_join_all(names.iter().map(|name| world.open(name))).await.unwrap();
    pass(REST.as_secs()).await;
    for name in &names {
        world.until_resting(name).await;
    }
    // Not more than so many at once, and yet they take no long time.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(300) - REST).await;
    let mut patience = 2000;
    while world.tree.logins.places().0 > 0 {
        patience -= 1;
        assert!(patience > 0, "{:?} wait for ever", world.tree.logins.places());
        tokio::time::advance(Duration::from_millis(1)).await;
        // The journal is at work on a thread of its own.
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_word_that_meets_a_session_on_its_way_to_rest_is_not_lost() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let cell = world.tree.logins.find(&scene("a")).await.unwrap().unwrap();
    // Eight who ask as if a second time would have an effect of its own, each at another pace.
    let mut asking: JoinSet<()> = (0..8)
        .map(|pace| {
            let (cell, logins) = (cell.clone(), world.tree.logins.clone());
            async move {
                loop {
                    let ask = cell.address.ask_or_wake(IfLost::GiveUp, || logins.wake(&cell), SessionMessage::Show);
                    ask.await.expect("it was lost");
                    for _ in 0..pace {
                        tokio::task::yield_now().await;
                    }
                }
            }
        })
        .collect();
    for round in 0..40 {
        pass(REST.as_secs()).await;
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
    }
    assert!(asking.try_join_next().is_none(), "somebody has no answer");
    assert_eq!((world.reads(), world.restarts()), (0, (0, 0)));
}

#[tokio::test]
async fn many_who_wake_a_session_at_once_wake_it_once_and_no_more_of_them_wait_than_may() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.rest("a").await;
    assert_eq!(world.flood("a").await, 64);
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed"]);
    assert_eq!((world.reads(), world.restarts()), (0, (0, 0)));
}

#[tokio::test]
async fn who_only_asks_where_a_session_stands_wakes_nobody_unless_its_time_is_over() {
    let (world, ahead) = with_clock().await;
    world.open("a").await.unwrap();
    world.rest("a").await;
    for _ in 0..3 {
        assert!(world.tree.logins.going_on(&scene("a"), TOKEN).await.unwrap().is_some());
        assert!(!world.tree.logins.linked(&scene("a")).await.unwrap().unwrap().is_over);
        assert!(world.is_resting("a").await);
    }
    ahead.store(301 * 1_000_000, Ordering::SeqCst);
    assert!(world.tree.logins.linked(&scene("a")).await.unwrap().unwrap().is_over);
    assert_eq!(world.journal().await, ["created", "expired"], "it was woken to end");
}

#[tokio::test]
async fn a_clock_that_is_set_back_lets_a_session_rest_until_its_written_end() {
    let (world, ahead) = with_clock().await;
    world.open("a").await.unwrap();
    world.rest("a").await;
    ahead.store(-100 * 1_000_000, Ordering::SeqCst);
    pass(300).await;
    assert_eq!(world.journal().await, ["created"]);
    world.rest("a").await;
    pass(100).await;
    let expired = async { while world.journal().await != ["created", "expired"] {} };
    tokio::time::timeout(PATIENCE, expired).await.unwrap();
}

#[tokio::test]
async fn a_session_that_panics_when_it_is_woken_is_restarted_from_its_events_and_rests_again() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    browser.ready();
    world.rest("a").await;
    world.panics.store(2, Ordering::SeqCst);
    world.scan("a", "alice").await.unwrap();
    assert_eq!(names(&next(&mut browser).await), ["Scanned", "Confirmed(…)"]);
    assert_eq!((world.reads(), world.restarts()), (2, (0, 2)));
    world.rest("a").await;
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn restarts_count_over_a_rest_and_a_session_that_fails_too_often_is_given_up() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.scan("a", "alice").await.unwrap();
    let code = code_of(&world.watch("a").await.ready());
    for restart in 1..=5 {
        world.rest("a").await;
        world.panics.store(1, Ordering::SeqCst);
        assert_eq!(world.redeem(&code).await.unwrap_err(), RedeemError::Unavailable);
        assert_eq!(world.restarts(), (0, restart));
    }
    world.rest("a").await;
    world.panics.store(1, Ordering::SeqCst);
    assert_eq!(world.redeem(&code).await.unwrap_err(), RedeemError::Unavailable);
    assert_eq!(world.scan("a", "alice").await, Err(refused(Refusal::Unknown)), "it is given up");
}

#[tokio::test]
async fn a_registry_that_is_restarted_finds_the_sessions_that_rest() {
    let world = World::new().await;
    let opened = world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    browser.ready();
    world.rest("a").await;
    world.tree.logins.fail_registry();
    assert!(world.tree.logins.qr_code_of_picture(&opened.picture).await.unwrap().is_some());
    assert!(world.is_resting("a").await);
    world.scan("a", "alice").await.unwrap();
    assert_eq!(names(&next(&mut browser).await), ["Scanned", "Confirmed(…)"]);
    assert_eq!((world.reads(), world.restarts()), (0, (1, 0)));
}

#[tokio::test]
async fn a_start_brings_sessions_back_at_rest_and_reads_none_of_them_again() {
    let world = World::new().await;
    for name in ["pending", "confirmed", "denied", "over"] {
        world.open(name).await.unwrap();
    }
    world.scan("confirmed", "alice").await.unwrap();
    let code = code_of(&world.watch("confirmed").await.ready());
    assert!(world.tree.logins.give_up(&scene("denied"), TOKEN).await.unwrap());
    let world = world.crash_and_restart().await;
    for name in ["pending", "confirmed", "denied", "over"] {
        assert!(world.is_resting(name).await, "{name}");
    }
    let mut browser = world.watch("pending").await;
    assert_eq!(names(&browser.ready()), ["Created"]);
    assert_eq!(names(&world.watch("denied").await.ready()), ["Created", "Denied"]);
    assert_eq!(world.tree.logins.places(), (3, 100), "who was denied needs none");
    world.scan("pending", "bob").await.unwrap();
    assert_eq!(names(&next(&mut browser).await), ["Scanned", "Confirmed(…)"]);
    world.redeem(&code).await.unwrap();
    let mut over = world.watch("over").await;
    over.ready();
    pass(300).await;
    assert_eq!(names(&next(&mut over).await), ["Expired"]);
    assert_eq!(world.reads(), 0);
}

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_while_it_rested_reads_so_before_it_decides() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    browser.ready();
    world.rest("a").await;
    let elsewhere = world.store.append(&scene("a"), 1, START, vec![Event::Denied(DenyReason::Admin)]).await.unwrap();
    assert!(matches!(elsewhere, Append::Stored(_)));
    assert_eq!(world.scan("a", "alice").await, Err(refused(Refusal::Ended)));
    assert_eq!(names(&next(&mut browser).await), ["Denied"]);
    assert_eq!(world.reads(), 1);
}

#[tokio::test]
async fn a_scene_that_somebody_else_has_begun_is_not_taken_for_a_new_one() {
    let world = World::new().await;
    let other = Created { client: ClientId::new("bank").unwrap(), ..world.created() };
    world.store.append(&scene("a"), 0, START, vec![Event::Created(Arc::new(other))]).await.unwrap();
    assert_eq!(world.open("a").await.unwrap_err(), OpenError::Unavailable);
    assert_eq!((world.reads(), world.restarts()), (1, (0, 0)));
    assert_eq!(world.journal().await, ["created"]);
}

#[tokio::test]
async fn the_kill_switch_ends_what_rests_and_wakes_nothing_that_is_over() {
    let world = World::new().await;
    for name in ["pending", "given-up"] {
        world.open(name).await.unwrap();
    }
    assert!(world.tree.logins.give_up(&scene("given-up"), TOKEN).await.unwrap());
    pass(REST.as_secs()).await;
    for name in ["pending", "given-up"] {
        world.until_resting(name).await;
    }
    assert_eq!(world.tree.logins.end_what_goes_on().await.unwrap(), 1);
    assert!(world.is_resting("given-up").await);
    assert_eq!(world.journal().await, ["created", "created", "denied", "denied"]);
}
