use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::audit::{
    Checks, Damage, IfOther, Leaves, Setup, Sound, Unprovable, read_all, read_nodes, read_subtrees, removed_tree,
    told_removed,
};
use crate::domain::*;
use crate::store::{self, ArchiveLimits, RawRecord};
use crate::tlog::{Checkpoint, Note};
use crate::vault::{self, Field, Handle, Place};

const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIMITS: ArchiveLimits = ArchiveLimits { file_records: 512, young_records: 0, most_age: DAY };

fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

fn main_account() -> AccountName {
    AccountName::new("main").unwrap()
}

fn openid(name: &str) -> OpenId {
    OpenId::new(name).unwrap()
}

/// A login of a person, in four events.
fn login(person: &str) -> Vec<Event> {
    let created = Created {
        account: main_account(),
        app_id: AppId::new("wx0000000000000000").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(42),
        opener: Opener::Browser { attach: Digest([1; 32]) },
        confirmation: Confirmation::Auto,
        qr: QrCode { content: "http://weixin.qq.com/q/02x".into(), expires_at: START },
        expires_at: START.after(Duration::from_secs(300)),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest::default(),
        visitor: Some(Visitor::new("203.0.113.9", Some(person))),
    };
    let person = Person::known(openid(person));
    vec![
        Event::Created(Arc::new(created)),
        Event::Scanned(Scanned { account: main_account(), person }),
        Event::Confirmed(Confirmed { code_expires_at: START }),
        Event::Denied(DenyReason::User),
    ]
}

/// A store on the disk, and its keys.
struct World {
    folder: TempDir,
    clock: Clock,
}

/// What a daemon's life has.
struct Life {
    journal: Arc<Journal>,
    checkpointer: Arc<Checkpointer>,
    retention: Retention,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Clock::simulated(START) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn setup(&self, journal: &Arc<Journal>) -> Setup {
        Setup {
            store: journal.clone(),
            folder: self.path("data"),
            keys: self.path("keys"),
            key: self.path("keys/checkpoint.key"),
            site: "login.example.com".into(),
            clock: self.clock.clone(),
        }
    }

    async fn start(&self) -> Life {
        self.start_as(IfOther::Refuse).await.unwrap()
    }

    async fn start_as(&self, if_other: IfOther) -> Result<Life, AuditError> {
        let keys = self.path("keys");
        let journal = store::open_with(self.path("data"), LIMITS, move || vault::open_or_create(&keys)).unwrap();
        let journal = Arc::new(journal);
        let checkpointer = match Checkpointer::start(self.setup(&journal), if_other).await {
            Ok(checkpointer) => Arc::new(checkpointer),
            Err(error) => {
                journal.close().await;
                return Err(error);
            }
        };
        let retention = Retention::new(journal.clone(), checkpointer.clone(), self.clock.clone(), 180 * DAY);
        Ok(Life { journal, checkpointer, retention })
    }

    /// Files of the archive, in their order.
    fn archived(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("data/archive")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The whole log, held against all that was signed.
    async fn verified(&self, journal: &Journal) -> Result<Sound, Damage> {
        let kept = read_all(&self.path("data")).unwrap();
        let mut checks = Checks::new(&kept, read_subtrees(&self.path("data")).unwrap());
        let removed = removed_tree(&journal.beginning()).unwrap();
        checks.begin_behind(&removed, &read_nodes(&self.path("data")).unwrap())?;
        for record in journal.read_raw(1, usize::MAX).await.unwrap() {
            checks.take(&record)?;
        }
        checks.finish()
    }
}

impl Life {
    /// Logins of these numbers, all of one person and over at once.
    async fn log_in(&self, numbers: std::ops::Range<u64>, person: &str, at: Timestamp) {
        for number in numbers {
            self.journal.append(&scene(number), 0, at, login(person)).await.unwrap();
            self.journal.retire(&scene(number));
        }
        // What was to be retired before is retired then.
        self.journal.settled().await.unwrap();
    }

    async fn archived(&self, seq: u64) {
        let mut archived = self.journal.archived();
        archived.wait_for(|archived| *archived >= seq).await.unwrap();
    }

    /// Looks now, and once more an hour later.
    async fn look_twice(&mut self) {
        self.retention.look().await.unwrap();
        tokio::time::advance(HOUR).await;
        self.retention.look().await.unwrap();
    }

    fn first(&self) -> u64 {
        self.journal.beginning().first
    }

    fn has_key(&self, handle: Handle) -> bool {
        // A key that is there refuses what was not sealed in this place; without one there is nothing to ask.
        let vault = self.journal.vault();
        vault.watch();
        let before = vault.is_behind();
        let scene = scene(0);
        let place = Place { scene: &scene, scene_seq: 9, field: Field::OpenId };
        vault.seal(handle, place, b"x").unwrap();
        let is_made = vault.is_behind() && !before;
        vault.sync().unwrap();
        !is_made
    }

    fn person(&self, name: &str) -> Handle {
        Handle::of_person(self.journal.vault().person(&main_account(), &openid(name)))
    }

    async fn end(self) {
        self.journal.close().await;
    }
}

fn later(days: u32) -> Timestamp {
    START.after(DAY * days)
}

fn epoch(world: &World) -> usize {
    let names = std::fs::read_dir(world.path("keys")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter_map(|name| name.strip_prefix("vault-")?.strip_suffix(".key")?.parse().ok()).max().unwrap()
}

/// 512 records of the first day, 512 of the 100th, 512 of the 150th.
async fn three_files(world: &World) -> Life {
    let life = world.start().await;
    life.log_in(0..128, "alice", later(1)).await;
    life.checkpointer.checkpoint().await.unwrap();
    life.log_in(128..200, "bob", later(100)).await;
    life.checkpointer.checkpoint().await.unwrap();
    life.log_in(200..256, "carol", later(100)).await;
    life.log_in(256..384, "bob", later(150)).await;
    life.checkpointer.checkpoint().await.unwrap();
    life.archived(1536).await;
    life
}

#[tokio::test(start_paused = true)]
async fn what_is_older_goes_and_what_is_left_is_proved_as_before() {
    let world = World::new();
    let mut life = three_files(&world).await;
    let all = life.journal.read_raw(1, usize::MAX).await.unwrap();
    let before = world.verified(&life.journal).await.unwrap();
    tokio::time::advance(DAY * 190).await;
    life.look_twice().await;
    assert_eq!(life.first(), 513);
    assert_eq!(world.archived().len(), 2);
    assert!(life.journal.leaving().is_empty());
    tokio::time::advance(DAY * 100).await;
    life.look_twice().await;
    assert_eq!(life.first(), 1025, "the 100th day's");

    for is_restarted in [false, true] {
        assert_eq!(life.journal.read_raw(1, usize::MAX).await.unwrap(), all[1024..]);
        assert_eq!(life.journal.read_raw(1030, 2).await.unwrap(), all[1029..1031]);
        assert!(life.journal.stream(&scene(3)).await.unwrap().is_empty(), "a session that was removed is unknown");
        assert_eq!(life.journal.stream(&scene(300)).await.unwrap().len(), 4);
        let sound = world.verified(&life.journal).await.unwrap();
        assert_eq!((sound.root, sound.size, sound.unheld.len()), (before.root, 1536, 0));
        let note = life.checkpointer.checkpoint().await.unwrap();
        let removed = removed_tree(&life.journal.beginning()).unwrap();
        for subtrees in [read_subtrees(&world.path("data")).unwrap(), Vec::new()] {
            let mut leaves = Leaves::new(subtrees).behind(&removed);
            for (first, last) in leaves.needed(1200, 1536) {
                assert!(first > 1024, "a removed record is asked for");
                all[first as usize - 1..last as usize].iter().for_each(|record| leaves.take(record.seq, &record.body));
            }
            assert_eq!(leaves.prove(1200, &all[1199].body, &note).unwrap().index, 1199);
            let gone = leaves.prove(1024, &all[1023].body, &note);
            assert!(matches!(gone, Err(Unprovable::Removed { seq: 1024, removed: 1024 })), "{gone:?}");
        }
        if !is_restarted {
            life.end().await;
            life = world.start().await;
        }
    }
    // It goes on.
    life.log_in(1000..1010, "dora", later(300)).await;
    life.checkpointer.checkpoint().await.unwrap();
    assert_eq!(world.verified(&life.journal).await.unwrap().signed, 1576);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_for_less_than_an_hour_takes_nothing() {
    let mut world = World::new();
    let (offset, steady) = (Arc::new(std::sync::Mutex::new(Duration::ZERO)), world.clock.clone());
    let shift = offset.clone();
    world.clock = Clock::from_fn(move || steady.now().after(*shift.lock().unwrap()));
    let mut life = three_files(&world).await;
    life.look_twice().await;
    // The first look with the wrong clock is one that is remembered.
    tokio::time::advance(HOUR).await;
    *offset.lock().unwrap() = DAY * 3650;
    for _ in 0..10 {
        life.retention.look().await.unwrap();
        tokio::time::advance(HOUR / 20).await;
    }
    *offset.lock().unwrap() = Duration::ZERO;
    life.look_twice().await;
    life.look_twice().await;
    assert_eq!(life.first(), 1);
    // For longer than an hour, and nobody can tell it from the truth.
    *offset.lock().unwrap() = DAY * 3650;
    life.look_twice().await;
    life.look_twice().await;
    assert_eq!(life.first(), 1537);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_stays_while_a_pending_session_needs_it() {
    let world = World::new();
    let life = world.start().await;
    life.journal.append(&scene(9999), 0, later(1), login("pending")[..1].to_vec()).await.unwrap();
    life.end().await;
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 400).await;
    life.look_twice().await;
    assert_eq!(life.first(), 1);
    life.journal.retire(&scene(9999));
    life.journal.settled().await.unwrap();
    tokio::time::advance(DAY).await;
    life.look_twice().await;
    assert_eq!(life.first(), 1537);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_whom_no_record_names_any_more_go_with_one_wrapping() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 285).await;
    let epoch_before = epoch(&world);
    life.look_twice().await;
    assert_eq!(life.first(), 1025);
    assert_eq!(epoch(&world), epoch_before + 1, "256 sessions and 2 persons");
    let records = life.journal.read(1, usize::MAX).await.unwrap();
    assert!(records.iter().all(|record| !record.event.is_of_somebody_forgotten()), "what is left is read as before");
    for (name, has_key) in [("alice", false), ("carol", false), ("bob", true)] {
        assert_eq!(life.has_key(life.person(name)), has_key, "{name}");
    }
    for (number, has_key) in [(0, false), (255, false), (256, true)] {
        assert_eq!(life.has_key(Handle::of_scene(&scene(number))), has_key, "session {number}");
    }
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn whom_only_a_follow_names_still_keeps_their_key() {
    let world = World::new();
    let mut life = three_files(&world).await;
    let follower = Follower { account: main_account(), person: Person::known(openid("alice")) };
    life.journal.append(&scene(9000), 0, later(250), vec![Event::Subscribed(follower)]).await.unwrap();
    life.journal.retire(&scene(9000));
    tokio::time::advance(DAY * 285).await;
    life.look_twice().await;
    assert_eq!(life.first(), 1025);
    assert!(life.has_key(life.person("alice")) && !life.has_key(life.person("carol")));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_later_gets_a_new_key_and_is_read() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 285).await;
    life.look_twice().await;
    life.log_in(5000..5001, "alice", later(285)).await;
    life.end().await;
    let life = world.start().await;
    let records = life.journal.stream(&scene(5000)).await.unwrap();
    let Event::Scanned(scanned) = &records[1].event else { panic!("{records:?}") };
    assert_eq!(scanned.person.openid(), Some(&openid("alice")));
    life.end().await;
}

/// Where the first half of a removal ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    Released,
    Marked,
    KeysDestroyed,
    OneUnlinked,
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_is_cut_off_anywhere_is_finished_by_the_next_start() {
    for cut in [Cut::Released, Cut::Marked, Cut::KeysDestroyed, Cut::OneUnlinked] {
        let world = World::new();
        let life = three_files(&world).await;
        tokio::time::advance(DAY * 285).await;
        let alice = life.person("alice");
        let beginning = life.checkpointer.release(1024, later(105)).await.unwrap();
        if cut != Cut::Released {
            life.journal.begin_at(beginning).await.unwrap();
        }
        if cut as u8 >= Cut::KeysDestroyed as u8 {
            life.journal.vault().watch();
            life.journal.vault().destroy_unused(&[alice, Handle::of_scene(&scene(0))]).unwrap();
        }
        if cut == Cut::OneUnlinked {
            life.journal.unlink((1, 512)).await.unwrap();
        }
        life.end().await;
        let mut life = world.start().await;
        assert_eq!(life.first(), if cut == Cut::Released { 1 } else { 1025 }, "{cut:?}");
        world.verified(&life.journal).await.unwrap();
        life.look_twice().await;
        assert_eq!(life.first(), 1025, "{cut:?}");
        assert_eq!(world.archived(), ["00000000000000001025-00000000000000001536.sla"], "{cut:?}");
        assert_eq!(world.verified(&life.journal).await.unwrap().unheld.len(), 0, "{cut:?}");
        assert!(!life.has_key(life.person("carol")), "{cut:?}");
        assert!(life.has_key(life.person("bob")), "{cut:?}");
        life.end().await;
    }
}

/// A clock that was set forward and put right again has left records of a time to come.
#[tokio::test(start_paused = true)]
async fn records_of_a_time_to_come_keep_nothing_for_longer() {
    let world = World::new();
    let mut life = world.start().await;
    life.log_in(0..127, "alice", later(1)).await;
    life.log_in(127..128, "alice", later(36_500)).await;
    life.log_in(128..256, "bob", later(100)).await;
    life.log_in(256..383, "carol", later(100)).await;
    // Nothing behind it says how old it is.
    life.log_in(383..384, "carol", later(36_500)).await;
    life.checkpointer.checkpoint().await.unwrap();
    life.archived(1536).await;
    tokio::time::advance(DAY * 190).await;
    life.look_twice().await;
    assert_eq!(life.first(), 1, "the file behind it is young");
    tokio::time::advance(DAY * 100).await;
    life.look_twice().await;
    assert_eq!(life.first(), 1025);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_altered_is_not_removed() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 285).await;
    let mut tree = std::fs::read(world.path("data/TREE")).unwrap();
    tree[40] ^= 1;
    std::fs::write(world.path("data/TREE"), tree).unwrap();
    life.retention.look().await.unwrap();
    tokio::time::advance(HOUR).await;
    let error = life.retention.look().await.unwrap_err();
    assert!(matches!(error, RetentionError::Audit(AuditError::NotRemoved { first: 257, last: 512 })), "{error}");
    assert_eq!(life.first(), 1);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_log_tells_with_a_signature_what_was_removed() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 190).await;
    life.look_twice().await;
    let told = |kept: &crate::audit::Kept| told_removed(&kept.checkpoint);
    assert_eq!(read_all(&world.path("data")).unwrap().iter().map(told).max(), Some(512));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_ends_among_removed_records_fits_or_is_found_out() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 285).await;
    life.look_twice().await;
    let mut kept = read_all(&world.path("data")).unwrap();
    let begin = |kept: &[_]| {
        let mut checks = Checks::new(kept, read_subtrees(&world.path("data")).unwrap());
        let removed = removed_tree(&life.journal.beginning()).unwrap();
        checks.begin_behind(&removed, &read_nodes(&world.path("data")).unwrap())
    };
    begin(&kept).unwrap();
    kept.iter_mut().find(|kept| kept.checkpoint.size == 800).unwrap().checkpoint.root.0[0] ^= 1;
    assert!(matches!(begin(&kept), Err(Damage::Altered { size: 800, .. })));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn removals_are_a_day_apart() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 279 + HOUR * 12).await;
    life.look_twice().await;
    assert_eq!(life.first(), 513);
    tokio::time::advance(HOUR * 18).await;
    life.look_twice().await;
    assert_eq!(life.first(), 513, "the keys were wrapped anew today");
    tokio::time::advance(HOUR * 6).await;
    life.look_twice().await;
    assert_eq!(life.first(), 1025);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn without_tree_what_is_left_is_still_proved_and_goes_on() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 285).await;
    life.look_twice().await;
    life.end().await;
    std::fs::remove_file(world.path("data/TREE")).unwrap();
    let life = world.start().await;
    life.log_in(1000..1010, "dora", later(300)).await;
    let head =
        Checkpoint::parse(Note::parse(&life.checkpointer.checkpoint().await.unwrap()).unwrap().unverified_text());
    assert_eq!(head.unwrap().size, 1576);
    let damage = world.verified(&life.journal).await.unwrap_err();
    assert!(matches!(damage, Damage::Removed { .. }), "{damage}");
    life.end().await;
}

/// An imported journal has the edge of its removed records, and nothing else of them.
#[tokio::test(start_paused = true)]
async fn a_log_that_never_had_its_removed_records_is_whole_and_can_lose_more() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 190).await;
    life.look_twice().await;
    life.end().await;
    for of_the_other in ["data/TREE", "data/CHECKPOINTS", "keys/checkpoint.last"] {
        std::fs::remove_file(world.path(of_the_other)).unwrap();
    }
    let mut life = world.start().await;
    life.checkpointer.checkpoint().await.unwrap();
    let unheld = |sound: Sound| (sound.size, sound.unheld);
    assert_eq!(unheld(world.verified(&life.journal).await.unwrap()), (1536, vec![]));
    tokio::time::advance(DAY * 100).await;
    life.look_twice().await;
    assert_eq!(life.first(), 1025);
    // The first that it signed: of what was removed already then.
    assert_eq!(unheld(world.verified(&life.journal).await.unwrap()), (1536, vec![512]));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_fork_begins_where_the_log_that_is_left_begins() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 285).await;
    life.look_twice().await;
    life.end().await;
    std::fs::remove_file(world.path("keys/checkpoint.key")).unwrap();
    assert!(matches!(world.start_as(IfOther::Refuse).await, Err(AuditError::KeyMissing(_))));
    let life = world.start_as(IfOther::Fork).await.unwrap();
    life.checkpointer.checkpoint().await.unwrap();
    let last = read_all(&world.path("data")).unwrap();
    let [.., first, last] = &last[..] else { panic!("{last:?}") };
    assert_eq!((first.checkpoint.size, told_removed(&first.checkpoint)), (1024, 1024));
    assert_eq!((last.checkpoint.size, &last.checkpoint.origin), (1536, &first.checkpoint.origin));
    life.end().await;
}

/// The journal's own stream goes on for longer than records are kept.
#[tokio::test(start_paused = true)]
async fn what_the_journal_says_of_itself_keeps_its_count() {
    let world = World::new();
    let mut life = world.start().await;
    let own = SceneId::of_the_journal();
    let forgotten = |life: &Life| {
        let person = life.journal.vault().person(&main_account(), &openid("x"));
        vec![Event::Forgotten(Forgotten { account: main_account(), person })]
    };
    for expected in 0..2 {
        life.journal.append(&own, expected, later(1), forgotten(&life)).await.unwrap();
    }
    life.journal.retire(&own);
    life.log_in(0..128, "alice", later(1)).await;
    life.journal.append(&own, 2, later(100), forgotten(&life)).await.unwrap();
    life.journal.retire(&own);
    life.log_in(128..256, "bob", later(100)).await;
    life.archived(768).await;
    tokio::time::advance(DAY * 190).await;
    life.look_twice().await;
    assert_eq!(life.first(), 513);
    let refused = life.journal.append(&own, 0, later(190), forgotten(&life)).await.unwrap();
    assert_eq!(refused, store::Append::Conflict { actual: 3 });
    life.journal.append(&own, 3, later(190), forgotten(&life)).await.unwrap();
    life.journal.append(&own, 4, later(190), forgotten(&life)).await.unwrap();
    let places = |records: Vec<Recorded>| records.iter().map(|record| record.scene_seq).collect::<Vec<_>>();
    assert_eq!(places(life.journal.stream(&own).await.unwrap()), [3, 4, 5]);
    life.end().await;
}

/// Without `FIRST` a front that is missing is damage, as it ever was.
#[tokio::test(start_paused = true)]
async fn who_only_takes_files_away_is_found_out() {
    let world = World::new();
    let mut life = three_files(&world).await;
    tokio::time::advance(DAY * 190).await;
    life.look_twice().await;
    life.end().await;
    let open = || store::open_with(world.path("data"), LIMITS, vault::NoVault::opened).map(drop);
    let first = std::fs::read(world.path("data/FIRST")).unwrap();
    std::fs::remove_file(world.path("data/FIRST")).unwrap();
    assert!(open().unwrap_err().to_string().contains("1 to 512"));
    std::fs::write(world.path("data/FIRST"), &first[1..]).unwrap();
    assert!(open().unwrap_err().to_string().contains("FIRST"));
    std::fs::write(world.path("data/FIRST"), first).unwrap();
    std::fs::remove_file(world.path("data/archive").join(&world.archived()[0])).unwrap();
    assert!(open().unwrap_err().to_string().contains("513 to 1024"));
}

/// A reader that is on its way goes on behind what was removed.
#[tokio::test(start_paused = true)]
async fn readers_go_on_behind_what_is_removed() {
    let world = World::new();
    let mut life = three_files(&world).await;
    let mut follow = store::Follow::new(life.journal.clone(), 100);
    assert_eq!(follow.batch().await.unwrap()[0].seq, 100);
    let mut late = store::Follow::new(life.journal.clone(), 5);
    tokio::time::advance(DAY * 285).await;
    life.look_twice().await;
    assert_eq!(late.batch().await.unwrap()[0].seq, 1025);
    let raw: Vec<RawRecord> = life.journal.read_raw(1000, 30).await.unwrap();
    assert_eq!((raw[0].seq, raw.len()), (1025, 30));
    life.end().await;
}
