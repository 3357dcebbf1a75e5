use std::time::Instant;

use futures_util::future::{join, join_all};
use scan_login::domain::Event;
use scan_login::store::{EventStore, Journal, MemoryMedium};
use scan_login::vault::{self, Field, Handle, Place};
use serde_json::json;

use crate::{folder, history, logins, median, raw::RawFile, round};

const GROUP: u64 = 256;
/// Groups that are measured together, in turn with as many of the raw file.
const ROUND: u64 = 20;
const PAIRS: u64 = 21;
const LONE_PAIRS: u64 = 1001;

/// 256 clients that all append one event at once, and the next when all are answered; and twice as many, so that a group waits while
/// the one before is written. Sessions of visitors, each of whom gets a key, or of nobody, for whom none is made.
pub async fn group(with_keys: bool) -> serde_json::Value {
    let make = if with_keys { logins::created } else { logins::created_for_nobody };
    let folder = folder();
    let store = history::open(&folder.path().join("store"));
    let mut raw = RawFile::create(&folder.path().join("raw"));
    let bytes = vec![0x5a; encoded_bytes(GROUP, make).await];
    let (mut journal_rates, mut waiting_rates, mut raw_rates) = (Vec::new(), Vec::new(), Vec::new());
    let groups = |first: u64| -> Vec<Vec<_>> {
        let group = |group| (first + group * GROUP..first + (group + 1) * GROUP).map(|number| (number, make(number)));
        (0..ROUND).map(|number| group(number).collect()).collect()
    };
    for pair in 0..=PAIRS {
        let first = 2 * pair * ROUND * GROUP;
        let events = groups(first);
        let began = Instant::now();
        append_in_turn(&store, events).await;
        journal_rates.push(rate(began));
        let mut some = groups(first + ROUND * GROUP);
        let others = some.split_off(some.len() / 2);
        let began = Instant::now();
        join(append_in_turn(&store, some), append_in_turn(&store, others)).await;
        waiting_rates.push(rate(began));
        raw_rates.push(raw_round(&mut raw, &bytes));
        (first..first + 2 * ROUND * GROUP).for_each(|number| store.retire(&logins::scene(number)));
        history::settle(&store).await;
    }
    store.close().await;
    json!({
        "scenario": if with_keys { "group" } else { "group-without-keys" },
        "pairs": PAIRS, "groups_a_round": ROUND, "events_a_group": GROUP, "bytes_an_event": bytes.len() as u64 / GROUP,
        "journal_events_a_second": median_behind_the_first(&journal_rates).round(),
        "raw_events_a_second": median_behind_the_first(&raw_rates).round(),
        "percent_of_raw": percent(&journal_rates, &raw_rates), "target_percent": 50,
        "with_a_group_waiting_events_a_second": median_behind_the_first(&waiting_rates).round(),
        "with_a_group_waiting_percent_of_raw": percent(&waiting_rates, &raw_rates),
    })
}

/// Appends the events of a group at once; then the next.
async fn append_in_turn(store: &Journal, groups: Vec<Vec<(u64, Event)>>) {
    for group in groups {
        join_all(group.into_iter().map(|(number, event)| history::append(store, number, 0, vec![event]))).await;
    }
}

/// What no journal over sled can do without, in turn with the raw file: the bytes of such groups inserted into a tree in
/// values of 8 KiB, flushed and synced, by one thread and with nothing else; and 256 new keys made, sealed with, and synced.
pub async fn group_floor() -> serde_json::Value {
    let folder = folder();
    let db = sled::Config::new().path(folder.path().join("sled")).cache_capacity(8 << 20).flush_every_ms(None);
    let tree = db.open().unwrap();
    let file = std::fs::File::options().write(true).open(folder.path().join("sled/db")).unwrap();
    let keys = vault::open_or_create(&folder.path().join("keys")).unwrap();
    let mut raw = RawFile::create(&folder.path().join("raw"));
    let bytes = vec![0x5a; encoded_bytes(GROUP, logins::created).await];
    let (mut sled_rates, mut key_rates, mut raw_rates) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..=PAIRS {
        let first = pair * ROUND * GROUP;
        let began = Instant::now();
        for group in 0..ROUND {
            for (place, value) in (first + group * GROUP..).zip(bytes.chunks(8 * 1024)) {
                tree.insert(place.to_be_bytes(), value).unwrap();
            }
            tree.flush().unwrap();
            file.sync_data().unwrap();
        }
        sled_rates.push(rate(began));
        let scenes: Vec<_> = (first..first + ROUND * GROUP).map(logins::scene).collect();
        let began = Instant::now();
        for group in scenes.chunks(GROUP as usize) {
            for scene in group {
                let place = Place { scene, scene_seq: 1, field: Field::Visitor };
                keys.seal(Handle::of_scene(scene), place, &[0x5a; 128]).unwrap();
            }
            keys.sync().unwrap();
        }
        key_rates.push(rate(began));
        raw_rates.push(raw_round(&mut raw, &bytes));
    }
    json!({
        "scenario": "group-floor", "pairs": PAIRS, "events_a_group": GROUP, "bytes_an_event": bytes.len() as u64 / GROUP,
        "sled_events_a_second": median_behind_the_first(&sled_rates).round(),
        "keys_a_second": median_behind_the_first(&key_rates).round(),
        "raw_events_a_second": median_behind_the_first(&raw_rates).round(),
        "sled_percent_of_raw": percent(&sled_rates, &raw_rates), "keys_percent_of_raw": percent(&key_rates, &raw_rates),
    })
}

fn rate(began: Instant) -> f64 {
    (ROUND * GROUP) as f64 / began.elapsed().as_secs_f64()
}

fn raw_round(raw: &mut RawFile, bytes: &[u8]) -> f64 {
    let began = Instant::now();
    (0..ROUND).for_each(|_| raw.append(bytes));
    rate(began)
}

/// The first pair warms up.
fn median_behind_the_first(rates: &[f64]) -> f64 {
    median(rates[1..].iter().copied())
}

fn percent(rates: &[f64], raw_rates: &[f64]) -> f64 {
    round(median(rates[1..].iter().zip(&raw_rates[1..]).map(|(rate, raw)| 100.0 * rate / raw)))
}

/// One client, one event at a time; with a new key each, which is a second sync beside the first, or without.
pub async fn lone(with_keys: bool) -> serde_json::Value {
    let make = if with_keys { logins::created } else { logins::created_for_nobody };
    let folder = folder();
    let store = history::open(&folder.path().join("store"));
    let mut raw = RawFile::create(&folder.path().join("raw"));
    let bytes = vec![0x5a; encoded_bytes(1, make).await];
    let (mut journal_times, mut raw_times) = (Vec::new(), Vec::new());
    for number in 0..LONE_PAIRS {
        let event = make(number);
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
        "scenario": if with_keys { "lone" } else { "lone-without-keys" }, "pairs": LONE_PAIRS, "bytes": bytes.len(),
        "journal_us": median(journal_times).round(), "raw_us": median(raw_times).round(),
        "times_raw": round(times), "target_times": 2,
    })
}

/// How many bytes the chunks of that many events have.
async fn encoded_bytes(events: u64, make: fn(u64) -> Event) -> usize {
    let medium = MemoryMedium::new();
    let store = medium.open().unwrap();
    join_all((0..events).map(|number| history::append(&store, number, 0, vec![make(number)]))).await;
    medium.log_bytes()
}
