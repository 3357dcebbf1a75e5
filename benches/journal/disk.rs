use std::path::Path;

use scan_login::domain::Event;
use scan_login::store::{EventStore, MemoryMedium};
use serde_json::json;

use crate::{folder, history, logins, round};

const BURST_EVENTS: u64 = 1_000_000;
const LONE_EVENTS: u64 = 140_000;
/// The payload for which the target is set.
const TARGET_PAYLOAD: f64 = 70.0;

/// The whole folder, the index of the retired included: after bursts, and after appends that each came alone.
pub async fn bytes_an_event() -> serde_json::Value {
    let payload = payload_an_event().await;
    let burst = {
        let folder = folder();
        let store = history::open(folder.path());
        history::fill(&store, BURST_EVENTS).await;
        history::archived(&store).await;
        store.close().await;
        drop(store);
        parts(folder.path(), BURST_EVENTS)
    };
    let lone = {
        let folder = folder();
        let store = history::open(folder.path());
        for number in 0..LONE_EVENTS / 4 {
            for (expected, events) in logins::steps(number) {
                history::append(&store, number, expected, events).await;
            }
            store.retire(&logins::scene(number));
        }
        history::archived(&store).await;
        store.close().await;
        drop(store);
        parts(folder.path(), LONE_EVENTS)
    };
    let [burst, burst_archive, burst_index, burst_keys] = burst;
    let [lone, lone_archive, lone_index, _] = lone;
    json!({
        "scenario": "disk", "burst_events": BURST_EVENTS, "lone_events": LONE_EVENTS,
        "payload_bytes_an_event": round(payload), "encoded_bytes_an_event": round(history::encoded_bytes_an_event().await),
        "burst_bytes_an_event": round(burst), "burst_archive": round(burst_archive), "burst_index": round(burst_index), "burst_overhead_an_event": round(burst - payload),
        "lone_bytes_an_event": round(lone), "lone_archive": round(lone_archive), "lone_index": round(lone_index), "lone_overhead_an_event": round(lone - payload),
        "key_bytes_an_event": round(burst_keys),
        "burst_with_a_payload_of_70": round(burst - payload + TARGET_PAYLOAD),
        "lone_with_a_payload_of_70": round(lone - payload + TARGET_PAYLOAD), "target_bytes": 160,
    })
}

/// Bytes an event: of the whole store, of its archive, of its index of retired streams; and of the keys beside it.
fn parts(path: &Path, events: u64) -> [f64; 4] {
    let of = |path: &Path| history::folder_bytes(path) as f64 / events as f64;
    let keys = of(&history::keys(path));
    [of(path) - keys, of(&path.join("archive")), of(&path.join("streams")), keys]
}

/// What the records hold beside their envelope: a record without a payload is subtracted.
async fn payload_an_event() -> f64 {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    history::append(&store, 0, 0, vec![Event::Expired; 40]).await;
    let envelope = medium.log_bytes() as f64 / 40.0;
    history::encoded_bytes_an_event().await - envelope
}
