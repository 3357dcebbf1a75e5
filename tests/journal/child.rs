//! The process that is killed: it appends, alone and in bursts, and writes down what was acknowledged.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use scan_login::store::{self, Append, ArchiveLimits, EventStore, Journal};
use scan_login::vault::NoVault;

use crate::ledger::{self, ENTRY};
use crate::seed::Seed;

const STORE: &str = "JOURNAL_CHILD_STORE";
const SEED: &str = "JOURNAL_CHILD_SEED";
const APPENDS: &str = "JOURNAL_CHILD_APPENDS";

/// Small, so that much is archived while little is written.
pub fn limits() -> ArchiveLimits {
    ArchiveLimits { file_records: 512, young_records: 256, ..ArchiveLimits::default() }
}

/// Where the child writes down what was acknowledged.
pub fn acks(path: &Path) -> std::path::PathBuf {
    path.with_extension("acks")
}

/// Runs the child below on the store under `path`; it ends by itself only after `appends` appends.
pub fn start(path: &Path, seed: u64, appends: u64, environment: &[(&str, &Path)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child::the_process_that_is_killed", "--exact", "--nocapture"]);
    command.env(STORE, path).env(SEED, seed.to_string()).env(APPENDS, appends.to_string());
    command.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Not a test by itself: without its variables it does nothing.
#[test]
fn the_process_that_is_killed() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(load(Path::new(&path), Seed::from(number(SEED)), number(APPENDS)));
}

async fn load(path: &Path, mut seed: Seed, appends: u64) {
    let store = store::open_with(path.to_owned(), limits(), NoVault::opened).unwrap();
    let ledger = File::options().write(true).create(true).truncate(false).open(acks(path)).unwrap();
    let place = AtomicU64::new(ledger.metadata().unwrap().len() / ENTRY as u64);
    // Numbers never come twice, in whichever life.
    let mut next = 10 * (store.head().borrow().seq + 1);
    let last = next + appends;
    while next < last {
        let burst = match seed.below(3) {
            0 => 1,
            1 => 1 + seed.below(8),
            _ => 1 + seed.below(300),
        };
        let numbers = next..(next + burst).min(last);
        next = numbers.end;
        futures_util::future::join_all(numbers.clone().map(|number| append(&store, &ledger, &place, number))).await;
        numbers.filter(|_| seed.below(4) > 0).for_each(|number| store.retire(&ledger::scene(number)));
    }
    store.close().await;
}

async fn append(store: &Journal, ledger: &File, place: &AtomicU64, number: u64) {
    let stored = store.append(&ledger::scene(number), 0, ledger::at(number), ledger::events(number)).await;
    let Ok(Append::Stored(records)) = stored else { panic!("it was not stored: {stored:?}") };
    let place = place.fetch_add(1, Ordering::Relaxed) * ENTRY as u64;
    ledger.write_all_at(&ledger::entry(number, records[0].seq), place).unwrap();
}
