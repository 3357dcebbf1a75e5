//! What is whole is found, whatever is broken around it; and nothing is changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::domain::{Event, SceneId, Timestamp};
use crate::store::{self, Append, EventStore};
use crate::vault::NoVault;

fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

/// A store with so many records, appended alone and in bursts; returns them.
async fn store_with(path: &Path, records: u64) -> Vec<RawRecord> {
    let journal = store::open_or_create(path.to_owned(), NoVault::opened).unwrap();
    let append = |number| journal.append(&scene(number), 0, Timestamp::from_micros(7), vec![Event::Expired]);
    for number in 0..records / 4 {
        assert!(matches!(append(number).await, Ok(Append::Stored(_))));
    }
    futures_util::future::join_all((records / 4..records).map(append)).await;
    let records = journal.read_raw(1, usize::MAX).await.unwrap();
    journal.close().await;
    records
}

fn all(path: &Path) -> Vec<Salvaged> {
    let mut salvage = Salvage::open(path).unwrap();
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
    let mut salvage = Salvage::open(folder.path()).unwrap();
    assert_eq!(salvage.head(), 3000);
    assert!(salvage.fault().is_none());
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
    let (mut lost, mut doubtful) = (0, 0);
    for step in 0..40 {
        let place = step * used / 40 + 17;
        let mut bytes = whole.clone();
        let end = if step % 2 == 0 { (place + used / 2).min(used) } else { place + 1 };
        bytes[place..end].iter_mut().for_each(|byte| *byte ^= 0x10);
        std::fs::write(&db, &bytes).unwrap();
        let before = content(folder.path());
        let every = all(folder.path());
        assert!(content(folder.path()) == before, "something was changed");
        for found in &every {
            let record = &records[usize::try_from(found.record.seq).unwrap() - 1];
            assert_eq!(found.record, *record, "byte {place}: a record that never was");
        }
        assert!(every.is_sorted_by_key(|found| found.record.seq));
        // The damaged chunk itself is at most 8 KiB, and often has an older copy.
        assert!(step % 2 == 0 || every.len() > 2800, "byte {place}: {} records", every.len());
        lost += 3000 - every.len();
        doubtful += every.iter().filter(|found| found.is_doubtful).count();
    }
    assert!(lost > 0 && doubtful > 0, "no damage had an effect: {lost} lost, {doubtful} in doubt");
}

#[tokio::test]
async fn a_store_that_is_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = store::open_or_create(folder.path().to_owned(), NoVault::opened).unwrap();
    let Err(error) = Salvage::open(folder.path()) else { panic!("it was opened") };
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    journal.close().await;
}

#[test]
fn where_there_is_no_store_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = Salvage::open(&folder.path().join("data")) else { panic!("it was opened") };
    assert!(matches!(error, OpenError::Missing(_)), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
