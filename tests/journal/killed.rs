//! `kill -9` at random moments, under load: what was acknowledged is there.

use std::time::Duration;

use scan_login::store::{self, EventStore};
use scan_login::vault::NoVault;

use crate::seed::{self, Seed};
use crate::{child, ledger};

/// Rounds on one store: its log is read as a whole after each.
const ROUNDS_A_STORE: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_survives_being_killed_at_any_moment() {
    let mut seed = Seed::new();
    let (mut acknowledged, mut found) = (0, 0);
    let mut folder = None;
    for round in 0..seed::rounds(12) {
        if round % ROUNDS_A_STORE == 0 {
            folder = Some(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
            let path = folder.as_ref().unwrap().path().join("store");
            store::open_or_create(path, NoVault::opened).unwrap().close().await;
        }
        let path = folder.as_ref().unwrap().path().join("store");
        let mut child = child::start(&path, seed.next(), u64::MAX / 20, &[]);
        // Also while it starts, which takes a few milliseconds of these.
        std::thread::sleep(Duration::from_micros(seed.below(300_000)));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.stderr.is_empty(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        let entries = ledger::acknowledged(&std::fs::read(child::acks(&path)).unwrap_or_default());
        found = ledger::check(&path, &entries).await;
        acknowledged = entries.len();
    }
    println!("the last store: {acknowledged} appends acknowledged, {found} records found");
}
