//! What the journal does when the medium fails, and what it finds afterwards.

use crate::domain::*;
use crate::vault::{MemoryVault, NoVault, Vault};

use super::*;

fn scene(number: usize) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

fn append(store: &Journal, number: usize) -> BoxFuture<'static, Result<Append, StoreError>> {
    store.append(&scene(number), 0, Timestamp::from_micros(1), vec![Event::Expired, Event::Revoked])
}

fn faults(fail_writes: bool, fail_syncs: bool, stall_syncs: bool) -> Faults {
    Faults { fail_writes, fail_syncs, stall_syncs }
}

#[tokio::test]
async fn a_failed_sync_is_final_and_acknowledges_nothing() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    append(&store, 0).await.unwrap();
    medium.set_faults(faults(false, true, false));
    assert!(matches!(append(&store, 1).await, Err(StoreError::Failed(_))));
    medium.set_faults(Faults::default());
    assert!(matches!(append(&store, 2).await, Err(StoreError::Failed(_))), "the kernel is not asked again");
    let head = store.head().borrow().clone();
    assert_eq!((head.seq, head.failure.as_deref()), (2, Some("input/output error")));
    assert_eq!(store.read(1, 10).await.unwrap().len(), 2, "what was not acknowledged is not served either");
    store.close().await;
    medium.lose_power(0);
    assert_eq!(medium.open().unwrap().head().borrow().seq, 2);
}

#[tokio::test]
async fn a_full_disk_is_said_and_acknowledges_nothing() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    medium.set_faults(faults(true, false, false));
    let Err(StoreError::Failed(reason)) = append(&store, 1).await else { panic!("it was acknowledged") };
    assert_eq!(&*reason, "no space left on device");
    assert_eq!(store.head().borrow().seq, 0);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_the_sync_came_back() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    medium.set_faults(faults(false, false, true));
    let waiting = tokio::spawn(append(&store, 1));
    while !medium.has_written(1) {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    assert_eq!(store.head().borrow().seq, 0);
    medium.set_faults(Faults::default());
    assert!(matches!(waiting.await.unwrap(), Ok(Append::Stored(_))));
    assert_eq!(store.head().borrow().seq, 2);
}

#[tokio::test]
async fn a_burst_shares_its_syncs() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    medium.set_faults(faults(false, false, true));
    let burst = futures_util::future::join_all((0..200).map(|number| append(&store, number)));
    let mut burst = std::pin::pin!(tokio::task::unconstrained(burst));
    assert!(futures_util::poll!(burst.as_mut()).is_pending(), "all are handed over, and the first sync does not end");
    while !medium.has_written(1) {
        tokio::task::yield_now().await;
    }
    medium.set_faults(Faults::default());
    for answer in burst.await {
        answer.unwrap();
    }
    assert!(medium.syncs() <= 20, "{} syncs for 200 appends", medium.syncs());
}

#[tokio::test]
async fn what_goes_on_is_written_before_what_begins() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    let begin =
        |number: usize| store.append(&scene(number), 0, Timestamp::from_micros(1), vec![conformance::created()]);
    begin(0).await.unwrap();
    medium.set_faults(faults(false, false, true));
    let under_way = tokio::spawn(append(&store, 999));
    while medium.chunks() < 2 {
        tokio::task::yield_now().await;
    }
    let mut begun = Box::pin(tokio::task::unconstrained(futures_util::future::join_all((1..=300).map(begin))));
    assert!(futures_util::poll!(begun.as_mut()).is_pending(), "all stand in line");
    let mut goes_on = store.append(&scene(0), 1, Timestamp::from_micros(2), vec![Event::Expired]);
    assert!(futures_util::poll!(&mut goes_on).is_pending(), "and only then comes who is under way");
    assert_eq!(store.waiting(), 301);
    medium.set_faults(Faults::default());
    let Ok(Append::Stored(first)) = goes_on.await else { panic!("it was not stored") };
    under_way.await.unwrap().unwrap();
    assert_eq!(first[0].seq, 4, "behind the three records that were there, and before all that begin");
    assert!(begun.await.into_iter().all(|answer| matches!(answer, Ok(Append::Stored(_)))));
    assert_eq!(store.waiting(), 0);
}

#[tokio::test]
async fn what_was_accepted_is_finished_whichever_line_it_stands_in() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    medium.set_faults(faults(false, false, true));
    let begin =
        |number: usize| store.append(&scene(number), 0, Timestamp::from_micros(1), vec![conformance::created()]);
    let mut begun = Box::pin(tokio::task::unconstrained(futures_util::future::join_all((0..600).map(begin))));
    assert!(futures_util::poll!(begun.as_mut()).is_pending());
    let mut settled = store.settled();
    assert!(futures_util::poll!(&mut settled).is_pending());
    medium.set_faults(Faults::default());
    settled.await.unwrap();
    assert_eq!(store.head().borrow().seq, 600, "all that was asked for before is durable");
    assert!(begun.await.into_iter().all(|answer| answer.is_ok()));
    medium.set_faults(faults(false, false, true));
    let begin =
        |number: usize| store.append(&scene(number), 0, Timestamp::from_micros(1), vec![conformance::created()]);
    let mut begun = Box::pin(tokio::task::unconstrained(futures_util::future::join_all((600..1200).map(begin))));
    assert!(futures_util::poll!(begun.as_mut()).is_pending());
    let mut closed = store.close();
    assert!(futures_util::poll!(&mut closed).is_pending());
    medium.set_faults(Faults::default());
    closed.await;
    assert!(begun.await.into_iter().all(|answer| answer.is_ok()));
    assert!(matches!(begin(1200).await, Err(StoreError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_does_not_keep_up_shows_while_it_lasts() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    append(&store, 0).await.unwrap();
    assert_eq!(store.backlog(), Duration::ZERO);
    medium.set_faults(faults(false, false, true));
    let stalled = tokio::spawn(append(&store, 1));
    while medium.chunks() < 2 {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(store.backlog() > Duration::from_secs(50), "{:?}", store.backlog());
    medium.set_faults(Faults::default());
    stalled.await.unwrap().unwrap();
    assert_eq!(store.backlog(), Duration::ZERO, "nothing waits: who comes next will see how it is now");
}

#[tokio::test]
async fn a_torn_group_is_cut_at_a_whole_append() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    append(&store, 0).await.unwrap();
    medium.set_faults(faults(false, true, false));
    let burst: Vec<_> = (1..=250).map(|number| append(&store, number)).collect();
    for answer in futures_util::future::join_all(burst).await {
        assert!(answer.is_err());
    }
    store.close().await;
    medium.lose_power(1);
    medium.set_faults(Faults::default());
    let store = medium.open().unwrap();
    let last = store.head().borrow().seq;
    assert!(last >= 2 && last.is_multiple_of(2), "half of an append survived: {last}");
    let Ok(Append::Stored(next)) = append(&store, 999).await else { panic!("it cannot be written") };
    assert_eq!(next[0].seq, last + 1);
}

#[tokio::test]
async fn damage_is_told_and_never_served() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    append(&store, 0).await.unwrap();
    append(&store, 1).await.unwrap();
    medium.flip_bit(1, 40);
    assert!(matches!(store.read(1, 10).await, Err(StoreError::Damaged(_))));
    assert!(matches!(store.stream(&scene(0)).await, Err(StoreError::Damaged(_))));
    assert!(store.stream(&scene(1)).await.is_ok());
    store.close().await;
    assert!(matches!(medium.open(), Err(StoreError::Damaged(_))), "a start refuses it, too");
}

fn folder_listing(path: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap_or_default()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_newer_store_is_refused_as_it_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    open_or_create(path.clone(), NoVault::opened).unwrap().close().await;
    std::fs::write(path.join("LAYOUT"), "scan-login store, layout 7\n").unwrap();
    let before = folder_listing(&path);
    let Err(error) = open_or_create(path.clone(), NoVault::opened) else { panic!("it was opened") };
    assert!(error.to_string().contains("layout 7"), "{error}");
    assert!(error.cure().contains("later one"));
    assert_eq!(folder_listing(&path), before);
}

#[test]
fn another_programs_folder_is_refused_as_it_was_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("db"), "something else").unwrap();
    let before = folder_listing(folder.path());
    let Err(OpenError::Layout(error)) = open_or_create(folder.path().to_owned(), NoVault::opened) else {
        panic!("it was opened")
    };
    assert!(error.to_string().contains("not a store of scan-login"), "{error}");
    assert_eq!(folder_listing(folder.path()), before);
}

#[test]
fn a_folder_with_other_files_is_refused_and_one_with_what_systems_and_killed_starts_leave_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lost+found")).unwrap();
    for name in [".keep", "LAYOUT.new"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("admin.sock")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "somebody's").unwrap();
    let before = folder_listing(folder.path());
    let Err(OpenError::Layout(error)) = open_or_create(folder.path().to_owned(), NoVault::opened) else {
        panic!("it was opened")
    };
    assert!(error.to_string().contains("`notes.txt` without a LAYOUT file"), "{error}");
    assert_eq!(folder_listing(folder.path()), before);
    std::fs::remove_file(folder.path().join("notes.txt")).unwrap();
    open_or_create(folder.path().to_owned(), NoVault::opened).unwrap();
}

#[test]
fn a_missing_store_is_not_made_by_looking_at_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    assert!(matches!(open_existing(path.clone(), NoVault::opened), Err(OpenError::Missing(_))));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_store_is_one_process_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_or_create(folder.path().to_owned(), NoVault::opened).unwrap();
    assert!(matches!(open_existing(folder.path().to_owned(), NoVault::opened), Err(OpenError::Locked(_))));
    first.close().await;
    drop(first);
    open_existing(folder.path().to_owned(), NoVault::opened).unwrap();
}

#[tokio::test]
async fn a_start_that_was_cut_off_before_its_first_layout_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    open_or_create(path.clone(), NoVault::opened).unwrap().close().await;
    std::fs::write(path.join("LAYOUT"), "scan-login store, layout 0\n").unwrap();
    let store = open_or_create(path.clone(), NoVault::opened).unwrap();
    append(&store, 1).await.unwrap();
    assert_eq!(std::fs::read_to_string(path.join("LAYOUT")).unwrap(), "scan-login store, layout 5\n");
}

#[tokio::test]
async fn sled_never_moves_a_value_into_files_that_nobody_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_or_create(folder.path().to_owned(), NoVault::opened).unwrap();
    for round in 0..20 {
        let burst: Vec<_> = (0..500).map(|number| append(&store, round * 500 + number)).collect();
        for answer in futures_util::future::join_all(burst).await {
            answer.unwrap();
        }
        for number in 0..500 {
            store.retire(&scene(round * 500 + number));
        }
    }
    store.close().await;
    let blobs = std::fs::read_dir(folder.path().join("blobs")).map_or(0, Iterator::count);
    assert_eq!(blobs, 0);
}

#[tokio::test]
async fn a_start_goes_through_the_log_once_however_many_sessions_are_pending() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    let begin = |number| {
        store.append(&scene(number), 0, Timestamp::from_micros(1), vec![conformance::created(), Event::Expired])
    };
    futures_util::future::join_all((0..500).map(begin)).await;
    store.close().await;
    let store = medium.open().unwrap();
    let before = medium.reads();
    assert_eq!(store.unretired().await.unwrap().len(), 500);
    let reads = medium.reads() - before;
    assert!(reads <= 50, "{reads} chunks were read for 1000 records in chunks of many");
}

/// A medium that panics when it is written, as sled does where it meets what it does not expect.
struct Panicking(MemoryMedium);

impl medium::Medium for Panicking {
    fn write(&self, _: &[codec::Chunk]) -> Result<(), medium::MediumError> {
        panic!("sled met what it does not expect")
    }

    fn sync(&self) -> Result<(), medium::MediumError> {
        self.0.sync()
    }

    fn remove(&self, first_seqs: &[u64]) -> Result<(), medium::MediumError> {
        self.0.remove(first_seqs)
    }

    fn chunk_at_or_before(&self, seq: u64) -> Result<Option<(u64, Vec<u8>)>, medium::MediumError> {
        self.0.chunk_at_or_before(seq)
    }

    fn visit(&self, seq: u64, visit: &mut medium::Visit<'_>) -> Result<(), medium::MediumError> {
        self.0.visit(seq, visit)
    }

    fn note_head(&self, seq: u64, sync: bool) -> Result<(), medium::MediumError> {
        self.0.note_head(seq, sync)
    }

    fn note_pending(&self, seq: u64) -> Result<(), medium::MediumError> {
        self.0.note_pending(seq)
    }

    fn pending_from(&self) -> u64 {
        self.0.pending_from()
    }
}

/// The daemon stops only where the head tells a failure: a writer that panicked must not leave it up and useless.
#[tokio::test]
async fn a_writer_that_panics_is_told_as_a_failure() {
    let medium = Panicking(MemoryMedium::new());
    let store = Journal::start(medium, old::Old::none(), Arc::new(NoVault)).unwrap();
    assert!(append(&store, 1).await.is_err());
    let mut head = store.head();
    let failed = tokio::time::timeout(Duration::from_secs(2), head.wait_for(|head| head.failure.is_some()));
    assert!(failed.await.is_ok(), "nobody learns that nothing can be written any more");
}

/// More streams than the queue holds are retired at once, as after a long outage: none may be forgotten.
#[tokio::test]
async fn no_retirement_is_lost_in_a_burst() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    for number in 0..3000 {
        append(&store, number).await.unwrap();
    }
    for number in 0..3000 {
        store.retire(&scene(number));
    }
    append(&store, 5000).await.unwrap();
    // Whoever appends is answered before what came with it is retired.
    store.settled().await.unwrap();
    assert_eq!(store.unretired().await.unwrap().len(), 1);
}

fn scan_by(openid: &str) -> Vec<Event> {
    let (account, openid) = (AccountName::new("main").unwrap(), OpenId::new(openid).unwrap());
    vec![Event::Scanned(Scanned { account, person: Person::known(openid) })]
}

/// The keys' own sync runs beside the log's, and both must have come back.
#[tokio::test]
async fn an_event_is_acknowledged_when_its_key_is_durable_too() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    let vault = medium.vault();
    let append = |number, openid| store.append(&scene(number), 0, Timestamp::from_micros(1), scan_by(openid));
    append(1, "alice").await.unwrap();
    assert_eq!(vault.syncs(), 1);
    append(2, "alice").await.unwrap();
    assert_eq!(vault.syncs(), 1, "a key that was there needs no sync");

    vault.fail(true);
    assert!(matches!(append(3, "bob").await, Err(StoreError::Failed(_))));
    assert!(store.head().borrow().failure.is_some(), "as final as a failed sync of the log");
    assert_eq!(store.head().borrow().seq, 2);
}

#[tokio::test]
async fn a_store_without_keys_takes_nothing_that_must_be_sealed_and_goes_on() {
    let store = Journal::start(MemoryMedium::new(), old::Old::none(), Arc::new(NoVault)).unwrap();
    let scan = store.append(&scene(1), 0, Timestamp::from_micros(1), scan_by("alice")).await;
    assert!(matches!(scan, Err(StoreError::Unsealed(_))));
    assert!(matches!(append(&store, 1).await, Ok(Append::Stored(_))));
}

#[tokio::test]
async fn a_record_says_the_same_when_it_is_acknowledged_and_when_it_is_read() {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    let answer = store.append(&scene(1), 0, Timestamp::from_micros(1), scan_by("alice")).await.unwrap();
    let Append::Stored(records) = answer else { panic!("there is a conflict") };
    assert_eq!(store.stream(&scene(1)).await.unwrap(), records);
    let Event::Scanned(scanned) = &records[0].event else { panic!("it is no scan") };
    let (account, openid) = (AccountName::new("main").unwrap(), OpenId::new("alice").unwrap());
    assert_eq!(scanned.person.handle(), Some(store.person(&account, &openid)));
    assert_ne!(store.person(&account, &openid), MemoryVault::default().person(&account, &openid));
}
