//! How long a visitor waits after the scan.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::daemon::{Checked, Daemon};
use crate::login::Login;
use crate::{quantile, round};

const SECONDS: u32 = 20;
const LOADED: u32 = 500;
const UNLOADED: u32 = 20;
const WARM_UP: u32 = 200;
/// How long before the scan a browser asks for its QR code.
const BEFORE: Duration = Duration::from_secs(1);
/// A login that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// How it went with one login.
struct Waited {
    due: Instant,
    sent: Instant,
    confirmed: Instant,
}

impl Waited {
    /// In milliseconds.
    fn after_due(&self, what: Instant) -> f64 {
        (what - self.due).as_secs_f64() * 1e3
    }
}

pub async fn measure() -> Value {
    let daemon = Arc::new(Daemon::start(Checked::AllWithIdToken).await);
    run(&daemon, WARM_UP, 1).await;
    json!({
        "scenario": "latency", "seconds": SECONDS,
        "unloaded": run(&daemon, UNLOADED, SECONDS).await, "loaded": run(&daemon, LOADED, SECONDS).await,
        "target_logins_per_s": LOADED, "target_loaded_p99_ms": 10,
    })
}

/// So many logins a second, for so long.
async fn run(daemon: &Arc<Daemon>, per_second: u32, seconds: u32) -> Value {
    let arrivals = arrivals(per_second, per_second * seconds);
    let first = Instant::now() + BEFORE + Duration::from_millis(100);
    let (mut beats, mut logins) = (Vec::new(), Vec::new());
    for arrival in &arrivals {
        let due = first + *arrival;
        let (ring, is_due) = oneshot::channel();
        beats.push((due, ring));
        logins.push(tokio::spawn(log_in(daemon.clone(), due, is_due)));
    }
    let cpu = daemon.cpu();
    std::thread::spawn(move || keep_time(beats));
    let (mut waits, mut lost) = (Vec::with_capacity(logins.len()), 0);
    for login in logins {
        match login.await.unwrap() {
            Some(waited) => waits.push(waited),
            None => lost += 1,
        }
    }
    let cpu = daemon.cpu().since(&cpu).as_secs_f64();
    let last = waits.iter().map(|waited| waited.confirmed).max().expect("every login was lost");
    let confirmed = |share| round(quantile(waits.iter().map(|waited| waited.after_due(waited.confirmed)), share));
    let rate = |count: usize, time: Duration| round(count as f64 / time.as_secs_f64());
    json!({
        "logins": arrivals.len(), "lost": lost,
        "offered_per_s": rate(arrivals.len(), arrivals[arrivals.len() - 1]),
        "achieved_per_s": rate(waits.len(), last - first),
        "p50_ms": confirmed(0.5), "p90_ms": confirmed(0.9), "p99_ms": confirmed(0.99), "max_ms": confirmed(1.0),
        "sent_late_p99_ms": round(quantile(waits.iter().map(|waited| waited.after_due(waited.sent)), 0.99)),
        "daemon_cpu_us_a_login": round(cpu * 1e6 / arrivals.len() as f64),
    })
}

/// When pushes are due after the first: the gaps of a Poisson process are exponential. The same at every run.
pub fn arrivals(per_second: u32, count: u32) -> Vec<Duration> {
    let gaps = (0..count).map(|number| {
        let random = u32::from_be_bytes(*Sha256::digest(number.to_be_bytes()).first_chunk().unwrap());
        -((f64::from(random) + 1.0) / (f64::from(u32::MAX) + 1.0)).ln() / f64::from(per_second)
    });
    let sums = gaps.scan(0.0, |sum, gap| {
        *sum += gap;
        Some(Duration::from_secs_f64(*sum))
    });
    sums.collect()
}

/// Rings at each time, in order. The runtime's own timers count whole milliseconds.
fn keep_time(beats: Vec<(Instant, oneshot::Sender<()>)>) {
    for (due, ring) in beats {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // Nobody listens where a login was lost.
        let _ = ring.send(());
    }
}

/// A login whose push is due then; `None` where it is lost.
async fn log_in(daemon: Arc<Daemon>, due: Instant, is_due: oneshot::Receiver<()>) -> Option<Waited> {
    tokio::time::sleep_until((due - BEFORE).into()).await;
    let login = async {
        let mut login = Login::begin(&daemon).await;
        let scan = login.scan(login.number);
        is_due.await.unwrap();
        let sent = Instant::now();
        let confirming = async { (login.confirmed().await, Instant::now()) };
        let ((), (code, confirmed)) = tokio::join!(daemon.push(scan), confirming);
        login.redeem(&code).await;
        Waited { due, sent, confirmed }
    };
    tokio::time::timeout(BEFORE + PATIENCE, login).await.ok()
}
