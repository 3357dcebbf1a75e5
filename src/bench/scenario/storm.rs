//! `storm`: the daemon is killed while many browsers watch, and when it is back they all come at once.
//!
//! A browser is back when the daemon has told it of its session again; an original page, which is told nothing before somebody
//! scans, when SockJS has opened and it has said its id. Afterwards a sample of them logs in, to the end: a session that was lost
//! would show.

use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::crowd::{Watching, gather};
use crate::bench::browser::Browser;
use crate::bench::daemon::Daemon;
use crate::bench::descriptors::Open;
use crate::bench::driver::Driver;
use crate::bench::error::BenchError;
use crate::bench::figures::{Summary, Times, micros_each, rounded};
use crate::bench::login::{Steps, redeem, scan};
use crate::bench::loss::{Losses, Lost, Step};
use crate::bench::progress::Progress;

/// Who is not back by then is lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon a browser that was not let in tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// How it is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many browsers watch.
    pub browsers: u64,
    /// How many of them log in afterwards.
    pub sample: u64,
    /// How many come at a time before the daemon is killed; how many log in at a time afterwards.
    pub lanes: usize,
}

impl Settings {
    /// What is open at once.
    pub fn open(self) -> Open {
        Open::of_lanes(self.lanes).and_browsers(self.browsers, "--sockets")
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Those that watched.
    pub browsers: u64,
    /// Those that never watched: the daemon did not let them in before it was killed.
    not_let_in: u64,
    not_let_in_because: Losses,
    /// Those that came back.
    pub back: u64,
    /// Those that did not, and those of the sample that could not log in.
    pub lost: u64,
    lost_because: Losses,
    /// Attempts that failed of browsers that tried again.
    retries: u64,
    /// From `kill -9` until the daemon was ready again.
    down_s: f64,
    /// From `kill -9` until the last was back.
    pub back_s: f64,
    /// From when the daemon was ready until a browser was back.
    back_ms: Summary,
    /// The daemon's CPU time for each, from when it was ready.
    daemon_cpu_us_a_browser: Option<f64>,
    /// Of that, the kernel's: accepting, and sending and receiving, which no program can do without.
    daemon_kernel_cpu_us_a_browser: Option<f64>,
    /// How many of the sample logged in.
    pub logins_afterwards: u64,
    sample: u64,
}

/// Measures a daemon of our own, which `driver` drives.
///
/// # Errors
/// [`BenchError`] where nobody came, or the daemon does not come back.
pub async fn run(
    daemon: &mut Daemon,
    driver: &Driver,
    settings: Settings,
    progress: &Progress,
) -> Result<Figures, BenchError> {
    let crowd = gather(driver, settings.browsers, Watching::Yes, settings.lanes, progress).await;
    if crowd.browsers.is_empty() {
        return Err(BenchError::AllLost(crowd.losses));
    }
    let (browsers, not_let_in, mut losses) = (crowd.browsers.len() as u64, crowd.losses, Losses::default());
    progress.begin("browsers that come back", browsers);
    let (ready, is_ready) = watch::channel(None);
    let mut coming = JoinSet::new();
    for browser in crowd.browsers {
        let (driver, is_ready, progress) = (driver.clone(), is_ready.clone(), progress.clone());
        coming.spawn(FutureExt::boxed(async move {
            let came = come_back(&driver, browser, is_ready).await;
            progress.step();
            came
        }));
    }
    let killed = Instant::now();
    daemon.kill()?;
    daemon.start_again().await?;
    let (down, process) = (killed.elapsed(), daemon.process());
    let (cpu, kernel) = (process.cpu().ok(), process.kernel_cpu().ok());
    let was_ready = Instant::now();
    // Nobody hears it where every browser was lost.
    let _ = ready.send(Some(was_ready));

    let (times, mut retries, mut back, mut last) = (Times::default(), 0, Vec::new(), was_ready);
    while let Some(Ok(came)) = coming.join_next().await {
        match came {
            Ok(came) => {
                times.record(came.at - was_ready);
                retries += came.retries;
                last = last.max(came.at);
                back.push(came.browser);
            }
            Err(lost) => losses.note(&lost),
        }
    }
    let used = cpu.and_then(|earlier| Some(process.cpu().ok()?.since(&earlier)));
    let used_by_kernel = kernel.and_then(|earlier| Some(process.kernel_cpu().ok()?.saturating_sub(earlier)));
    progress.end();
    let count = back.len() as u64;
    let sample = settings.sample.min(count);
    let (logins_afterwards, lost_afterwards) = log_in_sample(driver, back, sample, settings.lanes, progress).await;
    losses.add(lost_afterwards);
    Ok(Figures {
        browsers,
        not_let_in: not_let_in.count(),
        not_let_in_because: not_let_in,
        back: count,
        lost: losses.count(),
        lost_because: losses,
        retries,
        down_s: rounded(down.as_secs_f64()),
        back_s: rounded((last - killed).as_secs_f64()),
        back_ms: times.summary(),
        daemon_cpu_us_a_browser: used.map(|used| micros_each(used, count)),
        daemon_kernel_cpu_us_a_browser: used_by_kernel.map(|used| micros_each(used, count)),
        logins_afterwards,
        sample,
    })
}

/// A browser that is back.
struct Back {
    browser: Browser,
    at: Instant,
    retries: u64,
}

/// Sees its connection go, waits until the daemon is ready, and tries until it is let in.
async fn come_back(
    driver: &Driver,
    mut browser: Browser,
    mut is_ready: watch::Receiver<Option<Instant>>,
) -> Result<Back, Lost> {
    browser.until_gone().await;
    let gone = |_| Lost { step: Step::Attach, why: "the daemon did not come back".into() };
    let was_ready = is_ready.wait_for(Option::is_some).await.map_err(gone)?.unwrap_or_else(Instant::now);
    let mut retries = 0;
    loop {
        match browser.attach(driver).await {
            Ok(()) => return Ok(Back { browser, at: Instant::now(), retries }),
            Err(lost) if lost.is_final() || was_ready.elapsed() > PATIENCE => return Err(lost),
            Err(_) => {
                retries += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Some of the browsers log in, taken evenly; the others stay until all is over. How many did, and what became of the rest.
pub(super) async fn log_in_sample(
    driver: &Driver,
    browsers: Vec<Browser>,
    sample: u64,
    lanes: usize,
    progress: &Progress,
) -> (u64, Losses) {
    progress.begin("logins afterwards", sample);
    let apart = browsers.len() / usize::try_from(sample.max(1)).unwrap_or(usize::MAX).max(1);
    let (chosen, _others): (Vec<_>, Vec<_>) =
        browsers.into_iter().enumerate().partition(|(place, _)| apart > 0 && place % apart == 0);
    let mut chosen = chosen.into_iter().map(|(_, browser)| browser).take(usize::try_from(sample).unwrap_or(0));
    let (mut done, mut losses, mut logins) = (0, Losses::default(), JoinSet::new());
    let steps = Steps::default();
    loop {
        while logins.len() < lanes.max(1)
            && let Some(browser) = chosen.next()
        {
            let (driver, steps) = (driver.clone(), steps.clone());
            logins.spawn(FutureExt::boxed(async move {
                let code = scan(&driver, browser, Instant::now(), &steps).await?;
                redeem(&driver, code, &steps).await
            }));
        }
        match logins.join_next().await {
            Some(Ok(Ok(()))) => done += 1,
            Some(Ok(Err(lost))) => losses.note(&lost),
            Some(Err(_)) => {}
            None => break,
        }
        progress.step();
    }
    progress.end();
    (done, losses)
}
