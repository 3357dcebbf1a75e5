//! A store that is built from another one's records is that store.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::*;
use crate::store::{self, Append, EventStore, MemoryMedium};
use crate::vault::NoVault;

const NOON: Timestamp = Timestamp::from_micros(1_767_355_200_000_000);

fn later(minutes: u64) -> Timestamp {
    NOON.after(Duration::from_secs(60 * minutes))
}

fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

fn created() -> Event {
    Event::Created(Arc::new(Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(1),
        opener: Opener::Browser { attach: Digest([1; 32]) },
        confirmation: Confirmation::Auto,
        qr: QrCode { content: "http://weixin.qq.com/q/02".into(), expires_at: later(6) },
        expires_at: later(5),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest::default(),
        visitor: None,
    }))
}

async fn append(store: &impl EventStore, number: u64, expected: u32, events: Vec<Event>) {
    let stored = store.append(&scene(number), expected, NOON, events).await;
    assert!(matches!(stored, Ok(Append::Stored(_))), "{stored:?}");
}

/// Sessions of which two in three have expired, their events strewn over the log; behind them those that are pending.
async fn records(sessions: u64) -> Vec<RawRecord> {
    let journal = MemoryMedium::new().open().unwrap();
    let (over, pending): (Vec<u64>, Vec<u64>) = (0..sessions).partition(|number| number % 3 > 0);
    for (numbers, expected, event) in [(&over, 0, created()), (&over, 1, Event::Expired), (&pending, 0, created())] {
        let appends = numbers.iter().map(|number| append(&journal, *number, expected, vec![event.clone()]));
        futures_util::future::join_all(appends).await;
    }
    let records = journal.read_raw(1, usize::MAX).await.unwrap();
    journal.close().await;
    records
}

fn built(path: &Path, now: Timestamp, records: &[RawRecord]) -> u64 {
    let mut builder = StoreBuilder::new(path, now).unwrap();
    for record in records {
        builder.push(record).unwrap();
    }
    builder.finish().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn it_has_the_same_records_and_goes_on_where_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("below").join("store");
    let records = records(12_000).await;
    assert_eq!(built(&path, later(60), &records), 20_000);
    let journal = store::open_existing(path.clone(), NoVault::opened).unwrap();
    assert!(journal.read_raw(1, usize::MAX).await.unwrap() == records, "the records differ");
    assert_eq!(journal.unretired().await.unwrap().len(), 4000, "what is over was not retired, or too much was");
    assert_eq!(journal.stream(&scene(11_999)).await.unwrap().len(), 2, "what is over is found all the same");
    let taken = journal.append(&scene(1), 0, NOON, vec![created()]).await.unwrap();
    assert_eq!(taken, Append::Conflict { actual: 2 }, "and its scene stays taken");
    append(&journal, 0, 1, vec![Event::Expired]).await;
    journal.close().await;
    drop(journal);
    let journal = store::open_existing(path.clone(), NoVault::opened).unwrap();
    assert_eq!(journal.head().borrow().seq, 20_001);
    journal.close().await;
    assert_eq!(names(path.parent().unwrap()), ["store"], "something was left beside it");
}

#[tokio::test]
async fn its_records_lie_in_the_archive_but_for_the_last_few() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let records = records(3000).await;
    let limits = ArchiveLimits { file_records: 2048, ..ArchiveLimits::default() };
    let mut builder = StoreBuilder::with_limits(&path, later(60), limits).unwrap();
    records.iter().for_each(|record| builder.push(record).unwrap());
    assert_eq!(builder.finish().unwrap(), 5000);
    let mut files = names(&path.join("archive"));
    files.sort();
    let spans = [(1, 2048), (2049, 4096), (4097, 4864)];
    assert_eq!(files, spans.map(|(first, last)| format!("{first:020}-{last:020}.sla")));
    let journal = store::open_existing(path.clone(), NoVault::opened).unwrap();
    assert_eq!(*journal.archived().borrow(), 0, "nothing has to be taken out of sled");
    assert!(journal.read_raw(1, usize::MAX).await.unwrap() == records, "the records differ");
    assert_eq!(journal.unretired().await.unwrap().len(), 1000);
    journal.close().await;
    drop(journal);
    let (medium, _) = SledMedium::open(&path, IfMissing::Refuse, limits).unwrap();
    assert!(medium.chunk_at_or_before(4865).unwrap().is_some(), "what does not fill a file is missing");
    assert!(medium.chunk_at_or_before(4864).unwrap().is_none(), "sled has what the archive has");
}

/// A quiet site may remove by days what it may keep for days only.
#[tokio::test]
async fn a_file_has_no_more_than_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let journal = MemoryMedium::new().open().unwrap();
    for number in 0..2000 {
        let at = later(number);
        assert!(matches!(journal.append(&scene(number), 0, at, vec![created()]).await, Ok(Append::Stored(_))));
    }
    let records = journal.read_raw(1, usize::MAX).await.unwrap();
    let limits = ArchiveLimits { most_age: Duration::from_secs(60 * 500), ..ArchiveLimits::default() };
    let mut builder = StoreBuilder::with_limits(&path, later(0), limits).unwrap();
    records.iter().for_each(|record| builder.push(record).unwrap());
    builder.finish().unwrap();
    let mut files = names(&path.join("archive"));
    files.sort();
    let spans = [(1, 512), (513, 1024), (1025, 1536), (1537, 1792)];
    assert_eq!(files, spans.map(|(first, last)| format!("{first:020}-{last:020}.sla")));
}

#[tokio::test]
async fn what_is_not_over_yet_is_brought_back() {
    let folder = tempfile::tempdir().unwrap();
    built(folder.path(), later(1), &records(30).await);
    let journal = store::open_existing(folder.path().to_owned(), NoVault::opened).unwrap();
    assert_eq!(journal.unretired().await.unwrap().len(), 30);
    journal.close().await;
}

#[tokio::test]
async fn a_session_to_which_something_happens_after_its_end_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let records = records(12_000).await;
    let mut builder = StoreBuilder::new(&path, later(60)).unwrap();
    records.iter().for_each(|record| builder.push(record).unwrap());
    builder.unretired.retire(later(60));
    let over = &records[15_999];
    let mut body = over.body.clone();
    body[10] = 3;
    builder.push(&RawRecord { seq: 20_001, body }).unwrap();
    builder.finish().unwrap();
    let journal = store::open_existing(path, NoVault::opened).unwrap();
    let stream = journal.stream(&over.decode().unwrap().scene).await.unwrap();
    assert_eq!(stream.iter().map(|record| record.scene_seq).collect::<Vec<_>>(), [1, 2, 3]);
    journal.close().await;
}

#[tokio::test]
async fn nothing_that_anybody_would_open_is_there_before_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut builder = StoreBuilder::new(&path, NOON).unwrap();
    for record in records(300).await {
        builder.push(&record).unwrap();
    }
    builder.close_file().unwrap();
    assert!(!path.exists());
    // What a kill leaves.
    let left = builder.folder.path().to_owned();
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for name in names(&left).iter().filter(|name| !left.join(name).is_dir()) {
        std::fs::copy(left.join(name), copy.join(name)).unwrap();
    }
    let Err(error) = store::open_existing(copy, NoVault::opened) else { panic!("it was opened") };
    assert!(matches!(error, OpenError::Layout(_)), "{error}");
    drop(builder);
    assert_eq!(names(folder.path()), ["copy"], "what is given up is removed");
}

#[tokio::test]
async fn what_does_not_follow_is_refused_and_nothing_is_made() {
    let records = records(3).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let refused = |wrong: RawRecord, told: &str| {
        let mut builder = StoreBuilder::new(&path, NOON).unwrap();
        builder.push(&records[0]).unwrap();
        let error = builder.push(&wrong).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    };
    refused(records[2].clone(), "record 2 is missing");
    refused(records[0].clone(), "record 2 is missing");
    refused(RawRecord { seq: 2, ..records[3].clone() }, "event 2 of its session");
    refused(RawRecord { seq: 2, body: vec![9; 40] }, "cannot be taken");
    refused(RawRecord { seq: 2, body: vec![] }, "cut off");
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn what_is_there_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("note"), "mine").unwrap();
    for occupied in [folder.path().to_owned(), folder.path().join("note")] {
        let Err(error) = StoreBuilder::new(&occupied, NOON) else { panic!("it was taken") };
        assert!(matches!(error, BuildError::Occupied(_)), "{error}");
    }
    assert_eq!(names(folder.path()), ["note"]);
}

#[tokio::test]
async fn it_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    built(&path, NOON, &records(3).await);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for name in names(&path) {
        let path = path.join(name);
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}
