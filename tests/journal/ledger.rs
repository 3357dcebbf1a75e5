//! What was acknowledged, and whether a log still holds it.

use std::collections::HashMap;
use std::path::Path;

use scan_login::domain::{Event, Recorded, SceneId, Timestamp};
use scan_login::store::{self, EventStore, Journal};
use scan_login::vault::NoVault;

/// How one acknowledged append is written down: number and first sequence, little-endian.
pub const ENTRY: usize = 16;

/// The scene of an append; the number says how many records it has, too.
pub fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{number:0>22}")).unwrap()
}

pub const fn records_of(number: u64) -> u64 {
    1 + number % 5
}

pub fn events(number: u64) -> Vec<Event> {
    vec![Event::Expired; usize::try_from(records_of(number)).unwrap()]
}

pub fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(number.cast_signed())
}

pub fn entry(number: u64, first_seq: u64) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..].copy_from_slice(&first_seq.to_le_bytes());
    bytes
}

/// The acknowledged appends: at which sequence each begins. The last entry may be cut off: it was not given yet.
pub fn acknowledged(bytes: &[u8]) -> HashMap<u64, u64> {
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    bytes.chunks_exact(ENTRY).map(|entry| (number(&entry[..8]), number(&entry[8..]))).collect()
}

/// Opens the store under `path` and checks all of it; how many records it has.
pub async fn check(path: &Path, acknowledged: &HashMap<u64, u64>) -> u64 {
    let store = store::open_existing(path.to_owned(), NoVault::opened)
        .unwrap_or_else(|error| panic!("it does not open: {error}"));
    let records = whole(&store).await;
    let starts: HashMap<&SceneId, u64> =
        records.iter().filter(|record| record.scene_seq == 1).map(|record| (&record.scene, record.seq)).collect();
    for (number, first_seq) in acknowledged {
        assert_eq!(starts.get(&scene(*number)), Some(first_seq), "append {number} was acknowledged there");
    }
    // And it can be written.
    let stored =
        store.append(&SceneId::new(format!("sl-next-{:0>16}", records.len())).unwrap(), 0, at(1), events(0)).await;
    let Ok(store::Append::Stored(stored)) = stored else { panic!("it cannot be written: {stored:?}") };
    assert_eq!(stored[0].seq, records.len() as u64 + 1);
    store.close().await;
    records.len() as u64
}

/// The whole log: without a hole, each append whole, each stream counted from one.
async fn whole(store: &Journal) -> Vec<Recorded> {
    let records = store.read(1, usize::MAX).await.unwrap_or_else(|error| panic!("it cannot be read: {error}"));
    assert_eq!(store.head().borrow().seq, records.len() as u64);
    for (seq, record) in (1..).zip(&records) {
        assert_eq!(record.seq, seq, "a hole");
    }
    for append in records.chunk_by(|one, other| one.scene == other.scene) {
        let expected = append[0]
            .scene
            .as_str()
            .strip_prefix("sl-next-")
            .map_or_else(|| records_of(append[0].scene.as_str()[3..].parse().unwrap()), |_| 1);
        assert_eq!(append.len() as u64, expected, "half of an append: {}", append[0].scene);
        assert!((1..).zip(append).all(|(place, record)| record.scene_seq == place));
    }
    records
}
