//! A damaged store is refused, and what is whole of it is got out.

use std::collections::HashMap;
use std::path::Path;

use scan_login::cli::Exit;
use scan_login::cli::store::{ExportArgs, ImportArgs, StoreCommand};
use scan_login::domain::Event;
use scan_login::store::{self, EventStore, ExportReader, RawRecord, Summary};

use crate::support::*;
use crate::world::*;

const RECORDS: u64 = 900;

fn whole_only() -> StoreCommand {
    StoreCommand::Export(ExportArgs { whole_only: true, ..ExportArgs::default() })
}

/// A store of which every copy of some records in the middle is broken; all its records as they were.
async fn damaged() -> (Place, Vec<RawRecord>) {
    let place = Place::new();
    let journal = place.create();
    // In bursts, since the chunks of a burst are written once.
    for burst in 0..3 {
        let append = |number| {
            journal.append(&scene(&format!("{burst}x{number}")), 0, at(1), vec![created(None), Event::Expired])
        };
        futures_util::future::join_all((0..150).map(append)).await;
    }
    let records = journal.read_raw(1, usize::MAX).await.unwrap();
    journal.close().await;
    assert_eq!(records.len() as u64, RECORDS);
    let db = place.store().join("db");
    let mut bytes = std::fs::read(&db).unwrap();
    let body = records[449].body.clone();
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, &body).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + 20] ^= 1;
    }
    std::fs::write(&db, bytes).unwrap();
    (place, records)
}

fn read(export: &[u8]) -> (HashMap<u64, RawRecord>, Summary) {
    let mut reader = ExportReader::begin(export).unwrap();
    let records = std::iter::from_fn(|| reader.next_record().unwrap()).map(|record| (record.seq, record)).collect();
    (records, reader.summary().unwrap().clone())
}

#[tokio::test]
async fn the_refusal_names_the_records_and_the_way_to_the_others() {
    let (place, records) = damaged().await;
    let before = place.content();
    let told = place.told(StoreCommand::Export(ExportArgs::default())).await;
    told.failed("the journal is damaged: of 900 durable records, these are missing or bad: ");
    assert!(told.err.contains("store export --whole-only") && told.err.contains("store restore"), "{}", told.err);
    assert!(told.out.is_empty(), "half an export was written");
    place.told(StoreCommand::Migrate { dry_run: true }).await.failed("the journal is damaged: ");
    let info = place.told(StoreCommand::Info).await;
    info.failed("the journal is damaged: ");
    assert!(String::from_utf8(info.out).unwrap().contains("layout "), "what is known is told");

    let told = place.told(whole_only()).await;
    assert_eq!(told.exit, Exit::Failed, "records are missing: {}", told.err);
    assert!(told.err.contains("of 900 records "), "{}", told.err);
    let (found, summary) = read(&told.out);
    assert!(!found.contains_key(&450) && summary.missing.iter().any(|(first, last)| (*first..=*last).contains(&450)));
    assert!(found.values().all(|record| *record == records[usize::try_from(record.seq).unwrap() - 1]));
    assert_eq!(summary.last, RECORDS);

    let doubtful = ExportArgs { whole_only: true, doubtful: true, to: None };
    let told = place.told(StoreCommand::Export(doubtful)).await;
    let (more, summary) = read(&told.out);
    assert!(more.len() >= found.len() && !more.contains_key(&450));
    let of_doubt: u64 = summary.doubtful.iter().map(|(first, last)| last - first + 1).sum();
    assert_eq!(more.len() - found.len(), usize::try_from(of_doubt).unwrap(), "the export says which");
    assert!(place.content() == before, "something was changed");
}

#[tokio::test]
async fn what_lies_before_the_gap_becomes_a_store() {
    let (place, records) = damaged().await;
    let export = place.told(whole_only()).await.out;
    let (_, summary) = read(&export);
    let other = Place::new();
    let told = other.told_of(import(Path::new("-")), &export).await;
    let missing: u64 = summary.missing.iter().map(|(first, last)| last - first + 1).sum();
    told.failed(&format!("{missing} of 900 records are missing: "));
    assert!(!other.store().exists());

    let until_gap = StoreCommand::Import(ImportArgs { file: "-".into(), until_gap: true });
    other.told_of(until_gap, &export).await.done();
    let imported = other.records().await;
    assert_eq!(imported.len() as u64, summary.missing[0].0 - 1);
    assert_eq!(imported, records[..imported.len()]);
}

#[tokio::test]
async fn of_a_whole_store_whole_only_is_the_export() {
    let place = Place::with_store().await;
    let before = place.content();
    let told = place.told(whole_only()).await;
    told.done();
    assert!(place.content() == before, "something was changed");
    assert_eq!(told.out, place.exported().await);
    let journal = store::open_existing(place.store(), place.vault()).unwrap();
    place.told(whole_only()).await.failed("the journal in DIR/data is in use by another process");
    journal.close().await;
}
