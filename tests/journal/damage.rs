//! A flipped byte anywhere in a store: the log is complete, or the store is refused as it was found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use scan_login::store::{self, Append, EventStore, OpenError, StoreError};
use scan_login::vault::NoVault;

use crate::power::disk;
use crate::seed::{self, Seed};
use crate::{child, ledger};

const FOLDER: &str = "JOURNAL_DAMAGE_FOLDER";
const CLOSED: &str = "closed";
const KILLED: &str = "killed";

/// A store that was closed in order, and what a kill would have left of it.
async fn stores(folder: &Path) -> u64 {
    let store = store::open_with(folder.join(CLOSED), child::limits(), NoVault::opened).unwrap();
    let mut number = 0;
    for burst in [1, 30, 1, 1, 300, 1, 1, 1, 120, 1].into_iter().cycle().take(60) {
        let burst = number..number + burst;
        number = burst.end;
        let append = |number| store.append(&ledger::scene(number), 0, ledger::at(number), ledger::events(number));
        for answer in futures_util::future::join_all(burst.clone().map(append)).await {
            assert!(matches!(answer, Ok(Append::Stored(_))), "{answer:?}");
        }
        burst.filter(|number| number % 3 > 0).for_each(|number| store.retire(&ledger::scene(number)));
    }
    let records = store.head().borrow().seq;
    let old = records - child::limits().young_records;
    store.archived().wait_for(|archived| *archived >= old - old % child::limits().file_records).await.unwrap();
    // What follows an acknowledgement is done before the next answer.
    let refused = store.append(&ledger::scene(0), 99, ledger::at(0), ledger::events(0)).await;
    assert!(matches!(refused, Ok(Append::Conflict { .. })), "{refused:?}");
    disk::copy(&folder.join(CLOSED), &folder.join(KILLED));
    store.close().await;
    records
}

/// Everything in a folder, to see that nothing was touched.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let archive = folder.join("archive");
    let entries = [folder, &archive].into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let entries = entries.map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Flips one byte, of the database or the archive mostly, and says where.
fn flip(folder: &Path, seed: &mut Seed) -> String {
    let files: Vec<PathBuf> = content(folder).into_keys().collect();
    let one_of = |files: Vec<PathBuf>, seed: &mut Seed| files[seed.below(files.len() as u64) as usize].clone();
    let file = match seed.below(5) {
        0 | 1 => folder.join("db"),
        2 | 3 => one_of(files.into_iter().filter(|file| file.starts_with(folder.join("archive"))).collect(), seed),
        _ => one_of(files, seed),
    };
    let mut bytes = std::fs::read(&file).unwrap();
    // Most of a young file's last segments is empty.
    let place = loop {
        let place = seed.below(bytes.len() as u64) as usize;
        if bytes[place] != 0 || seed.below(20) == 0 {
            break place;
        }
    };
    bytes[place] ^= 1 << seed.below(8);
    std::fs::write(&file, bytes).unwrap();
    format!("{} byte {place}", file.file_name().unwrap().to_string_lossy())
}

#[tokio::test]
async fn a_flipped_byte_anywhere_leaves_the_whole_log_or_a_refusal_as_it_was_found() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["damage::the_process_that_opens_damaged_stores", "--exact", "--nocapture"]);
    let output = child.env(FOLDER, folder.path()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.is_empty(), "something was told beside the error itself: {told}");
}

/// Not a test by itself: a process of its own, so that what sled's panics would tell can be seen.
#[tokio::test]
async fn the_process_that_opens_damaged_stores() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let mut seed = Seed::new();
    let records = stores(&folder).await;
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..seed::rounds(60) {
        let work = folder.join("work");
        let (base, has_snapshot) = ([CLOSED, KILLED][round as usize % 2], round / 2 % 2 == 0);
        disk::copy(&folder.join(base), &work);
        if !has_snapshot {
            let is_snapshot = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("snap.");
            content(&work).into_keys().filter(is_snapshot).for_each(|path| std::fs::remove_file(path).unwrap());
        }
        let place = flip(&work, &mut seed);
        let before = content(&work);
        let outcome = match store::open_existing(work.clone(), NoVault::opened) {
            Ok(store) => match store.read(1, usize::MAX).await {
                Ok(found) => {
                    assert_eq!(found.len() as u64, records, "{base}, {place}: a shorter log");
                    store.close().await;
                    "complete"
                }
                Err(StoreError::Damaged(told)) => panic!("{base}, {place}: opened, and then: {told}"),
                Err(other) => panic!("{base}, {place}: opened, and then: {other}"),
            },
            Err(error) => {
                let changed: Vec<_> = content(&work)
                    .into_iter()
                    .filter(|(path, bytes)| before.get(path) != Some(bytes))
                    .map(|(path, _)| path)
                    .collect();
                assert!(changed.is_empty(), "{base}, {place}: refused, and changed {changed:?}: {error}");
                assert!(matches!(error, OpenError::Store(_) | OpenError::Layout(_) | OpenError::Unusable { .. }));
                let told = error.to_string();
                assert!(!told.contains("panicked"), "{told}");
                if told.contains("archived records, these are missing or bad") {
                    "refused: archive"
                } else if told.contains("missing or bad") {
                    "refused: records"
                } else if told.contains("sled") {
                    "refused: sled"
                } else {
                    "refused: other"
                }
            }
        };
        *outcomes
            .entry(format!("{base}, {}snapshot: {outcome}", if has_snapshot { "" } else { "no " }))
            .or_default() += 1;
        std::fs::remove_dir_all(&work).unwrap();
    }
    println!("{records} records; {outcomes:#?}");
}
