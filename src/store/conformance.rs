//! One suite that every engine has to pass. A new engine adds a line to the list at the end.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::*;
use crate::vault::MemoryVault;

use super::*;

/// An engine under test: how to open it, and how to open it again on what the first left.
trait Engine {
    fn open(&self) -> Arc<dyn EventStore>;
}

struct Memory(MemoryMedium);

impl Engine for Memory {
    fn open(&self) -> Arc<dyn EventStore> {
        Arc::new(self.0.open().unwrap())
    }
}

struct Sled(tempfile::TempDir, MemoryVault);

impl Engine for Sled {
    fn open(&self) -> Arc<dyn EventStore> {
        Arc::new(open_or_create(self.0.path().join("data"), self.1.opener()).unwrap())
    }
}

const NOON: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

fn scene(name: &str) -> SceneId {
    SceneId::new(format!("sl-{name:0>22}")).unwrap()
}

pub(super) fn created() -> Event {
    Event::Created(Arc::new(Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx0000000000000000").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(42),
        opener: Opener::Browser { attach: Digest([1; 32]) },
        confirmation: Confirmation::Auto,
        qr: QrCode { content: "http://weixin.qq.com/q/02x".into(), expires_at: NOON },
        expires_at: NOON.after(Duration::from_secs(300)),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest::default(),
        visitor: None,
    }))
}

fn scanned(openid: &str) -> Event {
    let account = AccountName::new("main").unwrap();
    Event::Scanned(Scanned { account, person: Person::known(OpenId::new(openid).unwrap()) })
}

async fn stored(store: &dyn EventStore, name: &str, expected: u32, events: Vec<Event>) -> Vec<Recorded> {
    match store.append(&scene(name), expected, NOON, events).await.unwrap() {
        Append::Stored(records) => records,
        Append::Conflict { actual } => panic!("expected {expected} of {name}, found {actual}"),
    }
}

fn places(records: &[Recorded]) -> Vec<(u64, u32)> {
    records.iter().map(|record| (record.seq, record.scene_seq)).collect()
}

async fn sequences_count_from_one_without_holes(engine: &dyn Engine) {
    let store = engine.open();
    assert_eq!(places(&stored(&*store, "a", 0, vec![created()]).await), [(1, 1)]);
    assert_eq!(places(&stored(&*store, "b", 0, vec![created(), scanned("alice")]).await), [(2, 1), (3, 2)]);
    assert_eq!(places(&stored(&*store, "a", 1, vec![scanned("bob"), Event::Expired]).await), [(4, 2), (5, 3)]);
    let all = store.read(1, 100).await.unwrap();
    assert_eq!(places(&all), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)]);
    assert_eq!(places(&store.stream(&scene("a")).await.unwrap()), [(1, 1), (4, 2), (5, 3)]);
    assert_eq!(places(&store.read(3, 2).await.unwrap()), [(3, 2), (4, 2)]);
    let raw = store.read_raw(1, 100).await.unwrap();
    let places = |record: &RawRecord| record.decode().map(|record| (record.seq, record.scene_seq)).unwrap();
    assert_eq!(raw.iter().map(places).collect::<Vec<_>>(), self::places(&all));
    assert_eq!(store.read_raw(3, 2).await.unwrap(), raw[2..4]);
    assert!(store.stream(&scene("unknown")).await.unwrap().is_empty());
    assert!(store.read(6, 10).await.unwrap().is_empty());
    store.close().await;
}

async fn an_unexpected_sequence_is_a_conflict_and_stores_nothing(engine: &dyn Engine) {
    let store = engine.open();
    stored(&*store, "a", 0, vec![created()]).await;
    for (expected, actual) in [(0, 1), (2, 1)] {
        let answer = store.append(&scene("a"), expected, NOON, vec![Event::Expired]).await.unwrap();
        assert_eq!(answer, Append::Conflict { actual });
    }
    assert_eq!(store.append(&scene("b"), 1, NOON, vec![Event::Expired]).await.unwrap(), Append::Conflict { actual: 0 });
    assert_eq!(store.read(1, 100).await.unwrap().len(), 1);
    store.close().await;
}

async fn of_many_racing_appends_one_wins(engine: &dyn Engine) {
    let store = engine.open();
    stored(&*store, "a", 0, vec![created()]).await;
    let racers: Vec<_> =
        (0..32).map(|racer| store.append(&scene("a"), 1, NOON, vec![scanned(&format!("racer{racer}"))])).collect();
    let answers = futures_util::future::join_all(racers).await;
    let winners = answers.iter().filter(|answer| matches!(answer, Ok(Append::Stored(_)))).count();
    let losers = answers.iter().filter(|answer| matches!(answer, Ok(Append::Conflict { actual: 2 }))).count();
    assert_eq!((winners, losers), (1, 31));
    store.close().await;
}

async fn what_was_acknowledged_is_there_after_opening_again(engine: &dyn Engine) {
    let store = engine.open();
    let events = vec![created(), scanned("alice"), Event::Expired];
    let before = stored(&*store, "a", 0, events).await;
    store.close().await;
    drop(store);
    let store = engine.open();
    assert_eq!(store.head().borrow().seq, 3);
    assert_eq!(store.read(1, 100).await.unwrap(), before);
    assert_eq!(store.stream(&scene("a")).await.unwrap(), before);
    assert_eq!(places(&stored(&*store, "b", 0, vec![created()]).await), [(4, 1)]);
    store.close().await;
}

async fn only_unretired_streams_are_brought_back(engine: &dyn Engine) {
    let store = engine.open();
    for name in ["a", "b", "c"] {
        stored(&*store, name, 0, vec![created()]).await;
    }
    stored(&*store, "a", 1, vec![Event::Expired]).await;
    store.retire(&scene("a"));
    store.retire(&scene("c"));
    stored(&*store, "b", 1, vec![scanned("alice")]).await;
    // Refused, and only after what followed the answer before.
    store.append(&scene("b"), 0, NOON, vec![]).await.unwrap();
    let live = store.unretired().await.unwrap();
    assert_eq!(live.iter().map(|stream| places(stream)).collect::<Vec<_>>(), [[(2, 1), (5, 2)]]);
    stored(&*store, "d", 0, vec![created()]).await;
    assert_eq!(store.unretired_scenes().await.unwrap(), [scene("b"), scene("d")], "those first that began first");
    let streams = store.streams(["d", "nobody", "b"].map(scene).to_vec()).await.unwrap();
    let told: Vec<_> = streams.iter().map(|stream| places(stream)).collect();
    assert_eq!(told, [vec![(6, 1)], vec![], vec![(2, 1), (5, 2)]], "in the order in which they were asked for");
    store.close().await;
    drop(store);
    let store = engine.open();
    assert_eq!(places(&store.stream(&scene("a")).await.unwrap()), [(1, 1), (4, 2)], "a retired stream stays readable");
    let taken = store.append(&scene("a"), 0, NOON, vec![created()]).await.unwrap();
    assert_eq!(taken, Append::Conflict { actual: 2 }, "and its scene id stays taken");
    store.close().await;
}

/// By the log's own time, and by where unretired records can lie.
async fn what_was_over_is_not_brought_back_by_a_start(engine: &dyn Engine) {
    let store = engine.open();
    stored(&*store, "a", 0, vec![created(), Event::Expired]).await;
    stored(&*store, "b", 0, vec![created()]).await;
    stored(&*store, "c", 0, vec![created(), Event::Expired]).await;
    store.retire(&scene("a"));
    let later = NOON.after(Duration::from_secs(24 * 60 * 60));
    store.append(&scene("d"), 0, later, vec![created()]).await.unwrap();
    store.close().await;
    drop(store);
    let store = engine.open();
    let brought_back = store.unretired().await.unwrap();
    let mut scenes: Vec<_> = brought_back.iter().map(|stream| stream[0].scene.clone()).collect();
    scenes.sort();
    assert_eq!(scenes, [scene("b"), scene("d")]);
    for name in ["b", "d"] {
        store.retire(&scene(name));
    }
    let scenes = (0..3000).map(|number| scene(&format!("x{number}")));
    let appends = scenes.clone().map(|scene| store.append(&scene, 0, later, vec![created()]));
    futures_util::future::join_all(appends).await;
    scenes.for_each(|scene| store.retire(&scene));
    stored(&*store, "e", 0, vec![created()]).await;
    store.append(&scene("e"), 0, NOON, vec![]).await.unwrap();
    assert_eq!(store.unretired().await.unwrap().len(), 1);
    store.close().await;
    drop(store);
    let store = engine.open();
    assert_eq!(store.unretired().await.unwrap().len(), 1, "a start reads from the first that is pending");
    store.close().await;
}

async fn a_retired_stream_to_which_something_happens_is_unretired(engine: &dyn Engine) {
    let store = engine.open();
    stored(&*store, "a", 0, vec![created()]).await;
    store.retire(&scene("a"));
    stored(&*store, "b", 0, vec![created()]).await;
    stored(&*store, "a", 1, vec![scanned("alice")]).await;
    assert_eq!(places(&store.stream(&scene("a")).await.unwrap()), [(1, 1), (3, 2)]);
    store.close().await;
    drop(store);
    let store = engine.open();
    assert_eq!(places(&store.stream(&scene("a")).await.unwrap()), [(1, 1), (3, 2)]);
    assert_eq!(store.unretired().await.unwrap().len(), 2);
    store.close().await;
}

async fn a_follower_sees_everything_once_in_order(engine: &dyn Engine) {
    let store = engine.open();
    stored(&*store, "a", 0, vec![created()]).await;
    let mut follow = Follow::new(store.clone(), 1);
    assert_eq!(places(&follow.next().await.unwrap()), [(1, 1)]);
    assert!(follow.batch().await.unwrap().is_empty());
    let waiting = tokio::spawn(async move { (follow.next().await, follow) });
    stored(&*store, "b", 0, vec![created(), scanned("alice")]).await;
    let (events, mut follow) = waiting.await.unwrap();
    assert_eq!(places(&events.unwrap()), [(2, 1), (3, 2)]);
    store.close().await;
    drop(store);
    assert!(follow.batch().await.unwrap().is_empty());
}

async fn a_burst_is_split_into_chunks_and_read_back_whole(engine: &dyn Engine) {
    let store = engine.open();
    let burst: Vec<_> =
        (0..700).map(|n| store.append(&scene(&n.to_string()), 0, NOON, vec![created(), scanned("alice")])).collect();
    for answer in futures_util::future::join_all(burst).await {
        assert!(matches!(answer, Ok(Append::Stored(_))));
    }
    let mut follow = Follow::new(store.clone(), 1);
    let mut seen = vec![];
    while let Ok(events) = follow.batch().await
        && !events.is_empty()
    {
        seen.extend(events.iter().map(|record| record.seq));
    }
    assert_eq!(seen, (1..=1400).collect::<Vec<u64>>());
    store.close().await;
}

async fn who_names_nobody_reads_everything_but_persons(engine: &dyn Engine) {
    let store = engine.open();
    let burst = (0..1200).map(|n| store.append(&scene(&n.to_string()), 0, NOON, vec![created(), scanned("alice")]));
    futures_util::future::join_all(burst).await;
    let (mut opened, mut sealed) =
        (Follow::new(store.clone(), 1), Follow::new(store.clone(), 1).sealed().reading_ahead(3));
    let mut seen = 0;
    loop {
        let (batch, without) = (opened.batch().await.unwrap(), sealed.batch().await.unwrap());
        assert_eq!(places(&batch), places(&without));
        for (record, without) in batch.iter().zip(&without) {
            seen += 1;
            match (&record.event, &without.event) {
                (Event::Scanned(known), Event::Scanned(without)) => {
                    assert!(known.person.openid().is_some());
                    assert_eq!(without.person, Person::Forgotten(known.person.handle().unwrap()));
                }
                (event, without) => assert_eq!(event, without),
            }
        }
        if batch.is_empty() {
            break;
        }
    }
    assert_eq!(seen, 2400);
    store.close().await;
}

async fn an_event_too_large_is_refused_alone(engine: &dyn Engine) {
    let store = engine.open();
    let Event::Created(created_event) = created() else { unreachable!() };
    let mut large = (*created_event).clone();
    large.request.state = Some("x".repeat(10_000));
    let answer = store.append(&scene("a"), 0, NOON, vec![Event::Created(large.into())]).await;
    assert!(matches!(answer, Err(StoreError::TooLarge)));
    assert_eq!(places(&stored(&*store, "a", 0, vec![created()]).await), [(1, 1)]);
    store.close().await;
}

async fn a_closed_store_says_so(engine: &dyn Engine) {
    let store = engine.open();
    store.close().await;
    let answer = store.append(&scene("a"), 0, NOON, vec![created()]).await;
    assert!(matches!(answer, Err(StoreError::Closed)));
}

macro_rules! suite {
    ($($story:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&super::Memory(super::MemoryMedium::new())).await;
            })*
        }

        mod sled {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&super::Sled(tempfile::tempdir().unwrap(), super::MemoryVault::default())).await;
            })*
        }
    };
}

suite!(
    sequences_count_from_one_without_holes,
    an_unexpected_sequence_is_a_conflict_and_stores_nothing,
    of_many_racing_appends_one_wins,
    what_was_acknowledged_is_there_after_opening_again,
    only_unretired_streams_are_brought_back,
    what_was_over_is_not_brought_back_by_a_start,
    a_retired_stream_to_which_something_happens_is_unretired,
    a_follower_sees_everything_once_in_order,
    a_burst_is_split_into_chunks_and_read_back_whole,
    who_names_nobody_reads_everything_but_persons,
    an_event_too_large_is_refused_alone,
    a_closed_store_says_so,
);
