//! Whatever interrupts a forgetting, the next start finishes it; and what cannot be forgotten is told.

use std::time::Duration;

use crate::domain::*;
use crate::store::{Journal, MemoryMedium};

use super::*;

const NOON: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

fn main_account() -> AccountName {
    AccountName::new("main").unwrap()
}

fn openid(name: &str) -> OpenId {
    OpenId::new(name).unwrap()
}

fn scene(name: &str) -> SceneId {
    SceneId::new(format!("sl-{name:0>22}")).unwrap()
}

fn created() -> Event {
    Event::Created(Arc::new(Created {
        account: main_account(),
        app_id: AppId::new("wx0000000000000000").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(42),
        opener: Opener::Browser { attach: Digest([1; 32]) },
        confirmation: Confirmation::Tap,
        qr: QrCode { content: "http://weixin.qq.com/q/02x".into(), expires_at: NOON },
        expires_at: NOON.after(Duration::from_secs(300)),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest::default(),
        visitor: Some(Visitor::new("203.0.113.9", None)),
    }))
}

/// A store in which people have scanned, and nobody's daemon runs.
struct Past {
    medium: MemoryMedium,
    store: Arc<Journal>,
    forgetting: Forgetting,
}

impl Past {
    async fn with(scans: &[(&str, &str)]) -> Self {
        let past = Self::on(MemoryMedium::new());
        for (name, openid) in scans {
            past.scan(name, openid).await;
        }
        past
    }

    fn on(medium: MemoryMedium) -> Self {
        let store = Arc::new(medium.open().unwrap());
        let forgetting = Forgetting::new(store.clone(), store.vault(), Clock::from_fn(|| NOON), None);
        Self { medium, store, forgetting }
    }

    /// Loses the process, and what it had not synced.
    async fn crash_and_restart(self) -> Self {
        self.store.close().await;
        self.medium.lose_power(0);
        Self::on(self.medium)
    }

    async fn scan(&self, name: &str, by: &str) {
        let scanned = Event::Scanned(Scanned { account: main_account(), person: Person::known(openid(by)) });
        let stored = self.store.append(&scene(name), 0, NOON, vec![created(), scanned]).await.unwrap();
        assert!(matches!(stored, Append::Stored(_)), "{stored:?}");
    }

    async fn forget(&self, name: &str) -> Result<Forgot, NotForgotten> {
        self.forgetting.forget(&main_account(), &openid(name)).await
    }

    /// Of a scene: whether its visitor is known, and whether who scanned it is.
    async fn knows(&self, name: &str) -> (bool, bool) {
        let records = self.store.stream(&scene(name)).await.unwrap();
        let known = |at: usize| !records[at].event.is_of_somebody_forgotten();
        (known(0), known(1))
    }

    async fn kinds(&self) -> Vec<&'static str> {
        self.store.read(1, 100).await.unwrap().iter().map(|record| record.event.kind().name()).collect()
    }
}

#[tokio::test]
async fn all_that_is_known_of_a_person_goes_and_of_nobody_else() {
    let past = Past::with(&[("a", "alice"), ("b", "bob"), ("c", "alice")]).await;
    let forgot = past.forget("alice").await.unwrap();
    assert_eq!(forgot, Forgot { outcome: Outcome::Done(9), logins: 2, in_clear: 0 });
    for name in ["a", "c"] {
        assert_eq!(past.knows(name).await, (false, false), "{name}");
    }
    assert_eq!(past.knows("b").await, (true, true));
    assert_eq!(past.kinds().await[6..], ["denied", "denied", "forgotten"], "what went on is denied first");
    assert_eq!(past.forget("alice").await.unwrap().outcome, Outcome::DoneBefore(9));
    assert_eq!(past.forget("carol").await.unwrap().outcome, Outcome::Unknown);
    assert_eq!(past.kinds().await.len(), 9, "nothing more was written");
}

#[tokio::test]
async fn a_forgetting_that_was_interrupted_behind_its_event_is_finished_by_the_next_start() {
    let past = Past::with(&[("a", "alice"), ("b", "bob")]).await;
    past.medium.vault().fail(true);
    assert!(matches!(past.forget("alice").await, Err(NotForgotten::Vault(_))));
    assert_eq!(past.knows("a").await, (true, true));
    assert_eq!(past.kinds().await.last(), Some(&"forgotten"), "the event came first");

    let past = past.crash_and_restart().await;
    past.medium.vault().fail(false);
    assert_eq!(past.forgetting.finish().await.unwrap(), 1);
    assert_eq!((past.knows("a").await, past.knows("b").await), ((false, false), (true, true)));
    assert_eq!(past.forgetting.finish().await.unwrap(), 0);
}

#[tokio::test]
async fn asked_for_again_an_interrupted_forgetting_is_finished_too() {
    let past = Past::with(&[("a", "alice")]).await;
    past.medium.vault().fail(true);
    past.forget("alice").await.unwrap_err();
    past.medium.vault().fail(false);
    assert_eq!(past.forget("alice").await.unwrap().outcome, Outcome::DoneBefore(4));
    assert_eq!(past.knows("a").await, (false, false));
}

#[tokio::test]
async fn a_start_need_not_read_from_the_first_forgetting_on() {
    let past = Past::with(&[("a", "alice")]).await;
    past.forget("alice").await.unwrap();
    past.store.retire(&scene("a"));
    past.scan("b", "bob").await;
    // The retirement follows the group that "b" was in; whoever is answered in the next one comes behind it.
    past.scan("c", "carol").await;
    let mut live: Vec<_> = past.store.unretired().await.unwrap().iter().map(|stream| stream[0].scene.clone()).collect();
    live.sort_unstable();
    assert_eq!(live, [scene("b"), scene("c")]);
    assert_eq!(past.store.stream(&SceneId::of_the_journal()).await.unwrap().len(), 1);
}

/// Version 1 had no keys: those records stay as they are, and it is told how many they are.
#[test]
fn records_in_clear_are_counted_and_are_nobodys_by_a_handle() {
    let scan = |account: &str, person| Recorded {
        seq: 7,
        scene_seq: 2,
        at: NOON,
        scene: scene("a"),
        event: Event::Scanned(Scanned { account: AccountName::new(account).unwrap(), person }),
    };
    let (mut traces, alice, handle) = (Traces::default(), openid("alice"), PersonHandle([1; 16]));
    for (account, person) in [
        ("main", Person::known(alice.clone())),
        ("main", Person::known(openid("bob"))),
        ("other", Person::known(alice.clone())),
        ("main", Person::Forgotten(PersonHandle([2; 16]))),
    ] {
        traces.take(scan(account, person), &main_account(), Some(&alice), handle);
    }
    assert_eq!((traces.in_clear, traces.scenes.len()), (1, 0));
    traces.take(scan("main", Person::Forgotten(handle)), &main_account(), Some(&alice), handle);
    assert_eq!((traces.in_clear, traces.scenes.len(), traces.last), (1, 1, 7));
}

#[tokio::test]
async fn who_only_follows_is_forgotten_too() {
    let past = Past::with(&[]).await;
    for (name, who) in [("a", "alice"), ("b", "bob")] {
        let follower = Follower { account: main_account(), person: Person::known(openid(who)) };
        past.store.append(&scene(name), 0, NOON, vec![Event::Subscribed(follower)]).await.unwrap();
    }
    assert_eq!(past.forget("alice").await.unwrap(), Forgot { outcome: Outcome::Done(3), logins: 0, in_clear: 0 });
    let known = async |name| !past.store.stream(&scene(name)).await.unwrap()[0].event.is_of_somebody_forgotten();
    assert_eq!((known("a").await, known("b").await), (false, true));
    assert_eq!(past.forget("alice").await.unwrap().outcome, Outcome::DoneBefore(3));
}
