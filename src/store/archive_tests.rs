//! Old records move into the archive, and nobody who reads notices it, whatever fails on the way.

use std::path::Path;
use std::time::Duration;

use crate::domain::*;

use super::*;

const LIMITS: ArchiveLimits =
    ArchiveLimits { file_records: 512, young_records: 300, most_age: Duration::from_secs(1000) };

fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(seconds.cast_signed() * 1_000_000)
}

fn old(folder: &Path, limits: ArchiveLimits) -> old::Old {
    for name in [archive::FOLDER, streams::FOLDER] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    let found = archive::look(folder).unwrap();
    let streams = streams::StreamIndex::open(folder, streams::look(folder, &found).unwrap()).unwrap();
    old::Old { archive: archive::Archive::open(folder, found, limits).unwrap(), streams }
}

fn open(medium: &MemoryMedium, folder: &Path) -> Journal {
    medium.open_with(old(folder, LIMITS)).unwrap()
}

/// One to three records of a scene of its own, as the number says.
async fn append(store: &Journal, number: u64, time: Timestamp) {
    let events = vec![Event::Expired; 1 + usize::try_from(number % 3).unwrap()];
    let stored = store.append(&scene(number), 0, time, events).await;
    assert!(matches!(stored, Ok(Append::Stored(_))), "{stored:?}");
}

async fn fill(store: &Journal, numbers: std::ops::Range<u64>) {
    for first in numbers.clone().step_by(50) {
        let burst = first..(first + 50).min(numbers.end);
        let ask = |number| Box::pin(futures_util::future::maybe_done(append(store, number, at(1))));
        let mut burst: Vec<_> = burst.map(ask).collect();
        // In this order, and so without tokio's budget, at whose end they would be asked in another one.
        let asked = async {
            for append in &mut burst {
                let _ = futures_util::poll!(append);
            }
        };
        tokio::task::unconstrained(asked).await;
        futures_util::future::join_all(burst).await;
    }
}

/// Waits until all records up to `seq` lie in the archive alone.
async fn archived(store: &Journal, seq: u64) -> u64 {
    let mut archived = store.archived();
    let reached = tokio::time::timeout(Duration::from_secs(20), archived.wait_for(|archived| *archived >= seq));
    *reached.await.expect("nothing is archived").unwrap()
}

async fn all(store: &Journal) -> Vec<Recorded> {
    let records = store.read(1, usize::MAX).await.unwrap();
    let sequences: Vec<u64> = records.iter().map(|record| record.seq).collect();
    assert_eq!(sequences, (1..=store.head().borrow().seq).collect::<Vec<_>>());
    records
}

#[tokio::test]
async fn old_records_move_into_the_archive_and_are_read_as_before() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let (store, plain) = (open(&medium, folder.path()), MemoryMedium::new().open().unwrap());
    fill(&store, 0..1000).await;
    fill(&plain, 0..1000).await;
    assert_eq!(archived(&store, 1536).await, 1536, "of 1999 records");
    let expected = all(&plain).await;
    assert_eq!(all(&store).await, expected);
    assert!(medium.log_bytes() < 40 * (1999 - 1536) + 8 * 1024 + 10_000, "{} bytes stay", medium.log_bytes());
    for (from, limit) in [(1, 1), (500, 30), (510, 5), (1530, 20), (1999, 5), (2000, 5), (3, 1990)] {
        let end = (from - 1 + limit).min(expected.len());
        assert_eq!(store.read(from as u64, limit).await.unwrap(), expected[(from - 1).min(end)..end]);
        let raw = store.read_raw(from as u64, limit).await.unwrap();
        assert_eq!(raw, plain.read_raw(from as u64, limit).await.unwrap());
    }
    for number in [0, 3, 256, 700, 999] {
        assert_eq!(store.stream(&scene(number)).await.unwrap(), plain.stream(&scene(number)).await.unwrap());
    }
    assert_eq!(store.unretired().await.unwrap().len(), 1000);
    store.close().await;
}

/// Without it, retention would never come to what a quiet site has.
#[tokio::test]
async fn what_is_older_than_thirty_days_moves_however_few_records_there_are() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let store = open(&medium, folder.path());
    fill(&store, 0..144).await;
    assert_eq!(store.head().borrow().seq, 288, "fewer than are young");
    for number in 144..200 {
        append(&store, number, at(30_002)).await;
    }
    assert_eq!(archived(&store, 256).await, 256);
    store.close().await;
}

#[tokio::test]
async fn readers_go_on_while_what_they_read_moves() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let store: Arc<dyn EventStore> = Arc::new(open(&medium, folder.path()));
    let reader = tokio::spawn({
        let mut follow = Follow::new(store.clone(), 1);
        async move {
            let mut next = 1;
            while next <= 6000 {
                for record in follow.next().await.unwrap() {
                    assert_eq!(record.seq, next);
                    next += 1;
                }
            }
        }
    });
    for number in 0..3000 {
        let events = vec![Event::Expired; 1 + number as usize % 3];
        store.append(&scene(number), 0, at(1), events).await.unwrap();
    }
    reader.await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn what_a_crash_left_in_both_places_is_read_once_and_removed_by_the_next_start() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let store = medium.open().unwrap();
    fill(&store, 0..1000).await;
    store.close().await;
    let (before, chunks) = (all(&medium.open().unwrap()).await, medium.chunks());
    let store = open(&medium, folder.path());
    archived(&store, 1536).await;
    store.close().await;
    assert!(medium.chunks() < chunks);
    let both = MemoryMedium::new();
    let store = both.open().unwrap();
    fill(&store, 0..1000).await;
    store.close().await;
    let chunks = both.chunks();
    let store = open(&both, folder.path());
    assert_eq!(all(&store).await, before);
    archived(&store, 1536).await;
    assert!(both.chunks() < chunks / 2, "{} of {chunks} chunks stay", both.chunks());
    assert_eq!(all(&store).await, before);
    store.close().await;
}

#[tokio::test]
async fn power_that_is_lost_after_the_removal_loses_nothing() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let store = open(&medium, folder.path());
    fill(&store, 0..1000).await;
    archived(&store, 1536).await;
    let before = all(&store).await;
    medium.lose_power(0);
    let again = open(&medium, folder.path());
    assert_eq!(all(&again).await, before);
    again.close().await;
    store.close().await;
}

#[tokio::test]
async fn an_archive_that_cannot_be_written_does_not_stop_the_journal_and_is_tried_again() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let store = open(&medium, folder.path());
    // The first file is to be written to where there is never space.
    let temporary = folder.path().join("archive/00000000000000000001.new");
    std::os::unix::fs::symlink("/dev/full", &temporary).unwrap();
    fill(&store, 0..600).await;
    assert_eq!(all(&store).await.len(), 1200);
    while temporary.symlink_metadata().is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*store.archived().borrow(), 0);
    fill(&store, 600..3000).await;
    archived(&store, 5120).await;
    assert_eq!(all(&store).await.len(), 6000);
    store.close().await;
}

/// Else nothing would be old any more until the time that a clock has shown once by mistake.
#[tokio::test]
async fn a_clock_that_was_set_forward_once_keeps_no_file_open() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let limits = ArchiveLimits { file_records: 4096, ..LIMITS };
    let store = medium.open_with(old(folder.path(), limits)).unwrap();
    for number in 0..400 {
        append(&store, number, at(1)).await;
    }
    for number in 400..440 {
        append(&store, number, at(1_000_000_000)).await;
    }
    assert_eq!(archived(&store, 512).await, 512);
    for number in 440..600 {
        append(&store, number, at(5000)).await;
    }
    assert_eq!(archived(&store, 513).await, 768);
    store.close().await;
}

#[tokio::test]
async fn a_quiet_site_closes_a_file_a_day_with_what_there_is() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let limits = ArchiveLimits { file_records: 4096, ..LIMITS };
    let store = medium.open_with(old(folder.path(), limits)).unwrap();
    for number in 0..400 {
        append(&store, number, at(number)).await;
    }
    assert_eq!((store.head().borrow().seq, *store.archived().borrow()), (799, 0), "nothing is full, nothing is old");
    for number in 400..550 {
        append(&store, number, at(2000 + number)).await;
    }
    assert_eq!(archived(&store, 1).await, 512);
    let files = || std::fs::read_dir(folder.path().join("archive")).unwrap().count();
    for number in 550..700 {
        append(&store, number, at(2100 + number)).await;
    }
    assert_eq!((*store.archived().borrow(), files()), (512, 1), "256 more are old, but the day is not over");
    for number in 700..800 {
        append(&store, number, at(5000)).await;
    }
    assert!(archived(&store, 513).await % 256 == 0);
    store.close().await;
}

#[tokio::test]
async fn a_start_reads_what_is_young_and_what_could_be_pending_and_not_all_history() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let store = open(&medium, folder.path());
    let mut reads = Vec::new();
    for (history, pending, young) in [(0..1000, 9000, 1536), (1000..4000, 9001, 7680)] {
        fill(&store, history.clone()).await;
        history.for_each(|number| store.retire(&scene(number)));
        store.append(&scene(pending), 0, at(1), vec![conformance::created()]).await.unwrap();
        archived(&store, young).await;
        // Refused, and only after what followed the answer before.
        store.append(&scene(pending), 0, at(1), vec![Event::Expired]).await.unwrap();
        assert_eq!(store.unretired().await.unwrap().len(), 1);
        let before = medium.reads();
        let again = open(&medium, folder.path());
        assert_eq!(again.unretired().await.unwrap().len(), 1);
        reads.push(medium.reads() - before);
        again.close().await;
        store.retire(&scene(pending));
    }
    store.close().await;
    assert!(reads.iter().all(|reads| *reads < 150), "{reads:?} chunks were read");
}

#[tokio::test]
async fn a_time_is_found_by_the_index() {
    let (medium, folder) = (MemoryMedium::new(), tempfile::tempdir().unwrap());
    let store = Arc::new(open(&medium, folder.path()));
    for number in 0..3000 {
        // Not strictly in order.
        append(&store, number, at(100_000 + 10 * number - number % 7)).await;
    }
    archived(&store, 5000).await;
    let records = all(&store).await;
    let (earliest, latest) = (at(0), at(1_000_000));
    for (since, until) in
        [(at(100_000), at(100_100)), (at(110_000), at(110_500)), (at(129_000), latest), (earliest, at(105_000))]
    {
        let range = store.between(Some(since), Some(until)).await.unwrap();
        let is_wanted = |record: &&Recorded| record.at >= since && record.at <= until;
        let wanted: Vec<u64> = records.iter().filter(is_wanted).map(|record| record.seq).collect();
        assert!(wanted.iter().all(|seq| range.contains(seq)), "{range:?} for {wanted:?}");
        let read = range.end() - range.start();
        assert!(read < wanted.len() as u64 + 1100, "{read} records are read for {}", wanted.len());
        let mut follow = Follow::new(store.clone(), 1);
        follow.pass((Some(since), Some(until))).await.unwrap();
        let mut seen = Vec::new();
        loop {
            let batch = follow.batch().await.unwrap();
            if batch.is_empty() {
                break;
            }
            seen.extend(batch.iter().filter(is_wanted).map(|record| record.seq));
        }
        assert_eq!(seen, wanted);
    }
    assert!(store.between(Some(latest), None).await.unwrap().is_empty());
    assert!(store.between(None, Some(earliest)).await.unwrap().is_empty());
    assert_eq!(store.between(None, None).await.unwrap(), 1..=records.len() as u64);
    store.close().await;
}
