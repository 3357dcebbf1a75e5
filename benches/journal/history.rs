//! A store with a past.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use scan_login::domain::Event;
use scan_login::store::{self, Append, ArchiveLimits, EventStore, Journal, MemoryMedium};
use scan_login::vault;

use crate::logins;

/// Logins that are under way at the same time.
const AT_ONCE: u64 = 256;

pub async fn append(store: &Journal, number: u64, expected: u32, events: Vec<Event>) {
    let stored = store.append(&logins::scene(number), expected, logins::at(number), events).await;
    assert!(matches!(stored, Ok(Append::Stored(_))), "{stored:?}");
}

/// Appends whole logins in bursts, `events` in all, and retires them.
pub async fn fill(store: &Journal, events: u64) {
    let logins = events / 4;
    for first in (0..logins).step_by(usize::try_from(AT_ONCE).unwrap()) {
        burst(store, first..(first + AT_ONCE).min(logins)).await;
    }
}

async fn burst(store: &Journal, numbers: std::ops::Range<u64>) {
    for step in 0..3 {
        join_all(numbers.clone().map(|number| {
            let (expected, events) = logins::steps(number)[step].clone();
            append(store, number, expected, events)
        }))
        .await;
    }
    numbers.for_each(|number| store.retire(&logins::scene(number)));
}

/// Waits until the writer has done what follows the acknowledgements, the index of the retired above all.
pub async fn settle(store: &Journal) {
    let refused = store.append(&logins::scene(u64::MAX), 99, logins::at(0), vec![Event::Expired]).await;
    assert!(matches!(refused, Ok(Append::Conflict { .. })), "{refused:?}");
}

/// Waits until everything that is old enough lies in the archive alone.
pub async fn archived(store: &Journal) {
    let limits = ArchiveLimits::default();
    let old = store.head().borrow().seq.saturating_sub(limits.young_records);
    let due = old - old % limits.file_records;
    store.archived().wait_for(|archived| *archived >= due).await.unwrap();
}

/// Begins sessions that stay pending.
pub async fn begin(store: &Journal, numbers: std::ops::Range<u64>) {
    for first in numbers.clone().step_by(usize::try_from(AT_ONCE).unwrap()) {
        let numbers = first..(first + AT_ONCE).min(numbers.end);
        join_all(numbers.map(|number| append(store, number, 0, vec![logins::created(number)]))).await;
    }
}

/// Inside the folder that goes with the measurement; a daemon's are elsewhere.
pub fn keys(path: &Path) -> PathBuf {
    path.join("keys")
}

pub fn open(path: &Path) -> Journal {
    let keys = keys(path);
    store::open_or_create(path.to_owned(), move || vault::open_or_create(&keys)).unwrap()
}

/// The bytes of the encoded chunks of one burst of logins, an event: what no store can do without.
pub async fn encoded_bytes_an_event() -> f64 {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    burst(&store, 0..AT_ONCE).await;
    let events = store.head().borrow().seq;
    medium.log_bytes() as f64 / events as f64
}

/// The bytes of all files under `path`.
pub fn folder_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata().unwrap() {
            metadata if metadata.is_dir() => folder_bytes(&entry.path()),
            metadata => metadata.len(),
        })
        .sum()
}
