//! Small chunks are merged, and no crash on the way loses, doubles or reorders a record.

use crate::domain::*;
use crate::vault::NoVault;

use super::*;

fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

const fn records_of(number: u64) -> u64 {
    1 + number % 3
}

/// One to three records, as the number says.
async fn append(store: &Journal, number: u64) {
    let events = vec![Event::Expired; usize::try_from(records_of(number)).unwrap()];
    let stored = store.append(&scene(number), 0, Timestamp::from_micros(number.cast_signed()), events).await;
    assert!(matches!(stored, Ok(Append::Stored(_))), "{stored:?}");
}

/// Waits until what follows an acknowledgement is done, by a request that comes after it and stores nothing.
async fn settle(store: &Journal) {
    let refused = store.append(&scene(0), 99, Timestamp::from_micros(1), vec![Event::Expired]).await;
    assert!(matches!(refused, Ok(Append::Conflict { .. })), "{refused:?}");
}

/// How many appends the log has: each whole, in the order in which they were made, nothing twice and nothing missing.
async fn appends_in(store: &Journal) -> u64 {
    let records = store.read(1, usize::MAX).await.unwrap();
    let (mut number, mut place) = (0, 0);
    for (seq, record) in (1..).zip(&records) {
        assert_eq!((record.seq, &record.scene, u64::from(record.scene_seq)), (seq, &scene(number), place + 1));
        place += 1;
        if place == records_of(number) {
            (number, place) = (number + 1, 0);
        }
    }
    assert_eq!(place, 0, "half of an append is there");
    assert_eq!(store.head().borrow().seq, records.len() as u64);
    number
}

#[tokio::test]
async fn events_that_come_alone_do_not_stay_alone() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    for number in 0..1000 {
        append(&store, number).await;
    }
    assert_eq!(appends_in(&store).await, 1000);
    let chunks = medium.chunks();
    assert!(chunks < 100, "{chunks} chunks for 1000 lone appends");
}

#[tokio::test]
async fn merging_needs_no_sync_of_its_own() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    for number in 0..500 {
        append(&store, number).await;
    }
    assert_eq!(medium.syncs(), 500);
}

/// The power goes after each append: of what was not synced everything is lost, or its first chunk is not.
#[tokio::test]
async fn power_lost_at_any_step_of_a_merge_loses_doubles_and_reorders_nothing() {
    for torn_chunks in [0, 1] {
        let medium = MemoryMedium::new();
        for number in 0..200 {
            let store = medium.open().unwrap();
            assert_eq!(appends_in(&store).await, number);
            append(&store, number).await;
            settle(&store).await;
            drop(store);
            medium.lose_power(torn_chunks);
        }
        let store = medium.open().unwrap();
        append(&store, 200).await;
        settle(&store).await;
        assert!(medium.chunks() < 70, "what a crash left over is never removed: {}", medium.chunks());
    }
}

/// Chunks that were to be removed come back with a loss of power; the next start removes them again.
#[tokio::test]
async fn what_an_interrupted_merge_leaves_over_is_read_once_and_removed_later() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    let (mut number, mut most) = (0, 0);
    while medium.chunks() >= most {
        most = medium.chunks();
        append(&store, number).await;
        number += 1;
        settle(&store).await;
    }
    drop(store);
    medium.lose_power(0);
    let store = medium.open().unwrap();
    assert_eq!(appends_in(&store).await, number);
    append(&store, number).await;
    store.close().await;
    assert!(medium.chunks() < most, "{} chunks, and {most} before", medium.chunks());
    assert_eq!(appends_in(&medium.open().unwrap()).await, number + 1);
}

/// A reader goes over the log while the chunks that it stands on are merged and removed.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_everything_once_while_chunks_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open_or_create(folder.path().to_owned(), NoVault::opened).unwrap());
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 0..600 {
                append(&store, number).await;
            }
        }
    });
    let mut follow = Follow::new(store.clone(), 1);
    let mut next = 1;
    while next <= (0..600).map(records_of).sum() {
        for record in follow.next().await.unwrap() {
            assert_eq!(record.seq, next);
            next += 1;
        }
    }
    writing.await.unwrap();
    assert_eq!(appends_in(&store).await, 600);
    store.close().await;
}
