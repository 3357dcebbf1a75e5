use std::time::Instant;

use futures_util::future::join_all;
use scan_login::store::{EventStore, MemoryMedium};
use serde_json::json;

use crate::{folder, history, logins, median, raw::RawFile, round};

const GROUP: u64 = 256;
/// Groups that are measured together, in turn with as many of the raw file.
const ROUND: u64 = 20;
const PAIRS: u64 = 21;
const LONE_PAIRS: u64 = 1001;

/// 256 clients that all append one event at once, and the next when all are answered.
pub async fn group() -> serde_json::Value {
    let folder = folder();
    let store = history::open(&folder.path().join("store"));
    let mut raw = RawFile::create(&folder.path().join("raw"));
    let bytes = vec![0x5a; created_bytes(GROUP).await];
    let (mut journal_rates, mut raw_rates) = (Vec::new(), Vec::new());
    for pair in 0..=PAIRS {
        let events: Vec<Vec<_>> = (0..ROUND)
            .map(|group| {
                let first = (pair * ROUND + group) * GROUP;
                (first..first + GROUP).map(|number| (number, logins::created(number))).collect()
            })
            .collect();
        let began = Instant::now();
        for group in events {
            join_all(group.into_iter().map(|(number, event)| history::append(&store, number, 0, vec![event]))).await;
        }
        journal_rates.push((ROUND * GROUP) as f64 / began.elapsed().as_secs_f64());
        let began = Instant::now();
        (0..ROUND).for_each(|_| raw.append(&bytes));
        raw_rates.push((ROUND * GROUP) as f64 / began.elapsed().as_secs_f64());
        for number in pair * ROUND * GROUP..(pair + 1) * ROUND * GROUP {
            store.retire(&logins::scene(number));
        }
        history::settle(&store).await;
    }
    store.close().await;
    // The first pair warms up.
    let ratio = median(journal_rates[1..].iter().zip(&raw_rates[1..]).map(|(journal, raw)| 100.0 * journal / raw));
    json!({
        "scenario": "group", "pairs": PAIRS, "groups_a_round": ROUND, "events_a_group": GROUP,
        "bytes_an_event": bytes.len() as u64 / GROUP,
        "journal_events_a_second": median(journal_rates[1..].iter().copied()).round(),
        "raw_events_a_second": median(raw_rates[1..].iter().copied()).round(),
        "percent_of_raw": round(ratio), "target_percent": 50,
    })
}

/// One client, one event at a time.
pub async fn lone() -> serde_json::Value {
    let folder = folder();
    let store = history::open(&folder.path().join("store"));
    let mut raw = RawFile::create(&folder.path().join("raw"));
    let bytes = vec![0x5a; created_bytes(1).await];
    let (mut journal_times, mut raw_times) = (Vec::new(), Vec::new());
    for number in 0..LONE_PAIRS {
        let event = logins::created(number);
        let began = Instant::now();
        history::append(&store, number, 0, vec![event]).await;
        journal_times.push(began.elapsed().as_secs_f64() * 1e6);
        let began = Instant::now();
        raw.append(&bytes);
        raw_times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    store.close().await;
    let times = median(journal_times.iter().zip(&raw_times).map(|(journal, raw)| journal / raw));
    json!({
        "scenario": "lone", "pairs": LONE_PAIRS, "bytes": bytes.len(),
        "journal_us": median(journal_times).round(), "raw_us": median(raw_times).round(),
        "times_raw": round(times), "target_times": 2,
    })
}

/// How many bytes the chunks of that many events have.
async fn created_bytes(events: u64) -> usize {
    let medium = MemoryMedium::new();
    history::begin(&medium.open().unwrap(), 0..events).await;
    medium.log_bytes()
}
