//! What is whole is found, whatever is broken around it; and nothing is changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::domain::{Event, SceneId, Timestamp};
use crate::store::{self, Append, ArchiveLimits, EventStore};
use crate::vault::NoVault;

fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

/// A store with so many records, appended alone and in bursts; returns them.
async fn store_with(path: &Path, records: u64) -> Vec<RawRecord> {
    archived_store_with(path, records, ArchiveLimits::default(), 0).await
}

/// The same, of which the first so many were moved into the archive.
async fn archived_store_with(path: &Path, records: u64, limits: ArchiveLimits, archived: u64) -> Vec<RawRecord> {
    let journal = store::open_with(path.to_owned(), limits, NoVault::opened).unwrap();
    let append = |number| journal.append(&scene(number), 0, Timestamp::from_micros(7), vec![Event::Expired]);
    for number in 0..records / 4 {
        assert!(matches!(append(number).await, Ok(Append::Stored(_))));
    }
    futures_util::future::join_all((records / 4..records).map(append)).await;
    journal.archived().wait_for(|reached| *reached == archived).await.unwrap();
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
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let mut found: BTreeMap<_, _> =
        files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    folders.iter().for_each(|folder| found.extend(content(folder)));
    found
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

const LIMITS: ArchiveLimits =
    ArchiveLimits { file_records: 1024, young_records: 500, most_age: std::time::Duration::from_secs(1_000_000) };

#[tokio::test]
async fn archived_records_are_found_too() {
    let folder = tempfile::tempdir().unwrap();
    let records = archived_store_with(folder.path(), 3000, LIMITS, 2048).await;
    let before = content(folder.path());
    assert!(Salvage::open(folder.path()).unwrap().fault().is_none());
    let found = all(folder.path());
    assert!(found.iter().all(|found| !found.is_doubtful));
    assert!(found.into_iter().map(|found| found.record).eq(records), "the records differ");
    // They do not come out of what sled has not overwritten yet.
    std::fs::write(folder.path().join("db"), "").unwrap();
    let found = all(folder.path());
    assert_eq!((found.len(), found[2047].record.seq), (2048, 2048));
    assert!(found.iter().all(|found| !found.is_doubtful));
    std::fs::write(folder.path().join("db"), &before[&folder.path().join("db")]).unwrap();
    assert!(content(folder.path()) == before, "something was changed");
}

#[tokio::test]
async fn of_a_damaged_archive_the_rest_is_found_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let records = archived_store_with(folder.path(), 3000, LIMITS, 2048).await;
    // Nothing else has them.
    std::fs::write(folder.path().join("db"), "").unwrap();
    let file = folder.path().join("archive/00000000000000001025-00000000000000002048.sla");
    let whole = std::fs::read(&file).unwrap();
    let (mut lost, mut doubtful) = (0, 0);
    for step in 0..60 {
        let mut bytes = whole.clone();
        // Also of the header and of the index, which is at the end.
        let place = step * (whole.len() - 1) / 59;
        bytes[place] ^= 0x10;
        std::fs::write(&file, &bytes).unwrap();
        let before = content(folder.path());
        assert!(Salvage::open(folder.path()).unwrap().fault().is_some(), "byte {place}");
        let every = all(folder.path());
        assert!(content(folder.path()) == before, "something was changed");
        assert!(every.iter().filter(|found| found.record.seq <= 1024).count() == 1024, "the other file is whole");
        for found in every.iter().filter(|found| !found.is_doubtful) {
            assert_eq!(found.record, records[usize::try_from(found.record.seq).unwrap() - 1], "byte {place}");
        }
        assert!(every.is_sorted_by(|one, next| one.record.seq < next.record.seq));
        lost += 2048 - every.len();
        doubtful += usize::from(every.iter().any(|found| found.is_doubtful));
    }
    assert!(lost > 0 && doubtful > 0, "no damage had an effect: {lost} lost, {doubtful} in doubt");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(Salvage::open(folder.path()).unwrap().head(), 3000, "HEAD tells that there was more");
    assert_eq!(all(folder.path()).len(), 1024);
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
