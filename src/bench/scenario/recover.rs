//! `recover`: the daemon is killed, and how long it takes until it is ready again: what is pending is back by then.
//!
//! It is killed several times over, since each start leaves the store as it found it. A start with an empty journal is told
//! beside it: what the machine takes to start this program at all. Sessions that were redeemed in the last minutes are brought
//! back, too, since their access tokens are still good. Afterwards a sample of those that were pending logs in, to the end.

use std::time::Duration;

use serde::Serialize;

use super::Length;
use super::crowd::{Watching, gather};
use super::login::{self, lanes};
use super::storm::log_in_sample;
use crate::bench::browser::Browser;
use crate::bench::daemon::Daemon;
use crate::bench::descriptors::Open;
use crate::bench::driver::Driver;
use crate::bench::error::BenchError;
use crate::bench::figures::rounded;
use crate::bench::loss::Losses;
use crate::bench::process::CpuTimes;
use crate::bench::progress::Progress;

/// It is killed so often, and the start in the middle counts.
const KILLS: usize = 3;

/// How it is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many whole logins are in the journal.
    pub logins: u64,
    /// How many more are pending.
    pub pending: u64,
    /// How many of those log in afterwards.
    pub sample: u64,
    /// How many at a time.
    pub lanes: usize,
}

impl Settings {
    /// What is open at once.
    pub fn open(self) -> Open {
        Open::of_lanes(self.lanes).and_browsers(self.sample.min(self.pending), "--pending")
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    logins: u64,
    /// Those that were pending when the daemon was killed.
    pub pending: u64,
    /// How many events the journal has.
    pub events: u64,
    /// From the start of the process until it was ready, with an empty journal.
    ready_empty_s: f64,
    /// The same with all that: of several, the one in the middle.
    pub ready_s: f64,
    /// The longest of them.
    ready_max_s: f64,
    /// The CPU time of such a start.
    daemon_cpu_s: Option<f64>,
    /// Resident when it is ready.
    resident_bytes: Option<u64>,
    /// The same with an empty journal.
    resident_empty_bytes: Option<u64>,
    /// Those pending that the daemon has after the start.
    pub back: u64,
    /// Pending ones that did not come back, and those of the sample that could not log in, beside logins that were lost before.
    pub lost: u64,
    lost_because: Losses,
    /// How many of the sample logged in.
    pub logins_afterwards: u64,
    sample: u64,
}

/// One start.
struct Start {
    took: Duration,
    cpu: Option<Duration>,
    resident_bytes: Option<u64>,
}

impl Start {
    /// Kills the daemon, and starts it again.
    async fn after_kill(daemon: &mut Daemon) -> Result<Self, BenchError> {
        daemon.kill()?;
        let took = daemon.start_again().await?;
        let process = daemon.process();
        let cpu = process.cpu().ok().map(|cpu| cpu.since(&CpuTimes::default()));
        Ok(Self { took, cpu, resident_bytes: process.resident_bytes().ok() })
    }
}

/// Measures a daemon of our own, which `driver` drives.
///
/// # Errors
/// [`BenchError`] where no login came to its end, or the daemon does not come back.
pub async fn run(
    daemon: &mut Daemon,
    driver: &Driver,
    settings: Settings,
    progress: &Progress,
) -> Result<Figures, BenchError> {
    progress.wait("an empty start");
    let empty = Start::after_kill(daemon).await?;
    let written = login::Settings { lanes: settings.lanes, length: Length::Count(settings.logins) };
    let written = lanes(driver, written, progress, "logins that are over").await;
    let crowd = gather(driver, settings.pending, Watching::No, settings.lanes, progress).await;
    let (pending, mut losses) = (crowd.browsers.len() as u64, written.losses);
    losses.add(crowd.losses);
    if pending == 0 {
        return Err(BenchError::AllLost(losses));
    }
    progress.wait("kill -9, and a start");
    let mut starts = Vec::new();
    for _ in 0..KILLS {
        starts.push(Start::after_kill(daemon).await?);
    }
    progress.end();
    let events = daemon.metric("scan_login_journal_last_seq").await? as u64;
    let back = daemon.metric("scan_login_sessions{state=\"created\"}").await? as u64;
    let sample = some(crowd.browsers, settings.sample);
    let count = sample.len() as u64;
    let (logins_afterwards, lost_afterwards) = log_in(driver, sample, settings.lanes, progress).await;
    losses.add(lost_afterwards);
    starts.sort_unstable_by_key(|start| start.took);
    let seconds = |time: Duration| rounded(time.as_secs_f64());
    let middle = starts.get(KILLS / 2);
    Ok(Figures {
        logins: written.logins,
        pending,
        events,
        ready_empty_s: seconds(empty.took),
        ready_s: middle.map_or(0.0, |start| seconds(start.took)),
        ready_max_s: starts.last().map_or(0.0, |start| seconds(start.took)),
        daemon_cpu_s: middle.and_then(|start| start.cpu).map(seconds),
        resident_bytes: middle.and_then(|start| start.resident_bytes),
        resident_empty_bytes: empty.resident_bytes,
        back,
        lost: losses.count() + pending.saturating_sub(back),
        lost_because: losses,
        logins_afterwards,
        sample: count,
    })
}

/// So many of them, taken evenly.
fn some(browsers: Vec<Browser>, count: u64) -> Vec<Browser> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let apart = (browsers.len() / count.max(1)).max(1);
    browsers.into_iter().step_by(apart).take(count).collect()
}

/// They come again, watch, and log in.
async fn log_in(driver: &Driver, sample: Vec<Browser>, lanes: usize, progress: &Progress) -> (u64, Losses) {
    let (mut back, mut losses) = (Vec::new(), Losses::default());
    for mut browser in sample {
        match browser.attach(driver).await {
            Ok(()) => back.push(browser),
            Err(lost) => losses.note(&lost),
        }
    }
    let count = back.len() as u64;
    let (done, lost) = log_in_sample(driver, back, count, lanes, progress).await;
    losses.add(lost);
    (done, losses)
}
