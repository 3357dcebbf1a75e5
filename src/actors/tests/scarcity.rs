//! What is scarce: new logins are refused in time, and those under way go on.

use super::*;

/// A world with a login under way, whose journal's next sync does not come back for a while.
async fn stalled() -> World {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.medium.set_faults(Faults { stall_syncs: true, ..Faults::default() });
    world
}

impl World {
    fn shortage(&self) -> Option<OpenError> {
        self.tree.logins.shortage()
    }

    /// Waits until the journal has written so many groups, whether or not the last is durable.
    async fn until_written(&self, groups: usize) {
        while self.medium.chunks() < groups {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn while_the_journal_is_behind_nothing_begins_and_what_is_under_way_goes_on() {
    let world = stalled().await;
    let mut browser = world.watch("a").await;
    browser.ready();
    let scan = world.scan("a", "alice");
    let refusals = async {
        world.until_written(2).await;
        assert_eq!(world.shortage(), None, "a sync takes its time");
        pass(2).await;
        assert_eq!(world.shortage(), Some(OpenError::JournalBehind));
        assert_eq!(
            world.open("b").await.unwrap_err(),
            OpenError::JournalBehind,
            "at once, and nothing was asked of it"
        );
        world.medium.set_faults(Faults::default());
    };
    let (scanned, ()) = tokio::join!(scan, refusals);
    scanned.unwrap();
    let code = code_of(&next(&mut browser).await);
    assert_eq!(world.shortage(), None);
    world.open("c").await.unwrap();
    world.redeem(&code).await.unwrap();
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed", "created", "redeemed"]);
}

#[tokio::test]
async fn while_memory_is_used_up_no_more_are_pending_than_were_and_who_ends_makes_room() {
    let world = World::new().await;
    for number in 0..70 {
        world.open(&format!("early{number}")).await.unwrap();
    }
    world.tree.logins.keep_within(MemoryBudget { bytes: 1 << 20, resident: Box::new(|| Some(1 << 20)) });
    assert_eq!(world.open("b").await.unwrap_err(), OpenError::MemoryLow);
    world.scan("early0", "alice").await.unwrap();
    assert!(world.tree.logins.give_up(&scene("early1"), TOKEN).await.unwrap());
    world.open("c").await.unwrap();
    assert_eq!(world.open("d").await.unwrap_err(), OpenError::MemoryLow);
}

#[tokio::test]
async fn as_memory_gets_scarce_the_heaviest_network_is_refused_first() {
    let world = World::with_limits(AdmissionLimits { max_sessions: 1000, unclaimed_page_ids: 32 }).await;
    let open = async |name: &str, address: &str| {
        let created = Created { visitor: Some(Visitor::new(address, None)), ..world.created() };
        world.tree.logins.open(scene(name), created, None).await.map(|_| ())
    };
    for number in 0..70 {
        open(&format!("early{number}"), "203.0.113.9").await.unwrap();
    }
    world.tree.logins.keep_within(MemoryBudget { bytes: 1 << 20, resident: Box::new(|| Some(1 << 20)) });
    assert_eq!(open("a", "203.0.113.10").await, Err(OpenError::MemoryLow));
    for name in ["early0", "early1"] {
        assert!(world.tree.logins.give_up(&scene(name), TOKEN).await.unwrap());
    }
    assert_eq!(open("b", "203.0.113.9").await, Err(OpenError::TooManyOfNetwork));
    open("c", "203.0.113.10").await.unwrap();
}
