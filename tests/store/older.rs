//! Stores that older programs left, each as a killed one leaves it. Every later program must open them.
//!
//! `tests/fixtures/stores/layout-N.jsonl` was made by the last program of layout N: each file with its length and all that
//! is not zero. All hold the same 123 records; `events.jsonl` is what those programs printed of them. From layout 4 on they have 486
//! records more, of which `events-4.jsonl` tells: 512 of all lie in two files of the archive, what identifies a person is
//! sealed, `layout-4-keys.jsonl` are the keys, and one person was forgotten.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scan_login::cli::store::{ExportArgs, StoreCommand};
use scan_login::domain::{Event, SceneId};
use scan_login::replay;
use scan_login::store::{self, EventStore, Fingerprint, Plan};
use serde_json::Value;

use crate::program::*;
use crate::support::*;
use crate::world::*;

/// The layouts that there is a store of; the next one is added with the next layout.
const LAYOUTS: std::ops::RangeInclusive<u32> = 1..=5;
/// Of all the records, in their layout.
const FINGERPRINTS: [&str; 2] = [
    "18007c2d86e8c3db96e42c2b04262a1fd2c4e473452bc8fbf28e5888e6ffb646",
    "fd403b4af576b368ea5d2983d55467f7919c44b4a0ea10053e0ba630e2024954",
];

const fn records_of(layout: u32) -> u64 {
    if layout < 4 { 123 } else { 609 }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores").join(name)
}

fn lines(path: &Path) -> Vec<Value> {
    let lines = BufReader::new(std::fs::File::open(path).unwrap()).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

/// Puts the old store where `place` has its own, and its keys.
pub fn unpack(layout: u32, place: &Place) {
    unpack_into(&place.store(), &format!("layout-{layout}.jsonl"));
    unpack_keys(layout, place);
}

fn unpack_keys(layout: u32, place: &Place) {
    if layout >= 4 {
        unpack_into(&place.config.keys.path, "layout-4-keys.jsonl");
    }
}

fn unpack_into(folder: &Path, name: &str) {
    let mut file = PathBuf::new();
    for line in lines(&fixture(name)) {
        if let Some(name) = line["file"].as_str() {
            file = folder.join(name);
            let folder = file.parent().unwrap();
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
            let made = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&file);
            made.unwrap().set_len(line["length"].as_u64().unwrap()).unwrap();
        } else {
            let bytes = STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
            let open = std::fs::File::options().write(true).open(&file).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&open, &bytes, line["at"].as_u64().unwrap()).unwrap();
        }
    }
}

/// Every record is there, and says what it said.
async fn holds_everything(place: &Place, layout: u32) {
    let journal = store::open_existing(place.store(), place.vault()).unwrap();
    let records = journal.read(1, usize::MAX).await.unwrap();
    let mut expected = lines(&fixture("events.jsonl"));
    if layout >= 4 {
        expected.extend(lines(&fixture("events-4.jsonl")));
    }
    assert_eq!(expected.len() as u64, records_of(layout));
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
    let known = FINGERPRINTS[usize::from(layout >= 4)];
    assert_eq!(fingerprint.to_hex(), known, "a record is not as it was written");
    journal.close().await;
}

#[tokio::test]
async fn the_store_of_every_older_program_opens_and_goes_on() {
    for layout in LAYOUTS {
        let place = Place::new();
        unpack(layout, &place);
        assert_eq!(store::plan(&place.store()).unwrap().layout, layout);
        holds_everything(&place, layout).await;
        let journal = store::open_existing(place.store(), place.vault()).unwrap();
        assert_eq!(journal.head().borrow().seq, records_of(layout));
        append(&journal, "new", 0, 9, vec![created(None), Event::Expired]).await;
        // Pending there since it was killed, and over.
        let pending = scene_of_fixture(40);
        assert_eq!(journal.stream(&pending).await.unwrap().len(), 1);
        assert!(journal.unretired().await.unwrap().iter().any(|stream| stream[0].scene == pending));
        assert_eq!(journal.stream(&scene_of_fixture(3)).await.unwrap().len(), 4);
        journal.close().await;
        drop(journal);
        assert_eq!(store::plan(&place.store()).unwrap(), Plan { layout: store::LAYOUT, steps: vec![] });
        holds_everything(&place, layout).await;
        assert_eq!(place.records().await.len() as u64, records_of(layout) + 2);
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
    assert!((2..=store::LAYOUT).all(|to| out.contains(&format!("took the step to layout {to}: "))), "{out}");
    let records = place.records().await;
    let told = place.told(StoreCommand::Migrate { dry_run: false }).await;
    told.done();
    assert!(told.err.contains("nothing is to be done"), "{}", told.err);
    assert_eq!(place.records().await, records);
    holds_everything(&place, 1).await;
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
        holds_everything(&place, 1).await;
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
            assert_eq!(
                journal.head().borrow().seq,
                if is_there { records_of(*LAYOUTS.end()) } else { 0 },
                "{what}, {last}"
            );
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
        unpack_keys(layout, &other);
        holds_everything(&other, layout).await;
    }
}

/// What the last program of layout 4 left can be got out of it without opening it, and restored.
#[tokio::test]
async fn the_archive_of_an_older_program_is_read_by_salvage() {
    let (place, other) = (Place::new(), Place::new());
    unpack(4, &place);
    let before = place.content();
    let export = place.told(StoreCommand::Export(ExportArgs { whole_only: true, ..ExportArgs::default() })).await;
    export.done();
    assert!(place.content() == before, "something was changed");
    other.told_of(import(Path::new("-")), &export.out).await.done();
    unpack_keys(4, &other);
    holds_everything(&other, 4).await;
    assert!(content(&other.store().join("archive")).len() == 1, "512 records and more fill a file of the archive");
}

fn scene_of_fixture(number: u64) -> SceneId {
    SceneId::new(format!("sl-fixture-{number:0>18}")).unwrap()
}
