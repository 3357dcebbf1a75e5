//! Resident memory, each figure from a process of its own.

use std::path::Path;
use std::process::Command;

use scan_login::store::EventStore;
use serde_json::json;

use crate::{folder, history, logins, replay, restart};

/// Events that a running daemon takes.
const RUNNING: u64 = 20_000;

/// With a tenth of the history, and with all of it.
pub fn resident(events: u64) -> serde_json::Value {
    let measure = |events| {
        let folder = folder();
        run("child-fill", folder.path(), events);
        let of = |task| run(task, folder.path(), events);
        (of("child-start"), of("child-append"), of("child-scan"))
    };
    let (little, much) = (measure(events / 10), measure(events));
    json!({
        "scenario": "memory", "little_events": events / 10, "much_events": events, "pending": 10_000,
        "start_mb": [little.0, much.0], "running_mb": [little.1, much.1], "full_scan_mb": [little.2, much.2],
    })
}

/// Runs a task in a process of its own, and returns what it prints: its peak of resident memory, in megabytes.
pub fn run(task: &str, path: &Path, events: u64) -> u64 {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this).arg(task).arg(path).arg(events.to_string()).output().unwrap();
    let is_done = output.status.success() || output.status.code().is_none();
    assert!(is_done, "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

pub fn child(task: &str, words: &[String]) {
    let (path, events) = (Path::new(&words[0]), words[1].parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match task {
            "child-fill" => restart::fill(path, events).await,
            "child-begin" => {
                let store = history::open(path);
                let first = 1_000_000_000 + store.head().borrow().seq;
                history::begin(&store, first..first + 64).await;
                println!("{}", peak_mb());
                // As a kill does: nothing is closed, no destructor runs.
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
            }
            "child-start" => drop(history::open(path).unretired().await.unwrap()),
            "child-append" => {
                let store = history::open(path);
                let pending = store.unretired().await.unwrap();
                history::begin(&store, 2_000_000_000..2_000_000_000 + RUNNING).await;
                (2_000_000_000..2_000_000_000 + RUNNING).for_each(|number| store.retire(&logins::scene(number)));
                drop(pending);
                store.close().await;
            }
            _ => drop(replay::fold(path, replay::Persons::Opened).await),
        }
    });
    println!("{}", peak_mb());
}

fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
