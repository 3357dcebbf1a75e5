//! How long a visitor waits after the scan.

use std::time::Duration;

use scan_login::bench::daemon::Checks;
use scan_login::bench::scenario::{Length, callback};
use scan_login::bench::target::Protocol;
use scan_login::bench::{Driver, DriverSettings, Progress};
use serde_json::{Value, json};

use crate::daemon;

const SECONDS: u64 = if cfg!(debug_assertions) { 3 } else { 20 };
const LOADED: f64 = if cfg!(debug_assertions) { 50.0 } else { 500.0 };
const UNLOADED: f64 = 20.0;
const WARM_UP: f64 = LOADED * 0.4;

pub async fn measure() -> Value {
    let daemon = daemon(Checks::AllWithIdToken, false).await;
    // Somebody else at each login.
    let settings = DriverSettings { people: u64::MAX, ..Protocol::Native.into() };
    let driver = Driver::new(daemon.target().clone(), settings).await.unwrap();
    run(&driver, WARM_UP, 1).await;
    json!({
        "scenario": "latency", "seconds": SECONDS,
        "unloaded": run(&driver, UNLOADED, SECONDS).await, "loaded": run(&driver, LOADED, SECONDS).await,
        "target_logins_per_s": LOADED, "target_loaded_p99_ms": 10,
    })
}

/// So many logins a second, for so long.
async fn run(driver: &Driver, per_second: f64, seconds: u64) -> Value {
    let length = Length::Time(Duration::from_secs(seconds));
    let load = callback::offer(driver, per_second, length, &Progress::hidden()).await.unwrap();
    json!({
        "logins": load.logins + load.lost, "lost": load.lost,
        "offered_per_s": load.offered_per_s, "achieved_per_s": load.achieved_per_s,
        "p50_ms": load.push_ms.p50, "p90_ms": load.push_ms.p90, "p99_ms": load.push_ms.p99, "max_ms": load.push_ms.max,
        "sent_late_p99_ms": load.late_ms.map(|late| late.p99),
        "daemon_cpu_us_a_login": load.daemon_cpu_us_a_login,
    })
}
