//! `callback`: from WeChat's push until the browser has read that the login is confirmed, for lone logins and under load.
//!
//! The load is open: pushes are due as visitors scan, independently of each other and of the daemon (a Poisson process of
//! fixed seed), and the time counts from when a push is due, whether or not it could be sent by then. Lone logins come one
//! after the other.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::login::{self, lanes, metered_lanes, warm_up};
use super::{Length, Meter};
use crate::bench::arrivals::arrivals;
use crate::bench::beat;
use crate::bench::driver::Driver;
use crate::bench::error::BenchError;
use crate::bench::figures::{Summary, Times, per_second, rounded};
use crate::bench::login::{Steps, begin, redeem, scan_sealed};
use crate::bench::loss::{Losses, Lost, Step};
use crate::bench::progress::Progress;

/// The share of the greatest rate that is offered where no rate is asked for.
const SHARE: f64 = 0.6;

/// How long before the scan a browser asks for its QR code.
const BEFORE: Duration = Duration::from_secs(1);

/// How it is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Logins a second under load; six tenths of the greatest rate where none is said.
    pub rate: Option<f64>,
    /// How many lone logins there are, and how many under load; or for how long either.
    pub length: Length,
    /// How many logins at a time the greatest rate is found with.
    pub lanes: usize,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    people: u64,
    /// The greatest rate, where it was looked for.
    max_logins_per_s: Option<f64>,
    /// One after the other.
    pub unloaded: Load,
    /// As visitors come.
    pub loaded: Load,
    /// How many times longer the slowest hundredth takes under load.
    pub p99_times_unloaded: f64,
}

/// How it went at one rate.
#[derive(Clone, Debug, Serialize)]
pub struct Load {
    /// What was asked of the daemon; none where each waited for the one before.
    pub offered_per_s: Option<f64>,
    /// From the first that was due until the last browser was told.
    pub achieved_per_s: f64,
    /// Those that came to their end.
    pub logins: u64,
    /// Those that did not.
    pub lost: u64,
    lost_because: Losses,
    /// From when a push was due until the browser has read `confirmed`.
    pub push_ms: Summary,
    /// From when a push was due until WeChat has its answer.
    callback_ms: Summary,
    /// How long after it was due a push was sent: where that is not small the load had no processor, and the figures are
    /// rather its own.
    pub late_ms: Option<Summary>,
    /// The daemon's CPU time for each.
    pub daemon_cpu_us_a_login: Option<f64>,
    load_cpu_percent: Option<f64>,
}

/// Measures. `known_max` is what `login` has reached just before, in logins a second.
///
/// # Errors
/// [`BenchError::AllLost`] where no login came to its end.
pub async fn run(
    driver: &Driver,
    settings: Settings,
    known_max: Option<f64>,
    progress: &Progress,
) -> Result<Figures, BenchError> {
    let closed = |lanes| login::Settings { lanes, length: settings.length };
    warm_up(driver, closed(settings.lanes), progress).await?;
    let max = match (settings.rate, known_max) {
        (Some(_), known) | (None, known @ Some(_)) => known,
        (None, None) => {
            let done = lanes(driver, closed(settings.lanes), progress, "looking for the greatest rate").await;
            Some(per_second(done.logins, done.took))
        }
    };
    let unloaded = alone(driver, closed(1), progress).await?;
    let rate = settings.rate.or(max.map(|max| max * SHARE)).filter(|rate| *rate > 0.0).unwrap_or(1.0);
    let loaded = offer(driver, rate, settings.length, progress).await?;
    let times = loaded.push_ms.p99 / unloaded.push_ms.p99.max(1e-3);
    Ok(Figures { people: driver.people(), max_logins_per_s: max, unloaded, loaded, p99_times_unloaded: rounded(times) })
}

/// Logins one after the other.
async fn alone(driver: &Driver, settings: login::Settings, progress: &Progress) -> Result<Load, BenchError> {
    let (done, used) = metered_lanes(driver, settings, progress, "lone logins").await?;
    Ok(Load {
        offered_per_s: None,
        achieved_per_s: per_second(done.logins, done.took),
        logins: done.logins,
        lost: done.losses.count(),
        push_ms: done.steps.push.summary(),
        callback_ms: done.steps.callback.summary(),
        late_ms: None,
        daemon_cpu_us_a_login: used.daemon_us_each(done.logins),
        load_cpu_percent: used.load_percent(),
        lost_because: done.losses,
    })
}

/// Logins at this rate, in logins a second, whatever the daemon does.
///
/// # Errors
/// [`BenchError::AllLost`] where no login came to its end.
pub async fn offer(driver: &Driver, rate: f64, length: Length, progress: &Progress) -> Result<Load, BenchError> {
    let count = match length {
        Length::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
        Length::Time(time) => (rate * time.as_secs_f64()).ceil() as usize,
    };
    let arrivals = arrivals(rate, count.max(1));
    let first = Instant::now() + BEFORE + Duration::from_millis(100);
    let due: Vec<Instant> = arrivals.iter().map(|after| first + *after).collect();
    let last = due.last().copied().unwrap_or(first);
    progress.begin(&format!("{rate:.0} logins a second"), due.len() as u64);
    let meter = Meter::start(driver);
    let (steps, late, mut logins) = (Steps::default(), Times::default(), JoinSet::new());
    for (due, is_due) in due.iter().copied().zip(beat::keep(&due)) {
        let (driver, steps, late, progress) = (driver.clone(), steps.clone(), late.clone(), progress.clone());
        logins.spawn(async move {
            let came = log_in(&driver, due, is_due, &steps, &late).await;
            progress.step();
            came
        });
    }
    let (mut losses, mut done) = (Losses::default(), 0);
    let mut ended = first;
    while let Some(Ok(came)) = logins.join_next().await {
        match came {
            Ok(came) => {
                ended = ended.max(came);
                done += 1;
            }
            Err(lost) => losses.note(&lost),
        }
    }
    let used = meter.read();
    progress.end();
    if done == 0 {
        return Err(BenchError::AllLost(losses));
    }
    Ok(Load {
        offered_per_s: Some(per_second(due.len() as u64, last - first)),
        achieved_per_s: per_second(done, ended - first),
        logins: done,
        lost: losses.count(),
        push_ms: steps.push.summary(),
        callback_ms: steps.callback.summary(),
        late_ms: Some(late.summary()),
        daemon_cpu_us_a_login: used.daemon_us_each(done),
        load_cpu_percent: used.load_percent(),
        lost_because: losses,
    })
}

/// A login whose push is due then: when its browser was told. Everything that is the load's own work is done before.
async fn log_in(
    driver: &Driver,
    due: Instant,
    is_due: oneshot::Receiver<()>,
    steps: &Steps,
    late: &Times,
) -> Result<Instant, Lost> {
    tokio::time::sleep_until(due - BEFORE).await;
    let browser = begin(driver, steps).await?;
    let sealed = driver.wechat().scan(&browser.scene, &driver.openid(browser.number));
    let sealed = sealed.map_err(|why| Lost { step: Step::Callback, why })?;
    // The beat ends with its last ring; nothing else ends it.
    let _ = is_due.await;
    late.record(due.elapsed());
    let code = scan_sealed(driver, browser, sealed, due, steps).await?;
    let told = Instant::now();
    redeem(driver, code, steps).await?;
    Ok(told)
}
