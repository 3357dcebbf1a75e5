//! The power goes: of what was written since the last sync, anything may be on the disk, whole, in parts, or not.
//!
//! A library beneath the child writes down every write and every sync. From that record any cut can be made up: up to
//! the last sync that had returned everything is there; of the writes behind it, any sectors.

pub mod disk;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use scan_login::store::{self, EventStore};
use scan_login::vault::NoVault;

use crate::seed::{self, Seed};
use crate::{child, ledger};
use disk::Record;

/// The library, compiled once by the C compiler that Rust links with.
fn recorder() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journal/power/record.c");
        let compiled =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).args([source, "-ldl"]).status();
        assert!(compiled.unwrap().success());
        library
    })
}

/// A store as it was, and what then reached the disk beneath a child that appended to it.
async fn recorded(folder: &Path, seed: &mut Seed) -> (PathBuf, Record) {
    let path = folder.join("store");
    store::open_or_create(path.clone(), NoVault::opened).unwrap().close().await;
    let before = folder.join("before");
    disk::copy(&path, &before);

    let record = folder.join("record");
    let preload = [("LD_PRELOAD", recorder()), ("POWER_RECORD", record.as_path())];
    let output = child::start(&path, seed.next(), 3000, &preload).wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (before, Record::read(&record))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_survives_the_loss_of_all_that_was_not_synced() {
    let mut seed = Seed::new();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (before, record) = recorded(folder.path(), &mut seed).await;
    assert!(record.syncs() > 10 && record.archived() > 3, "the library beneath saw nothing");

    let (mut lost, mut survived) = (0, 0);
    for _ in 0..seed::rounds(20) {
        let cut = folder.path().join("cut");
        disk::copy(&before, &cut);
        let moment = record.moment(&mut seed);
        let acknowledged = ledger::acknowledged(&record.apply(moment, &cut, &mut seed));
        let found = ledger::check(&cut, &acknowledged).await;
        let least: u64 = acknowledged.keys().map(|number| ledger::records_of(*number)).sum();
        lost += u64::from(found == least);
        survived += u64::from(found > least);
        std::fs::remove_dir_all(&cut).unwrap();
    }
    println!("{lost} cuts left what was acknowledged, {survived} more than that");
}

/// The test above would be worth nothing if it could not fail: the same with a disk on which a sync does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn were_the_sync_left_out_the_loss_would_be_found() {
    let mut seed = Seed::new();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (before, record) = recorded(folder.path(), &mut seed).await;
    let record = record.without_syncs();
    let mut found = 0;
    for round in 0..10 {
        let cut = folder.path().join(format!("cut-{round}"));
        disk::copy(&before, &cut);
        let moment = record.moment(&mut seed);
        let acknowledged = ledger::acknowledged(&record.apply(moment, &cut, &mut seed));
        // It panics where something is gone; its words are told as those of a test that passes.
        let checked = tokio::spawn(async move { ledger::check(&cut, &acknowledged).await }).await;
        found += u64::from(checked.is_err());
    }
    assert!(found > 0, "ten cuts without any sync, and nobody missed anything");
}
