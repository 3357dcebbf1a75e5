//! What the journal costs: `cargo bench --bench journal [-- SCENARIO…] [--long]`, one JSON object a scenario.
//!
//! | scenario | what is measured |
//! |---|---|
//! | `group` | events a second at groups of 256 concurrent appends, beside a raw file that is appended and synced |
//! | `group-without-keys` | the same of sessions whose visitors are not told of: no key is made for them |
//! | `group-floor` | what is left of it where sled, or the keys, do nothing else |
//! | `lone` | a lone durable append, beside the same |
//! | `lone-without-keys` | the same of an event for which no key is made, as most are |
//! | `disk` | bytes of the whole folder an event, after bursts and after lone appends |
//! | `replay` | all history decoded and folded: with persons left sealed, as a report reads it, and with each opened |
//! | `restart` | from a killed process to an open journal with its pending sessions read |
//! | `audit` | the log hashed, held against its last checkpoint at a start, and verified as a whole |
//! | `memory` | resident memory of a start, of appends and of a full scan, with little history and with much |
//!
//! Journal and raw file take turns, so that both meet the same noise; medians of the pairs are told. `--long` takes the
//! sizes at which the targets are set (5 million events); without it, less. Stores lie under `target/tmp`.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

mod append;
mod audit;
mod disk;
mod history;
mod logins;
mod memory;
mod raw;
mod replay;
mod restart;

use std::path::PathBuf;

/// Events of history where a scenario has one.
const EVENTS: u64 = 500_000;
const EVENTS_LONG: u64 = 5_000_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let Some((task, words)) = words.split_first().filter(|(task, _)| task.starts_with("child-")) {
        return memory::child(task, words);
    }
    let is_long = words.iter().any(|word| word == "--long");
    let chosen = |name: &str| {
        let mut names = words.iter().filter(|word| !word.starts_with("--")).peekable();
        names.peek().is_none() || names.any(|word| word == name)
    };
    let events = if is_long { EVENTS_LONG } else { EVENTS };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let tell = |name: &str, measure: &mut dyn FnMut() -> serde_json::Value| {
        if chosen(name) {
            println!("{}", measure());
        }
    };
    tell("group", &mut || runtime.block_on(append::group(true)));
    tell("group-without-keys", &mut || runtime.block_on(append::group(false)));
    tell("group-floor", &mut || runtime.block_on(append::group_floor()));
    tell("lone", &mut || runtime.block_on(append::lone(true)));
    tell("lone-without-keys", &mut || runtime.block_on(append::lone(false)));
    tell("disk", &mut || runtime.block_on(disk::bytes_an_event()));
    tell("replay", &mut || runtime.block_on(replay::whole_history(events)));
    tell("restart", &mut || runtime.block_on(restart::ready(events)));
    tell("audit", &mut || runtime.block_on(audit::whole_history(events)));
    tell("memory", &mut || memory::resident(events));
}

/// A folder on the disk, not in memory, as `/tmp` may be.
fn folder() -> tempfile::TempDir {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    tempfile::Builder::new().prefix("journal-bench-").tempdir_in(root).unwrap()
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
