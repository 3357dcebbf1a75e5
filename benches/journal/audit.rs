use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use scan_login::audit::{Checkpointer, Checks, IfOther, Setup, read_all, read_subtrees};
use scan_login::clock::Clock;
use scan_login::store::{EventStore, Journal};

use crate::{folder, history, round};

/// The whole log hashed and signed once, then what a start adds by holding it against that, and a whole audit.
pub async fn whole_history(events: u64) -> serde_json::Value {
    let folder = folder();
    let (store, keys) = (folder.path().join("store"), folder.path().join("keys"));
    let journal: Arc<Journal> = Arc::new(history::open(&store));
    history::fill(&journal, events).await;
    history::settle(&journal).await;
    let setup = Setup {
        store: journal.clone(),
        folder: store.clone(),
        key: keys.join("checkpoint.key"),
        keys,
        site: "login.example.com".into(),
        clock: Clock::system(),
    };
    let records = journal.head().borrow().seq;
    let first = Arc::new(Checkpointer::start(setup.clone(), IfOther::Refuse).await.unwrap());
    let began = Instant::now();
    first.checkpoint().await.unwrap();
    let hashed = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let again = Checkpointer::start(setup, IfOther::Refuse).await.unwrap();
    let start = began.elapsed().as_secs_f64();
    drop(again);
    let verified = verified(&journal, &store).await;
    serde_json::json!({
        "scenario": "audit",
        "records": records,
        "hashed_a_second": round(records as f64 / hashed),
        "start_adds_ms": round(start * 1000.0),
        "verified_a_second": round(records as f64 / verified),
    })
}

/// Seconds for a whole audit, but for the index.
async fn verified(journal: &Journal, store: &Path) -> f64 {
    let began = Instant::now();
    let mut checks = Checks::new(&read_all(store).unwrap(), read_subtrees(store).unwrap());
    let mut next = 1;
    loop {
        let batch = journal.read_raw(next, 1024).await.unwrap();
        let Some(last) = batch.last() else { break };
        next = last.seq + 1;
        batch.iter().for_each(|record| drop(checks.take(record).unwrap()));
    }
    checks.finish().unwrap();
    began.elapsed().as_secs_f64()
}
