//! The actors with a journal in memory: what happens in order, after a failure, after a restart, and when time is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::domain::*;
use crate::keys::{Keys, sha256};
use crate::store::{Append, EventStore, Faults, MemoryMedium, RawRecord};

use super::*;

mod resting;
mod scarcity;
mod while_it_runs;

const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
/// From where browsers watch.
const HOME: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

const TOKEN: &str = "attach-token-attach-token";

/// When a test gives up; nothing waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A journal whose next appends panic inside the session actor, and that counts how often a stream is read.
struct Treacherous {
    inner: Arc<dyn EventStore>,
    panics: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
}

impl EventStore for Treacherous {
    fn append(
        &self,
        scene: &SceneId,
        expected: u32,
        at: Timestamp,
        events: Vec<Event>,
    ) -> BoxFuture<'static, Result<Append, StoreError>> {
        let left = self.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(left.is_err(), "this append was to panic");
        self.inner.append(scene, expected, at, events)
    }

    fn backlog(&self) -> Duration {
        self.inner.backlog()
    }

    fn stream(&self, scene: &SceneId) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.stream(scene)
    }

    fn read(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>> {
        self.inner.read(from, limit)
    }

    fn read_raw(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<RawRecord>, StoreError>> {
        self.inner.read_raw(from, limit)
    }

    fn person(&self, account: &AccountName, openid: &OpenId) -> PersonHandle {
        self.inner.person(account, openid)
    }

    fn unretired(&self) -> BoxFuture<'static, Result<Vec<Vec<Recorded>>, StoreError>> {
        self.inner.unretired()
    }

    fn indexed(&self, scenes: Vec<SceneId>) -> BoxFuture<'static, Result<Vec<Vec<u64>>, StoreError>> {
        self.inner.indexed(scenes)
    }

    fn retire(&self, scene: &SceneId) {
        self.inner.retire(scene);
    }

    fn head(&self) -> watch::Receiver<Head> {
        self.inner.head()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.inner.close()
    }
}

fn refused(refusal: Refusal) -> ScanError {
    ScanError::NoEffect { refusal, created: None }
}

fn without_created(error: ScanError) -> ScanError {
    match error {
        ScanError::NoEffect { refusal, .. } => refused(refusal),
        ScanError::Unavailable => error,
    }
}

struct World {
    medium: MemoryMedium,
    keys: Arc<Keys>,
    clock: Clock,
    panics: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
    limits: AdmissionLimits,
    store: Arc<dyn EventStore>,
    tree: Tree,
}

impl World {
    async fn new() -> Self {
        Self::with_limits(AdmissionLimits { max_sessions: 100, unclaimed_page_ids: 32 }).await
    }

    async fn with_limits(limits: AdmissionLimits) -> Self {
        let clock = Clock::simulated(START);
        Self::on(MemoryMedium::new(), Arc::new(Keys::ephemeral()), clock, limits).await
    }

    async fn on(medium: MemoryMedium, keys: Arc<Keys>, clock: Clock, limits: AdmissionLimits) -> Self {
        let (panics, reads) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let inner = Arc::new(medium.open().unwrap());
        let store: Arc<dyn EventStore> = Arc::new(Treacherous { inner, panics: panics.clone(), reads: reads.clone() });
        let tree = Tree::start(store.clone(), keys.clone(), clock.clone(), limits).await.unwrap();
        Self { medium, keys, clock, panics, reads, limits, store, tree }
    }

    /// How often the registry was restarted, and sessions.
    fn restarts(&self) -> (u64, u64) {
        let counted = &self.tree.restarts;
        (counted.registry.load(Ordering::SeqCst), counted.sessions.load(Ordering::SeqCst))
    }

    /// Loses the process, and what it had not synced.
    async fn crash_and_restart(self) -> Self {
        self.tree.stop().await;
        self.store.close().await;
        self.medium.lose_power(0);
        Self::on(self.medium, self.keys, self.clock, self.limits).await
    }

    async fn open(&self, name: &str) -> Result<Opened, OpenError> {
        self.tree.logins.open(scene(name), self.created(), None).await
    }

    fn created(&self) -> Created {
        let now = self.clock.now();
        Created {
            account: account("main"),
            app_id: AppId::new("wx1").unwrap(),
            client: ClientId::new("shop").unwrap(),
            incarnation: Incarnation(1),
            opener: Opener::Browser { attach: sha256(TOKEN.as_bytes()) },
            confirmation: Confirmation::Auto,
            qr: QrCode { content: "http://weixin.qq.com/q/02".into(), expires_at: now.after(Duration::from_secs(360)) },
            expires_at: now.after(Duration::from_secs(300)),
            code_ttl: Duration::from_secs(60),
            access_token_ttl: Duration::from_secs(600),
            request: LoginRequest::default(),
            visitor: None,
        }
    }

    async fn watch(&self, name: &str) -> Watch {
        self.tree.logins.watch(&scene(name), TOKEN, 0, HOME).await.unwrap().expect("the session is not known").watch
    }

    async fn scan(&self, name: &str, openid: &str) -> Result<(), ScanError> {
        let scanned = self.tree.logins.scan(&scene(name), &account("main"), &OpenId::new(openid).unwrap()).await;
        scanned.map(|_| ()).map_err(without_created)
    }

    /// Two hundred scans of one session at once, while nothing becomes durable until those beyond its bound are refused: how
    /// many are taken.
    async fn flood(&self, name: &str) -> usize {
        self.medium.set_faults(Faults { stall_syncs: true, ..Faults::default() });
        let scans = (0..200).map(|_| {
            let (logins, scene) = (self.tree.logins.clone(), scene(name));
            let alice = OpenId::new("alice").unwrap();
            tokio::spawn(async move { logins.scan(&scene, &account("main"), &alice).await.is_ok() })
        });
        let scans: Vec<_> = scans.collect();
        let refused = async {
            while scans.iter().filter(|scan| scan.is_finished()).count() < 200 - 64 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.unwrap();
        self.medium.set_faults(Faults::default());
        let taken = futures_util::future::join_all(scans).await;
        taken.into_iter().filter(|taken| *taken.as_ref().unwrap()).count()
    }

    async fn redeem(&self, code: &str) -> Result<Redemption, RedeemError> {
        self.tree.logins.redeem(code, &ClientId::new("shop").unwrap(), None, None).await
    }

    async fn journal(&self) -> Vec<&'static str> {
        self.store.read(1, 1000).await.unwrap().iter().map(|record| record.event.kind().name()).collect()
    }
}

fn scene(name: &str) -> SceneId {
    SceneId::new(format!("sl-{name:0>22}")).unwrap()
}

fn account(name: &str) -> AccountName {
    AccountName::new(name).unwrap()
}

fn names(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| format!("{:?}", message.body)).collect()
}

fn code_of(messages: &[Message]) -> String {
    let code = messages.iter().find_map(|message| match &message.body {
        MessageBody::Confirmed { code, .. } => Some(code.to_string()),
        _ => None,
    });
    code.expect("nobody confirmed")
}

async fn next(watch: &mut Watch) -> Vec<Message> {
    watch.next().await.expect("the session is gone")
}

/// Lets time pass, and timers fire, without waiting for it.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_login_from_the_first_message_to_the_redemption() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    assert_eq!(names(&browser.ready()), ["Created"]);

    world.scan("a", "alice").await.unwrap();
    let messages = next(&mut browser).await;
    assert_eq!(names(&messages), ["Scanned", "Confirmed(…)"]);
    assert_eq!(messages.iter().map(|message| message.seq).collect::<Vec<_>>(), [2, 3]);

    let code = code_of(&messages);
    let redemption = world.redeem(&code).await.unwrap();
    assert_eq!(redemption.grant.openid.as_str(), "alice");
    let lives = START.until(redemption.grant.expires_at);
    assert!((600..620).contains(&lives.as_secs()), "{lives:?}");
    assert_eq!(world.redeem(&code).await.unwrap_err(), RedeemError::InvalidGrant);
    assert_eq!(world.redeem(&code).await.unwrap_err(), RedeemError::InvalidGrant);
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed", "redeemed", "revoked"]);
}

#[tokio::test]
async fn a_repeated_scan_gets_the_same_answer_and_has_no_second_effect() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    for _ in 0..3 {
        world.scan("a", "alice").await.unwrap();
    }
    assert_eq!(world.scan("a", "mallory").await, Err(refused(Refusal::OtherScanner)));
    let other = world.tree.logins.scan(&scene("a"), &account("other"), &OpenId::new("alice").unwrap()).await;
    // Nothing of the session is told to an account that it does not belong to.
    assert_eq!(other.unwrap_err(), refused(Refusal::OtherAccount));
    assert_eq!(world.scan("unknown", "alice").await, Err(refused(Refusal::Unknown)));
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn who_scanned_gets_a_link_and_confirms_or_denies_behind_it() {
    let world = World::new().await;
    for (name, decision, stage) in [
        ("a", Decision::Confirm, ConfirmStage::Confirmed),
        ("b", Decision::Deny(DenyReason::User), ConfirmStage::Denied),
    ] {
        let created = Created { confirmation: Confirmation::Tap, ..world.created() };
        world.tree.logins.open(scene(name), created, None).await.unwrap();
        let (scene_id, account, alice) = (scene(name), account("main"), OpenId::new("alice").unwrap());
        let scan = || world.tree.logins.scan(&scene_id, &account, &alice);
        let AfterScan::Confirm { token } = scan().await.unwrap().next else { panic!("nothing to confirm") };
        assert_eq!(scan().await.unwrap().next, AfterScan::Confirm { token: token.clone() }, "another token");
        let logins = &world.tree.logins;
        assert_eq!(logins.confirmable(&token).await.unwrap().unwrap().stage, ConfirmStage::Open);
        for _ in 0..2 {
            assert_eq!(logins.decide(&token, decision).await.unwrap().unwrap().stage, stage);
        }
        assert_eq!(logins.confirmable(&token).await.unwrap().unwrap().stage, stage);
        let forged = format!("{}.{}", scene(name), "A".repeat(43));
        for wrong in ["", "nonsense", forged.as_str()] {
            assert!(logins.confirmable(wrong).await.unwrap().is_none());
            assert!(logins.decide(wrong, Decision::Confirm).await.unwrap().is_none());
        }
    }
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed", "created", "scanned", "denied"]);
}

#[tokio::test]
async fn who_scanned_is_known_by_that_account_alone_and_until_the_session_retires() {
    let mut world = World::new().await;
    let alice = OpenId::new("alice").unwrap();
    let asked = |world: &World, name: &str, openid: &str| {
        let sessions = world.tree.logins.asked(&account(name), &OpenId::new(openid).unwrap());
        sessions.iter().map(|asked| format!("{asked:?}")).collect::<Vec<_>>()
    };
    for name in ["a", "b"] {
        let created = Created { confirmation: Confirmation::Tap, ..world.created() };
        world.tree.logins.open(scene(name), created, None).await.unwrap();
        world.scan(name, "alice").await.unwrap();
    }
    world.open("c").await.unwrap();
    world.scan("c", "alice").await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            asked(&world, "main", "alice"),
            [format!("Asked({})", scene("b")), format!("Asked({})", scene("a"))]
        );
        assert!(asked(&world, "other", "alice").is_empty() && asked(&world, "main", "mallory").is_empty());
        world = world.crash_and_restart().await;
    }
    let newest = world.tree.logins.asked(&account("main"), &alice).remove(0);
    assert_eq!(world.tree.logins.answer(&newest, Decision::Confirm).await.unwrap().stage, ConfirmStage::Confirmed);
    assert_eq!(world.journal().await.iter().filter(|kind| **kind == "confirmed").count(), 2, "of which one by itself");
    pass(500).await;
    let gone = async {
        while !asked(&world, "main", "alice").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("it is remembered for ever");
}

#[tokio::test]
async fn who_scanned_picks_the_number_of_the_page_and_a_wrong_one_denies() {
    let world = World::new().await;
    let logins = &world.tree.logins;
    for (name, is_right) in [("a", true), ("b", false)] {
        let created = Created { confirmation: Confirmation::Number, ..world.created() };
        logins.open(scene(name), created, None).await.unwrap();
        let mut browser = world.watch(name).await;
        next(&mut browser).await;
        let scanned = logins.scan(&scene(name), &account("main"), &OpenId::new("alice").unwrap()).await.unwrap();
        let AfterScan::Confirm { token } = scanned.next else { panic!("nothing to confirm") };
        let [Message { body: MessageBody::Scanned { number: Some(right) }, .. }] = next(&mut browser).await[..] else {
            panic!("the page shows no number")
        };
        let shown = logins.confirmable(&token).await.unwrap().unwrap().numbers.unwrap();
        assert!(shown.contains(&right));
        let wrong = shown.into_iter().find(|number| *number != right).unwrap();
        let undecided = logins.decide(&token, Decision::Confirm).await.unwrap().unwrap();
        assert_eq!(undecided.stage, ConfirmStage::Open, "a press is not enough");
        let (picked, stage) =
            if is_right { (right, ConfirmStage::Confirmed) } else { (wrong, ConfirmStage::WrongNumber) };
        assert_eq!(logins.decide(&token, Decision::Pick(picked)).await.unwrap().unwrap().stage, stage);
        for again in [right, wrong] {
            assert_eq!(logins.decide(&token, Decision::Pick(again)).await.unwrap().unwrap().stage, stage, "once");
        }
    }
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed", "created", "scanned", "denied"]);
}

#[tokio::test]
async fn a_link_that_is_opened_too_late_says_that_it_is_over() {
    let world = World::new().await;
    let created = Created { confirmation: Confirmation::Tap, ..world.created() };
    world.tree.logins.open(scene("a"), created, None).await.unwrap();
    let scanned = world.tree.logins.scan(&scene("a"), &account("main"), &OpenId::new("alice").unwrap()).await.unwrap();
    let AfterScan::Confirm { token } = scanned.next else { panic!("nothing to confirm") };
    pass(301).await;
    let decided = world.tree.logins.decide(&token, Decision::Confirm).await.unwrap().unwrap();
    assert_eq!(decided.stage, ConfirmStage::Over);
    assert_eq!(world.journal().await, ["created", "scanned", "expired"]);
}

#[tokio::test]
async fn of_many_people_who_scan_at_once_one_wins() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let people: Vec<String> = (0..20).map(|person| format!("person{person}")).collect();
    let scans = people.iter().map(|person| world.scan("a", person));
    let winners = futures_util::future::join_all(scans).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(winners, 1);
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn a_flood_of_commands_for_one_session_is_bounded_and_harms_no_other() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.open("b").await.unwrap();
    assert_eq!(world.flood("a").await, 64);
    world.scan("b", "bob").await.unwrap();
    assert_eq!(world.journal().await, ["created", "created", "scanned", "confirmed", "scanned", "confirmed"]);
}

#[tokio::test]
async fn of_many_redemptions_at_once_one_wins() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.scan("a", "alice").await.unwrap();
    let code = code_of(&world.watch("a").await.ready());
    let redemptions = (0..12).map(|_| world.redeem(&code));
    let winners = futures_util::future::join_all(redemptions).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn a_code_is_worth_nothing_to_another_client_or_when_it_was_altered() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.scan("a", "alice").await.unwrap();
    let code = code_of(&world.watch("a").await.ready());
    let bank = ClientId::new("bank").unwrap();
    let foreign = world.tree.logins.redeem(&code, &bank, None, None).await;
    assert_eq!(foreign.unwrap_err(), RedeemError::InvalidGrant);
    for bad in ["", ".", "nonsense", &code[..code.len() - 1], &format!("{code}A"), &code.replace("sl-", "sk-")] {
        assert_eq!(world.redeem(bad).await.unwrap_err(), RedeemError::InvalidGrant, "{bad}");
    }
    assert!(world.redeem(&code).await.is_ok(), "what was refused did not burn it");
}

#[tokio::test]
async fn without_the_attach_token_nobody_watches() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    assert!(world.tree.logins.watch(&scene("a"), "wrong", 0, HOME).await.unwrap().is_none());
    assert!(world.tree.logins.watch(&scene("b"), TOKEN, 0, HOME).await.unwrap().is_none());
    assert!(!world.tree.logins.give_up(&scene("a"), "wrong").await.unwrap());
}

#[tokio::test]
async fn a_browser_that_gives_up_ends_its_session() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    assert!(world.tree.logins.give_up(&scene("a"), TOKEN).await.unwrap());
    assert!(world.tree.logins.give_up(&scene("a"), TOKEN).await.unwrap());
    assert_eq!(world.scan("a", "alice").await, Err(refused(Refusal::Ended)));
    assert_eq!(world.journal().await, ["created", "denied"]);
}

#[tokio::test]
async fn a_session_expires_and_is_forgotten_when_nobody_can_need_it() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    pass(300).await;
    assert_eq!(names(&next(&mut browser).await), ["Created"]);
    assert_eq!(names(&next(&mut browser).await), ["Expired"]);
    assert_eq!(world.scan("a", "alice").await, Err(refused(Refusal::Ended)));
    let late = world.watch("a").await.ready();
    assert_eq!(names(&late), ["Created", "Expired"], "who asks late hears that it is over");
    pass(90).await;
    assert!(browser.next().await.is_none(), "there is nothing to watch any more");
    let forgotten = async { while world.tree.logins.qr_code(&scene("a")).await.unwrap().is_some() {} };
    tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
    assert_eq!(world.journal().await, ["created", "expired"]);
    // It is retired behind its last event, and nobody waits for that.
    let retired = async { while !world.store.unretired().await.unwrap().is_empty() {} };
    tokio::time::timeout(PATIENCE, retired).await.unwrap();
}

#[tokio::test]
async fn a_code_that_nobody_redeems_expires() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.scan("a", "alice").await.unwrap();
    let mut browser = world.watch("a").await;
    let code = code_of(&browser.ready());
    pass(60).await;
    assert_eq!(names(&next(&mut browser).await), ["Expired"]);
    assert_eq!(world.redeem(&code).await.unwrap_err(), RedeemError::InvalidGrant);
}

#[tokio::test]
async fn a_session_that_panics_is_restarted_and_its_browser_notices_nothing() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    browser.ready();
    world.panics.store(2, Ordering::SeqCst);
    world.scan("a", "alice").await.unwrap();
    assert_eq!(names(&next(&mut browser).await), ["Scanned", "Confirmed(…)"]);
    assert_eq!(world.journal().await, ["created", "scanned", "confirmed"]);
    assert_eq!(world.restarts(), (0, 2));
}

#[tokio::test]
async fn a_session_that_always_panics_is_given_up_and_the_others_live_on() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.open("b").await.unwrap();
    world.panics.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(world.scan("a", "alice").await, Err(ScanError::Unavailable));
    world.panics.store(0, Ordering::SeqCst);
    world.scan("b", "bob").await.unwrap();
    let world = world.crash_and_restart().await;
    world.scan("a", "alice").await.unwrap();
}

#[tokio::test]
async fn a_redemption_that_is_lost_in_a_panic_is_not_sent_twice() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.scan("a", "alice").await.unwrap();
    let code = code_of(&world.watch("a").await.ready());
    world.panics.store(1, Ordering::SeqCst);
    assert_eq!(world.redeem(&code).await.unwrap_err(), RedeemError::Unavailable);
    assert!(world.redeem(&code).await.is_ok(), "it had not been stored, so the client's own second try succeeds");
}

#[tokio::test]
async fn a_registry_that_fails_is_restarted_with_all_routes() {
    let world = World::new().await;
    let opened = world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    world.tree.logins.fail_registry();
    world.scan("a", "alice").await.unwrap();
    assert_eq!(names(&next(&mut browser).await), ["Created", "Scanned", "Confirmed(…)"]);
    assert!(world.tree.logins.qr_code_of_picture(&opened.picture).await.unwrap().is_some());
    assert_eq!(world.restarts(), (1, 0));
}

#[tokio::test]
async fn a_session_that_ends_while_the_registry_restarts_leaves_no_dead_route() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.panics.store(usize::MAX, Ordering::SeqCst);
    world.tree.logins.fail_registry();
    // The session is given up, and the registry may be there to hear of it or not.
    let _ = world.scan("a", "alice").await;
    world.panics.store(0, Ordering::SeqCst);
    assert_eq!(world.scan("a", "alice").await, Err(refused(Refusal::Unknown)));
}

#[tokio::test]
async fn a_clock_that_jumps_forward_expires_a_session_at_the_next_command() {
    let jump = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let ahead = jump.clone();
    let clock = Clock::from_fn(move || Timestamp::from_micros(START.as_micros() + ahead.load(Ordering::SeqCst)));
    let limits = AdmissionLimits { max_sessions: 10, unclaimed_page_ids: 10 };
    let world = World::on(MemoryMedium::new(), Arc::new(Keys::ephemeral()), clock, limits).await;
    world.open("a").await.unwrap();
    jump.store(301_000_000, Ordering::SeqCst);
    assert_eq!(world.scan("a", "alice").await, Err(refused(Refusal::Ended)));
    assert_eq!(names(&world.watch("a").await.ready()), ["Created", "Expired"]);
}

#[tokio::test]
async fn after_a_restart_pending_sessions_are_there_with_the_time_they_had_left() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let opened = world.open("b").await.unwrap();
    world.scan("b", "bob").await.unwrap();
    let code = code_of(&world.watch("b").await.ready());
    pass(40).await;
    let world = world.crash_and_restart().await;
    assert_eq!(world.tree.recovered, 2);
    let mut browser = world.watch("a").await;
    assert_eq!(names(&browser.ready()), ["Created"], "what happened before is there at once");
    let messages = world.watch("b").await.ready();
    assert_eq!(code_of(&messages), code, "the code is derived, so it is the same again");
    let picture = world.tree.logins.qr_code_of_picture(&opened.picture).await.unwrap();
    assert_eq!(picture.unwrap().content, "http://weixin.qq.com/q/02");
    assert!(world.redeem(&code).await.is_ok());

    pass(259).await;
    assert!(browser.ready().is_empty(), "one second is left");
    pass(1).await;
    assert_eq!(names(&next(&mut browser).await), ["Expired"]);
}

#[tokio::test]
async fn what_expired_while_the_daemon_was_away_expires_at_once() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    world.tree.stop().await;
    world.store.close().await;
    pass(3600).await;
    let World { medium, keys, clock, limits, .. } = world;
    let world = World::on(medium, keys, clock, limits).await;
    let expired = async { while world.journal().await != ["created", "expired"] {} };
    tokio::time::timeout(PATIENCE, expired).await.unwrap();
}

#[tokio::test]
async fn as_many_sessions_are_pending_as_may_be() {
    let world = World::with_limits(AdmissionLimits { max_sessions: 1, unclaimed_page_ids: 32 }).await;
    world.open("a").await.unwrap();
    assert_eq!(world.open("b").await.unwrap_err(), OpenError::TooManySessions);
    assert!(world.tree.logins.give_up(&scene("a"), TOKEN).await.unwrap());
    world.open("b").await.unwrap();
    assert_eq!(world.journal().await, ["created", "denied", "created"]);
}

#[tokio::test]
async fn as_places_get_scarce_the_heaviest_network_is_refused_first() {
    let world = World::with_limits(AdmissionLimits { max_sessions: 6, unclaimed_page_ids: 32 }).await;
    let open = async |name: &str, address: &str| {
        let created = Created { visitor: Some(Visitor::new(address, None)), ..world.created() };
        world.tree.logins.open(scene(name), created, None).await.map(|_| ())
    };
    for name in ["a", "b", "c", "d"] {
        open(name, "2001:db8::1").await.unwrap();
    }
    assert_eq!(open("e", "2001:db8::2").await, Err(OpenError::TooManyOfNetwork), "the same /64");
    open("e", "203.0.113.9").await.unwrap();
    assert!(world.tree.logins.give_up(&scene("a"), TOKEN).await.unwrap());
    assert!(world.tree.logins.give_up(&scene("b"), TOKEN).await.unwrap());
    open("f", "2001:db8::3").await.unwrap();
    let world = world.crash_and_restart().await;
    let created = Created { visitor: Some(Visitor::new("2001:db8::1", None)), ..world.created() };
    let again = world.tree.logins.open(scene("g"), created.clone(), None).await;
    assert_eq!(again.map(|_| ()), Err(OpenError::TooManyOfNetwork), "what was pending counts after a restart");
    world.tree.logins.open(scene("h"), world.created(), None).await.unwrap();
}

#[tokio::test]
async fn when_the_journal_cannot_be_written_nothing_is_acknowledged() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    browser.ready();
    world.medium.set_faults(Faults { fail_syncs: true, ..Faults::default() });
    assert_eq!(world.scan("a", "alice").await, Err(ScanError::Unavailable));
    assert_eq!(world.open("b").await.unwrap_err(), OpenError::Unavailable);
    assert!(browser.ready().is_empty(), "the browser was told of something that is not durable");
    assert!(world.store.head().borrow().failure.is_some());
}

#[tokio::test]
async fn another_writers_events_are_read_before_deciding_again() {
    let world = World::new().await;
    world.open("a").await.unwrap();
    let mut browser = world.watch("a").await;
    browser.ready();
    let elsewhere = world.store.append(&scene("a"), 1, START, vec![Event::Denied(DenyReason::Admin)]).await.unwrap();
    assert!(matches!(elsewhere, Append::Stored(_)));
    assert_eq!(world.scan("a", "alice").await, Err(refused(Refusal::Ended)));
    assert_eq!(names(&next(&mut browser).await), ["Denied"]);
}

#[tokio::test]
async fn a_page_id_waits_for_its_session_and_is_blocked_afterwards() {
    let world = World::new().await;
    let half = PageHolder {
        page: PageId::new("123451").unwrap(),
        holder: Digest([5; 32]),
        network: std::net::IpAddr::from([127, 0, 0, 1]),
    };
    let mut claim = world.tree.logins.claim_page(&half).await.unwrap().expect("the id is free");
    let created = Created { opener: Opener::Page { page: half.page.clone(), holder: half.holder }, ..world.created() };
    world.tree.logins.open(scene("page"), created, Some(half.clone())).await.unwrap();
    assert_eq!(names(&next(&mut claim.watch).await), ["Created"]);
    world.scan("page", "alice").await.unwrap();
    let code = code_of(&next(&mut claim.watch).await);
    let world = world.crash_and_restart().await;
    let mut again = world.tree.logins.claim_page(&half).await.unwrap().expect("it may still ask");
    assert_eq!(code_of(&next(&mut again.watch).await), code, "a page that speaks late is told at once");
    world.redeem(&code).await.unwrap();
    let used = world.tree.logins.claim_page(&half).await.unwrap();
    assert_eq!(used.err(), Some(PageRefusal::Taken));
}
