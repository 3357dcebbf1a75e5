//! A journal whose front retention has removed is the same journal wherever it is carried.

use std::sync::Arc;
use std::time::Duration;

use scan_login::audit::{Checkpointer, IfOther, Setup};
use scan_login::cli::store::{ExportArgs, StoreCommand};
use scan_login::clock::Clock;
use scan_login::domain::{Event, SceneId, Timestamp};
use scan_login::retention::Retention;
use scan_login::store::{self, ArchiveLimits, EventStore, Journal, RawRecord};

use crate::support::*;
use crate::world::*;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn setup(place: &Place, journal: Arc<Journal>, clock: Clock) -> Setup {
    Setup {
        store: journal,
        folder: place.store(),
        keys: place.config.keys.path.clone(),
        key: place.config.keys.checkpoint_key_file.clone(),
        site: "login.example.com".into(),
        clock,
    }
}

/// 600 sessions, of which retention has removed the first 512; and what is left.
async fn cut(place: &Place) -> Vec<RawRecord> {
    let clock = Clock::simulated(at(0));
    let limits = ArchiveLimits { file_records: 256, young_records: 0, ..ArchiveLimits::default() };
    let journal = Arc::new(store::open_with(place.store(), limits, place.vault()).unwrap());
    let checkpointer = Checkpointer::start(setup(place, journal.clone(), clock.clone()), IfOther::Refuse).await;
    let checkpointer = Arc::new(checkpointer.unwrap());
    for number in 0..600_u64 {
        let scene = SceneId::new(format!("sl-{number:0>22}")).unwrap();
        let day = if number < 512 { 1 } else { 100 };
        journal.append(&scene, 0, at(0).after(DAY * day), vec![Event::Expired]).await.unwrap();
        journal.retire(&scene);
        if number == 300 {
            checkpointer.checkpoint().await.unwrap();
        }
    }
    journal.unindex(Vec::new()).await.unwrap();
    journal.archived().wait_for(|archived| *archived >= 512).await.unwrap();
    let mut retention = Retention::new(journal.clone(), checkpointer, clock, 180 * DAY);
    tokio::time::advance(190 * DAY).await;
    retention.look().await.unwrap();
    tokio::time::advance(HOUR).await;
    retention.look().await.unwrap();
    let left = journal.read_raw(1, usize::MAX).await.unwrap();
    assert_eq!((left.first().unwrap().seq, left.len()), (513, 88));
    journal.close().await;
    left
}

/// The root of the whole tree, as a daemon signs it.
async fn root(place: &Place) -> (u64, String) {
    let journal = Arc::new(store::open_existing(place.store(), place.vault()).unwrap());
    let setup = setup(place, journal.clone(), Clock::from_fn(|| Timestamp::from_micros(0)));
    let checkpointer = Arc::new(Checkpointer::start(setup, IfOther::Refuse).await.unwrap());
    let note = checkpointer.checkpoint().await.unwrap();
    journal.close().await;
    let mut lines = note.lines().skip(1);
    (lines.next().unwrap().parse().unwrap(), lines.next().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_imported_journal_has_the_root_of_the_one_whose_front_was_removed() {
    let (place, other) = (Place::new(), Place::new());
    let left = cut(&place).await;
    let export = place.exported().await;
    assert!(export.starts_with(b"{\"format\":\"scan-login journal\",\"version\":2,\"first\":513,"));
    std::fs::write(other.file("export"), &export).unwrap();
    let told = other.told(import(&other.file("export"))).await;
    told.done();
    assert!(told.err.contains("imported 88 records"), "{}", told.err);
    assert_eq!(other.records().await, left);
    assert_eq!(root(&other).await, root(&place).await);
    assert_eq!(other.exported().await, export, "it is exported as before");
}

#[tokio::test(start_paused = true)]
async fn a_backup_brings_along_what_is_left_and_what_proves_it() {
    let (place, other) = (Place::new(), Place::new());
    let left = cut(&place).await;
    place.told(backup(place.file("backup"), true)).await.done();
    let told = other.told(restore(place.file("backup"), true)).await;
    told.done();
    assert!(told.err.contains("restored 88 records"), "{}", told.err);
    assert_eq!(other.records().await, left);
    for name in ["FIRST", "TREE", "NODES", "CHECKPOINTS"] {
        let [here, there] = [&place, &other].map(|place| std::fs::read(place.store().join(name)).unwrap());
        assert!(here == there, "{name} differs");
    }
    assert_eq!(root(&other).await, root(&place).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_whole_of_it_is_found_and_what_was_removed_is_not_missing() {
    let place = Place::new();
    cut(&place).await;
    let whole = StoreCommand::Export(ExportArgs { whole_only: true, ..ExportArgs::default() });
    let told = place.told(whole).await;
    told.done();
    assert!(told.err.contains("exported 88 of 88 records"), "{}", told.err);
    assert!(told.err.contains("records 1 to 512 had been removed by retention"), "{}", told.err);
    let told = place.told(StoreCommand::Info).await;
    told.done();
    let out = String::from_utf8(told.out).unwrap();
    assert!(out.contains("records    88\n") && out.contains("removed    1 to 512, by retention\n"), "{out}");
}
