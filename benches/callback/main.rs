//! What a callback costs: `cargo bench --bench callback`.
//!
//! 1. `safe_beyond_plain`: the daemon's CPU time for a callback in safe mode, less that of a plain one; pairs of batches in
//!    turn, since machines drift. Beside it what opening and sealing alone take, without a disk and without HTTP: a plain
//!    callback has a signature to remember that a safe one has not.
//! 2. `while_the_api_is_down`: how long a scan waits for its answer while WeChat's server interface hangs.
//!
//! Each prints one JSON object. The daemon is the real program, on a store on the disk under `target`.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

mod daemon;
mod seal;

use std::time::{Duration, Instant};

use daemon::{Daemon, Mode};
use serde_json::json;

const PAIRS: usize = 15;
const BATCH: u32 = 400;
const SCANS: usize = 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo bench -- --bench` and filters are of no use here.
    let daemon = Daemon::start().await;
    println!("{}", safe_beyond_plain(&daemon).await);
    println!("{}", while_the_api_is_down(&daemon).await);
}

async fn safe_beyond_plain(daemon: &Daemon) -> serde_json::Value {
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let cost = async |mode| {
            let pushes: Vec<_> = (0..BATCH).map(|_| daemon.text(mode)).collect();
            let before = daemon.cpu();
            for push in pushes {
                daemon.push(push).await;
            }
            micros(daemon.cpu() - before) / f64::from(BATCH)
        };
        pairs.push((cost(Mode::Plain).await, cost(Mode::Safe).await));
    }
    let median = |of: fn(&(f64, f64)) -> f64| quantile(pairs.iter().map(of).collect(), 0.5);
    let (plain, safe) = seal::costs();
    json!({
        "scenario": "safe_beyond_plain", "pairs": PAIRS, "callbacks_a_batch": BATCH,
        "plain_cpu_us": round(median(|pair| pair.0)), "safe_cpu_us": round(median(|pair| pair.1)),
        "beyond_cpu_us": round(median(|pair| pair.1 - pair.0)),
        "open_and_reply_plain_us": round(micros(plain)), "open_and_reply_safe_us": round(micros(safe)),
        "target_us": 40,
    })
}

async fn while_the_api_is_down(daemon: &Daemon) -> serde_json::Value {
    let mut scenes = Vec::with_capacity(SCANS);
    for _ in 0..SCANS {
        scenes.push(daemon.open_session().await);
    }
    daemon.take_api_down();
    let mut took = Vec::with_capacity(SCANS);
    for scene in scenes {
        let push = daemon.scan(&scene);
        let began = Instant::now();
        daemon.push(push).await;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    json!({
        "scenario": "while_the_api_is_down", "scans": SCANS,
        "p50_ms": round(quantile(took.clone(), 0.5)), "p99_ms": round(quantile(took.clone(), 0.99)),
        "max_ms": round(quantile(took, 1.0)), "target_p99_ms": 50,
    })
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn quantile(mut values: Vec<f64>, at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * at).round() as usize]
}
