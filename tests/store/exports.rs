//! An export is the journal, wherever it is carried.

use std::path::Path;

use scan_login::cli::Exit;
use scan_login::cli::store::{ExportArgs, StoreCommand};
use scan_login::domain::Event;
use scan_login::store::{self, EventStore, Fingerprint};

use crate::program::*;
use crate::support::*;
use crate::world::*;

fn to(path: &Path) -> StoreCommand {
    StoreCommand::Export(ExportArgs { to: Some(path.to_owned()), ..ExportArgs::default() })
}

#[tokio::test]
async fn the_daemon_and_the_store_export_the_same_bytes() {
    let place = Place::with_store().await;
    let offline = place.exported().await;
    let daemon =
        Daemon::start(store::open_existing(place.store(), place.vault()).unwrap(), &place.config.admin.socket).await;
    assert!(daemon.socket.exists(), "there is nobody to ask");
    assert_eq!(place.exported().await, offline);
    append(&*daemon.store, "c", 0, 9, vec![created(None)]).await;
    assert_eq!(String::from_utf8(place.exported().await).unwrap().lines().count(), 1 + 7 + 1);
    daemon.stop().await;
}

#[tokio::test]
async fn an_imported_store_is_the_exported_one() {
    let (place, other) = (Place::with_store().await, Place::new());
    let file = place.file("journal.jsonl");
    let told = place.told(to(&file)).await;
    assert_eq!((told.exit, told.err.as_str(), told.out.len()), (Exit::Done, "exported 6 of 6 records\n", 0));
    assert_eq!(mode(&file), 0o600);
    let told = other.told(import(&file)).await;
    assert_eq!((told.exit, told.err.as_str()), (Exit::Done, "imported 6 records into DIR/data\n"));
    let fingerprint = |records: &[store::RawRecord]| {
        let mut fingerprint = Fingerprint::default();
        records.iter().for_each(|record| fingerprint.add(record));
        fingerprint.to_hex()
    };
    let (from, into) = (place.records().await, other.records().await);
    assert_eq!(into, from);
    assert_eq!(fingerprint(&into), fingerprint(&from));
    assert_eq!(other.exported().await, std::fs::read(&file).unwrap());
    // And it goes on.
    let journal = store::open_existing(other.store(), other.vault()).unwrap();
    append(&journal, "c", 0, 9, vec![created(None), Event::Expired]).await;
    assert_eq!(journal.head().borrow().seq, 8);
    journal.close().await;
}

#[tokio::test]
async fn an_empty_journal_travels_too() {
    let (place, other) = (Place::new(), Place::new());
    place.create().close().await;
    let export = place.exported().await;
    other.told_of(import(Path::new("-")), &export).await.done();
    assert_eq!(other.exported().await, export);
}

#[tokio::test]
async fn a_store_that_is_there_is_not_imported_into() {
    let place = Place::with_store().await;
    let export = place.exported().await;
    let before = place.content();
    place.told_of(import(Path::new("-")), &export).await.failed("DIR/data is not empty");
    assert!(place.content() == before, "something was touched");
}

#[tokio::test]
async fn a_failed_import_leaves_nothing_behind() {
    let export = Place::with_store().await.exported().await;
    let place = Place::new();
    let before = place.content();
    let mut flipped = export.clone();
    flipped[200] ^= 1;
    let newer = String::from_utf8(export.clone()).unwrap().replacen("\"version\":1", "\"version\":9", 1);
    for (input, told) in [
        (&export[..export.len() - 1], "the export is cut off: it ends behind line 7"),
        (&export[..export.len() / 2], "the export is cut off"),
        (&flipped, "the export is damaged in line"),
        (newer.as_bytes(), "the export has version 9 of the format, and this program knows version 2"),
        (b"{\"seq\":1,\"type\":\"created\"}\n", "this is not an export of a scan-login journal"),
        (b"", "this is not an export of a scan-login journal"),
    ] {
        place.told_of(import(Path::new("-")), input).await.failed(told);
        assert!(place.content() == before, "{told}: something was left behind");
    }
    place.told(import(Path::new("/nowhere/at/all"))).await.failed("/nowhere/at/all: No such file");
    assert!(place.content() == before, "something was left behind");
}

/// What a kill leaves is no store that a daemon would open, and is not in the way of the next attempt.
#[tokio::test]
async fn an_import_that_is_killed_before_any_change_leaves_no_store() {
    let from = Place::new();
    // Most of its records come into the archive.
    crate::older::unpack(4, &from);
    let export = from.exported().await;
    let mut kills = 0;
    for last in (1..).step_by(3) {
        let place = Place::new();
        let file = place.file("journal.jsonl");
        std::fs::write(&file, &export).unwrap();
        let mut import = place.command("store import");
        let output = import.arg(&file).env("LD_PRELOAD", dying()).env("DIE_AT", last.to_string()).output().unwrap();
        if place.store().exists() {
            assert_eq!(place.records().await, from.records().await, "half of it is there");
        }
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
        kills += 1;
        if !place.store().exists() {
            place.told(crate::support::import(&file)).await.done();
        }
    }
    assert!(kills > 5, "it was killed {kills} times");
}

#[tokio::test]
async fn a_file_that_is_there_is_not_overwritten() {
    let place = Place::with_store().await;
    let file = place.file("journal.jsonl");
    std::fs::write(&file, "mine").unwrap();
    place.told(to(&file)).await.failed("DIR/journal.jsonl is there already");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    place.told(to(&place.file("no/such/folder"))).await.failed("DIR/no/such/folder cannot be written");
}

#[tokio::test]
async fn info_tells_how_much_of_the_disk_the_archive_takes() {
    let place = Place::new();
    crate::older::unpack(store::LAYOUT, &place);
    let told = place.told(StoreCommand::Info).await;
    told.done();
    let out = String::from_utf8(told.out).unwrap();
    let line = out.lines().find(|line| line.ends_with("  archive/")).unwrap_or_else(|| panic!("{out}"));
    let bytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let files = std::fs::read_dir(place.store().join("archive")).unwrap().map(|entry| entry.unwrap());
    assert!(bytes >= files.map(|file| file.metadata().unwrap().len()).sum::<u64>() && bytes > 10_000, "{out}");
    assert!(out.contains("records    609\n"), "{out}");
    assert!(out.lines().any(|line| line.ends_with("  streams/")), "{out}");
}

#[tokio::test]
async fn info_tells_what_is_there() {
    let place = Place::with_store().await;
    let told = place.told(StoreCommand::Info).await;
    told.done();
    let out = String::from_utf8(told.out).unwrap();
    for line in [
        &format!("layout     {}\n", store::LAYOUT) as &str,
        "daemon     does not run\n",
        "records    6\n",
        "first      2026-01-02T03:04:06.000000Z\n",
        "last       2026-01-02T03:04:10.000000Z\n",
        "unretired  2 sessions that a start looks at\n",
        "  db\n",
    ] {
        assert!(out.contains(line), "{line}{out}");
    }
    let daemon =
        Daemon::start(store::open_existing(place.store(), place.vault()).unwrap(), &place.config.admin.socket).await;
    let out = String::from_utf8(place.told(StoreCommand::Info).await.out).unwrap();
    assert!(out.contains("daemon     runs\n") && out.contains("records    6\n"), "{out}");
    daemon.stop().await;
    Place::new().told(StoreCommand::Info).await.failed("there is no journal in DIR/data");
}
