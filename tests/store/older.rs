//! Stores that older programs left, each as a killed one leaves it. Every later program must open them.
//!
//! `tests/fixtures/stores/layout-N.jsonl` was made by the last program of layout N: each file with its length and all that
//! is not zero. All hold the same 123 records; `events.jsonl` is what those programs printed of them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scan_login::cli::store::StoreCommand;
use scan_login::domain::{Event, SceneId};
use scan_login::replay;
use scan_login::store::{self, EventStore, Fingerprint, Plan};
use serde_json::Value;

use crate::program::*;
use crate::support::*;
use crate::world::*;

/// The layouts that there is a store of; the next one is added with the next layout.
const LAYOUTS: std::ops::RangeInclusive<u32> = 1..=3;
const RECORDS: u64 = 123;
/// Of all of them, whatever the layout.
const FINGERPRINT: &str = "18007c2d86e8c3db96e42c2b04262a1fd2c4e473452bc8fbf28e5888e6ffb646";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores").join(name)
}

fn lines(path: &Path) -> Vec<Value> {
    let lines = BufReader::new(std::fs::File::open(path).unwrap()).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

/// Puts the old store where `place` has its own.
pub fn unpack(layout: u32, place: &Place) {
    let mut file = PathBuf::new();
    for line in lines(&fixture(&format!("layout-{layout}.jsonl"))) {
        if let Some(name) = line["file"].as_str() {
            file = place.store().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::File::create(&file).unwrap().set_len(line["length"].as_u64().unwrap()).unwrap();
        } else {
            let bytes = STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
            let open = std::fs::File::options().write(true).open(&file).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&open, &bytes, line["at"].as_u64().unwrap()).unwrap();
        }
    }
}

/// Every record is there, and says what it said.
async fn holds_everything(place: &Place) {
    let journal = store::open_existing(place.store(), place.vault()).unwrap();
    let records = journal.read(1, usize::MAX).await.unwrap();
    let expected = lines(&fixture("events.jsonl"));
    assert!(records.len() >= expected.len());
    for (record, expected) in records.iter().zip(&expected) {
        let mut line = Vec::new();
        replay::write_jsonl(record, &mut line);
        let line: Value = serde_json::from_slice(&line).unwrap();
        // A later program may tell more of it.
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(line[key], *value, "{key} of record {}", record.seq);
        }
    }
    let mut fingerprint = Fingerprint::default();
    let raw = journal.read_raw(1, expected.len()).await.unwrap();
    raw.iter().for_each(|record| fingerprint.add(record));
    assert_eq!(fingerprint.to_hex(), FINGERPRINT, "a record is not as it was written");
    journal.close().await;
}

#[tokio::test]
async fn the_store_of_every_older_program_opens_and_goes_on() {
    for layout in LAYOUTS {
        let place = Place::new();
        unpack(layout, &place);
        assert_eq!(store::plan(&place.store()).unwrap().layout, layout);
        holds_everything(&place).await;
        let journal = store::open_existing(place.store(), place.vault()).unwrap();
        assert_eq!(journal.head().borrow().seq, RECORDS);
        append(&journal, "new", 0, 9, vec![created(None), Event::Expired]).await;
        // Pending there since it was killed, and retired there.
        let pending = scene_of_fixture(40);
        assert_eq!(journal.stream(&pending).await.unwrap().len(), 1);
        assert!(journal.unretired().await.unwrap().iter().any(|stream| stream[0].scene == pending));
        assert_eq!(journal.stream(&scene_of_fixture(3)).await.unwrap().len(), 4);
        assert!(!journal.unretired().await.unwrap().iter().any(|stream| stream[0].scene == scene_of_fixture(3)));
        journal.close().await;
        drop(journal);
        assert_eq!(store::plan(&place.store()).unwrap(), Plan { layout: store::LAYOUT, steps: vec![] });
        holds_everything(&place).await;
        assert_eq!(place.records().await.len() as u64, RECORDS + 2);
    }
}

#[test]
fn there_is_a_store_of_every_layout() {
    assert_eq!(*LAYOUTS.end(), store::LAYOUT, "a new layout needs a store that its first program made");
}

#[tokio::test]
async fn a_dry_run_tells_the_steps_and_changes_nothing() {
    for layout in LAYOUTS {
        let place = Place::new();
        unpack(layout, &place);
        let before = place.content();
        let told = place.told(StoreCommand::Migrate { dry_run: true }).await;
        told.done();
        assert!(place.content() == before, "something was changed");
        let out = String::from_utf8(told.out).unwrap();
        assert!(out.starts_with(&format!("layout {layout}\n")), "{out}");
        let steps: Vec<String> =
            (layout + 1..=store::LAYOUT).map(|to| format!("would take the step to layout {to}: ")).collect();
        assert_eq!(out.lines().count(), 1 + steps.len(), "{out}");
        assert!(out.lines().skip(1).zip(&steps).all(|(line, step)| line.starts_with(step)), "{out}");
    }
}

#[tokio::test]
async fn a_migration_takes_the_steps_and_taken_again_changes_nothing() {
    let place = Place::new();
    unpack(1, &place);
    let told = place.told(StoreCommand::Migrate { dry_run: false }).await;
    told.done();
    let out = String::from_utf8(told.out).unwrap();
    assert!(out.contains("took the step to layout 2: ") && out.contains("took the step to layout 3: "), "{out}");
    let records = place.records().await;
    let told = place.told(StoreCommand::Migrate { dry_run: false }).await;
    told.done();
    assert!(told.err.contains("nothing is to be done"), "{}", told.err);
    assert_eq!(place.records().await, records);
    holds_everything(&place).await;
}

#[tokio::test]
async fn a_migration_that_is_killed_before_any_change_goes_on() {
    let mut layouts = std::collections::BTreeMap::new();
    for last in 1.. {
        let place = Place::new();
        unpack(1, &place);
        let mut migration = place.command("store migrate");
        let output = migration.env("LD_PRELOAD", dying()).env("DIE_AT", last.to_string()).output().unwrap();
        let layout = store::plan(&place.store()).unwrap().layout;
        *layouts.entry(layout).or_insert(0) += 1;
        holds_everything(&place).await;
        assert_eq!(store::plan(&place.store()).unwrap().layout, store::LAYOUT);
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
    }
    println!("killed so often at each layout: {layouts:?}");
    assert!(
        (1..=store::LAYOUT).all(|layout| layouts.contains_key(&layout)),
        "some steps were not cut off: {layouts:?}"
    );
}

/// sled's own files are made and replaced at a start, too.
#[tokio::test]
async fn a_start_that_is_killed_before_any_change_goes_on() {
    for (is_there, what) in [(false, "a first start"), (true, "a start after a kill")] {
        for last in 1.. {
            let place = Place::new();
            if is_there {
                unpack(*LAYOUTS.end(), &place);
            }
            // It opens the store as `serve` does, and ends.
            let mut start = place.command(if is_there { "replay" } else { "serve" });
            start.env("LD_PRELOAD", dying()).env("DIE_AT", last.to_string());
            // Where the daemon is not killed before, it is listening by now: only the store is in question.
            if !is_there {
                start.env("SCAN_LOGIN__ADMIN__SOCKET", "/proc/nowhere/admin.sock");
            }
            let output = start.output().unwrap();
            let journal = store::open_or_create(place.store(), place.vault())
                .unwrap_or_else(|error| panic!("{what}, {last}: {error}"));
            assert_eq!(journal.head().borrow().seq, if is_there { RECORDS } else { 0 }, "{what}, {last}");
            journal.close().await;
            if output.status.code().is_some() {
                assert!(last > 10, "{what} was killed {last} times: {}", String::from_utf8_lossy(&output.stderr));
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_old_store_is_exported_as_it_is() {
    for layout in LAYOUTS {
        let (place, other) = (Place::new(), Place::new());
        unpack(layout, &place);
        let export = place.exported().await;
        other.told_of(import(Path::new("-")), &export).await.done();
        holds_everything(&other).await;
    }
}

fn scene_of_fixture(number: u64) -> SceneId {
    SceneId::new(format!("sl-fixture-{number:0>18}")).unwrap()
}
