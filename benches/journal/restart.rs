use std::time::Instant;

use scan_login::store::EventStore;
use serde_json::json;

use crate::{folder, history, median, memory, round};

const PENDING: u64 = 10_000;
const ROUNDS: usize = 5;

/// The process was killed, and is started again.
pub async fn ready(events: u64) -> serde_json::Value {
    let folder = folder();
    memory::run("child-fill", folder.path(), events);
    let mut after_kill = Vec::new();
    for _ in 0..ROUNDS {
        // Leaves without closing.
        memory::run("child-begin", folder.path(), 0);
        let began = Instant::now();
        let store = history::open(folder.path());
        let opened = began.elapsed().as_secs_f64();
        let pending = store.unretired().await.unwrap();
        after_kill.push((opened, began.elapsed().as_secs_f64()));
        assert!(pending.len() as u64 >= PENDING);
        store.close().await;
    }
    json!({
        "scenario": "restart", "events": events, "pending": PENDING, "rounds": ROUNDS,
        "store_mb": history::folder_bytes(folder.path()) / 1_000_000,
        "open_s": round(median(after_kill.iter().map(|(opened, _)| *opened))),
        "ready_s": round(median(after_kill.iter().map(|(_, ready)| *ready))), "target_s": 1,
    })
}

/// Fills a store, and leaves 10,000 sessions pending in it.
pub async fn fill(path: &std::path::Path, events: u64) {
    let store = history::open(path);
    history::fill(&store, events).await;
    history::archived(&store).await;
    let next = events / 4;
    history::begin(&store, next..next + PENDING).await;
    store.close().await;
}
