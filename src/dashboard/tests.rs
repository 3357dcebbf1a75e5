//! The view on a journal in memory.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::actors::{AdmissionLimits, Tree};
use crate::domain::*;
use crate::keys::{Keys, sha256};
use crate::store::{Append, EventStore, MemoryMedium};

const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// When a test gives up; nothing waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    store: Arc<dyn EventStore>,
    dashboard: Dashboard,
    tree: Tree,
    stop: CancellationToken,
}

impl World {
    async fn new() -> Self {
        let clock = Clock::from_fn(|| START);
        let store: Arc<dyn EventStore> = Arc::new(MemoryMedium::new().open().unwrap());
        let limits = AdmissionLimits { max_sessions: 100, unclaimed_page_ids: 32 };
        let tree = Tree::start(store.clone(), Arc::new(Keys::ephemeral()), clock.clone(), limits).await.unwrap();
        let dashboard = Dashboard::new(tree.history.clone(), Metrics::new(), clock);
        let stop = CancellationToken::new();
        tokio::spawn(dashboard.clone().run(stop.clone()));
        Self { store, dashboard, tree, stop }
    }

    /// Writes a session's events, so long before the present.
    async fn write(&self, scene: &SceneId, ago: Duration, events: Vec<Event>) {
        let known = self.store.stream(scene).await.unwrap().len();
        let appended = self.store.append(scene, u32::try_from(known).unwrap(), START.before(ago), events).await;
        assert!(matches!(appended.unwrap(), Append::Stored(_)));
    }

    async fn end(self) {
        self.stop.cancel();
        self.tree.stop().await;
        self.store.close().await;
    }
}

fn scene(name: &str) -> SceneId {
    SceneId::new(format!("sl-{name:0>22}")).unwrap()
}

fn created(page: Option<&str>) -> Event {
    let opener = match page {
        Some(page) => Opener::Page { page: PageId::new(page).unwrap(), holder: Digest([7; 32]) },
        None => Opener::Browser { attach: sha256(b"attach") },
    };
    Event::Created(Arc::new(Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(1),
        opener,
        confirmation: Confirmation::Auto,
        qr: QrCode { content: "http://weixin.qq.com/q/02".into(), expires_at: START },
        expires_at: START,
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest::default(),
        visitor: Some(Visitor::new("203.0.113.9", Some("Mozilla/5.0"))),
    }))
}

const MINUTE: Duration = Duration::from_secs(60);

async fn next(watching: &mut Watching) -> Value {
    let text = tokio::time::timeout(PATIENCE, watching.next())
        .await
        .expect("nothing is told")
        .expect("the reader was dropped");
    serde_json::from_str(&text).unwrap()
}

/// Everything until the hour is read, put together as a reader does it.
async fn told(watching: &mut Watching) -> (Vec<Value>, Vec<Value>) {
    let (mut minutes, mut events) = (Vec::new(), Vec::new());
    loop {
        let message = next(watching).await;
        minutes.extend(message["minutes"].as_array().unwrap().clone());
        events.extend(message["events"].as_array().cloned().unwrap_or_default());
        if message["is_complete"] == true {
            return (minutes, events);
        }
    }
}

fn count(minutes: &[Value], kind: &str) -> u64 {
    minutes.iter().filter_map(|minute| minute["events"][kind].as_u64()).sum()
}

#[tokio::test]
async fn the_last_hour_is_counted_and_sessions_are_told_to_who_may_know_them() {
    let world = World::new().await;
    world.write(&scene("old"), 90 * MINUTE, vec![created(None), Event::Expired]).await;
    world.write(&scene("a"), 30 * MINUTE, vec![created(None)]).await;
    world.write(&scene("a"), 29 * MINUTE, vec![Event::Denied(DenyReason::NotMe)]).await;
    world.write(&scene("b"), 2 * MINUTE, vec![created(None)]).await;
    let (mut counters, mut all) =
        (world.dashboard.watch(Sight::Counters).unwrap(), world.dashboard.watch(Sight::All).unwrap());
    let (minutes, events) = told(&mut counters).await;
    assert_eq!((count(&minutes, "created"), count(&minutes, "expired")), (2, 0), "{minutes:?}");
    assert!(minutes.iter().any(|minute| minute["denied"]["not_me"] == 1), "{minutes:?}");
    assert!(events.is_empty(), "{events:?}");
    let (same, events) = told(&mut all).await;
    assert_eq!(same, minutes);
    let last = events.last().unwrap();
    assert_eq!((&last["scene_id"], &last["client_id"]), (&scene("b").as_str().into(), &"shop".into()));
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains("203.0.113.9") && !text.contains("Mozilla") && !text.contains("weixin"), "{text}");

    // What comes is told.
    world.write(&scene("b"), Duration::ZERO, vec![Event::Expired]).await;
    let message = next(&mut all).await;
    assert_eq!((&message["events"][0]["type"], message["events"].as_array().unwrap().len()), (&"expired".into(), 1));
    world.end().await;
}

#[tokio::test]
async fn nothing_is_read_while_nobody_looks_and_who_comes_back_sees_it_all() {
    let world = World::new().await;
    world.write(&scene("a"), 3 * MINUTE, vec![created(None)]).await;
    let mut first = world.dashboard.watch(Sight::Counters).unwrap();
    assert_eq!(count(&told(&mut first).await.0, "created"), 1);
    drop(first);
    world.write(&scene("b"), MINUTE, vec![created(None)]).await;
    // What is not followed cannot be told at once.
    let idle = async {
        loop {
            let mut watching = world.dashboard.watch(Sight::Counters).unwrap();
            let message = next(&mut watching).await;
            if message["is_complete"] == false {
                break count(message["minutes"].as_array().unwrap(), "created");
            }
            drop(watching);
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, idle).await.expect("it is read for nobody"), 1);
    let mut second = world.dashboard.watch(Sight::Counters).unwrap();
    let counts: Vec<u64> = told(&mut second).await.0.iter().map(|minute| minute["minute"].as_u64().unwrap()).collect();
    assert_eq!(counts.len(), 2, "each minute is told, and none twice: {counts:?}");
    world.end().await;
}

#[tokio::test]
async fn who_does_not_read_is_dropped_and_gives_its_place_back() {
    let world = World::new().await;
    let mut readers: Vec<Watching> = (0..16).map(|_| world.dashboard.watch(Sight::Counters).unwrap()).collect();
    assert!(matches!(world.dashboard.watch(Sight::All), Err(Full)));
    let mut slow = readers.pop().unwrap();
    for _ in 0..100 {
        world.dashboard.board.measured(&world.dashboard.metrics.reading());
    }
    assert!(slow.next().await.is_some(), "what was known at the beginning");
    assert!(slow.next().await.is_none(), "it is too far behind");
    drop(slow);
    assert!(world.dashboard.watch(Sight::All).is_ok());
    world.end().await;
}

#[tokio::test]
async fn a_long_history_is_not_read() {
    let world = World::new().await;
    let hundred = || vec![Event::Expired; 100];
    for place in 0..75 {
        // More of the last hour than the first look back finds.
        let ago = if place < 60 { 90 * MINUTE } else { 5 * MINUTE };
        world.write(&scene(&format!("many{place}")), ago, hundred()).await;
    }
    let since = START.before(60 * MINUTE);
    let from = following::beginning(&world.tree.history, since, 1).await.unwrap();
    assert!((5000..=6001).contains(&from), "{from}");
    assert_eq!(following::beginning(&world.tree.history, since, 5990).await.unwrap(), 5990, "what was read before");
    assert_eq!(following::beginning(&world.tree.history, START.before(100 * MINUTE), 1).await.unwrap(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_session_is_found_by_its_scene_and_by_its_page() {
    let world = World::new().await;
    let page = "page-id-of-the-original-page";
    world.write(&scene("first"), 20 * MINUTE, vec![created(Some(page)), Event::Expired]).await;
    world.write(&scene("second"), 10 * MINUTE, vec![created(Some(page))]).await;
    for place in 0..1500 {
        world.write(&scene(&format!("other{place}")), MINUTE, vec![created(None)]).await;
    }
    let events = world.dashboard.session(scene("first").as_str()).await.unwrap().unwrap();
    assert_eq!(events.len(), 2);
    let events = world.dashboard.session(page).await.unwrap().unwrap();
    assert_eq!(events[0].scene, scene("second"), "the newest one");
    for unknown in ["", "nobody", "a page id with blanks", SceneId::of_the_journal().as_str(), scene("no").as_str()] {
        assert!(world.dashboard.session(unknown).await.unwrap().is_none(), "{unknown}");
    }
    world.end().await;
}
