//! What is whole is found, whatever is broken around it; and nothing is changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::domain::{Event, SceneId, Timestamp};
use crate::store::{self, Append, EventStore};

fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

/// A store with so many records, appended alone and in bursts; returns them.
async fn store_with(path: &Path, records: u64) -> Vec<RawRecord> {
    let journal = store::open_or_create(path.to_owned()).unwrap();
    let append = |number| journal.append(&scene(number), 0, Timestamp::from_micros(7), vec![Event::Expired]);
    for number in 0..records / 4 {
        assert!(matches!(append(number).await, Ok(Append::Stored(_))));
    }
    futures_util::future::join_all((records / 4..records).map(append)).await;
    let records = journal.read_raw(1, usize::MAX).await.unwrap();
    journal.close().await;
    records
}

fn all(path: &Path, doubtful: bool) -> Vec<Salvaged> {
    let mut salvage = Salvage::open(path, doubtful).unwrap();
    std::iter::from_fn(|| salvage.next_record().unwrap()).collect()
}

fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[tokio::test]
async fn of_a_whole_store_everything_is_found_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let records = store_with(folder.path(), 3000).await;
    let before = content(folder.path());
    let mut salvage = Salvage::open(folder.path(), false).unwrap();
    assert_eq!((salvage.head(), salvage.fault()), (3000, None));
    let found: Vec<Salvaged> = std::iter::from_fn(|| salvage.next_record().unwrap()).collect();
    assert!(found.iter().all(|found| !found.is_doubtful));
    assert!(found.into_iter().map(|found| found.record).eq(records), "the records differ");
    assert!(content(folder.path()) == before, "something was changed");
}

#[tokio::test]
async fn of_a_damaged_store_the_rest_is_found_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let records = store_with(folder.path(), 3000).await;
    let db = folder.path().join("db");
    let whole = std::fs::read(&db).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let mut lost = 0;
    for place in (0..40).map(|step| step * used / 40 + 17) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        std::fs::write(&db, &bytes).unwrap();
        let before = content(folder.path());
        let (certain, every) = (all(folder.path(), false), all(folder.path(), true));
        assert!(content(folder.path()) == before, "something was changed");
        for found in certain.iter().chain(&every) {
            let record = &records[usize::try_from(found.record.seq).unwrap() - 1];
            assert_eq!(found.record, *record, "byte {place}: a record that never was");
        }
        assert!(certain.iter().all(|found| !found.is_doubtful));
        assert!(every.is_sorted_by_key(|found| found.record.seq));
        // The damaged chunk itself is at most 8 KiB, and often has an older copy.
        assert!(every.len() > 2800, "byte {place}: {} records", every.len());
        lost += 3000 - certain.len();
    }
    assert!(lost > 0, "no damage had an effect");
}

#[tokio::test]
async fn a_store_that_is_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = store::open_or_create(folder.path().to_owned()).unwrap();
    let Err(error) = Salvage::open(folder.path(), false) else { panic!("it was opened") };
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    journal.close().await;
}

#[test]
fn where_there_is_no_store_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = Salvage::open(&folder.path().join("data"), false) else { panic!("it was opened") };
    assert!(matches!(error, OpenError::Missing(_)), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
