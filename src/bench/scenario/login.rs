//! `login`: as many whole logins as there can be, so many at a time: each lane begins its next login when one is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Length, Meter, Metered};
use crate::bench::descriptors::Open;
use crate::bench::driver::Driver;
use crate::bench::error::BenchError;
use crate::bench::figures::{per_second, rounded};
use crate::bench::login::{StepFigures, Steps, log_in};
use crate::bench::loss::Losses;
use crate::bench::progress::Progress;

/// Logins that are not counted, before those that are: connections, keys and caches come to be.
const WARM_UP: u64 = 200;

/// How it is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many logins at a time.
    pub lanes: usize,
    /// How many, or for how long.
    pub length: Length,
}

impl Settings {
    /// What is open at once.
    pub fn open(self) -> Open {
        Open::of_lanes(self.lanes)
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    lanes: usize,
    people: u64,
    /// Those that came to their end.
    pub logins: u64,
    /// Those that did not.
    pub lost: u64,
    lost_because: Losses,
    seconds: f64,
    /// Those that came to their end, a second.
    pub logins_per_s: f64,
    /// The daemon's CPU time for each.
    pub daemon_cpu_us_a_login: Option<f64>,
    /// What the load took of its processor: near 100 it is the load that does not do more.
    pub load_cpu_percent: Option<f64>,
    #[serde(flatten)]
    steps: StepFigures,
}

/// What lanes have done.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) logins: u64,
    pub(super) losses: Losses,
    pub(super) steps: Steps,
    pub(super) took: Duration,
}

/// Measures.
///
/// # Errors
/// [`BenchError::AllLost`] where no login came to its end.
pub async fn run(driver: &Driver, settings: Settings, progress: &Progress) -> Result<Figures, BenchError> {
    warm_up(driver, settings, progress).await?;
    let (done, used) = metered_lanes(driver, settings, progress, "login").await?;
    Ok(Figures {
        lanes: settings.lanes,
        people: driver.people(),
        logins: done.logins,
        lost: done.losses.count(),
        seconds: rounded(done.took.as_secs_f64()),
        logins_per_s: per_second(done.logins, done.took),
        daemon_cpu_us_a_login: used.daemon_us_each(done.logins),
        load_cpu_percent: used.load_percent(),
        steps: done.steps.figures(),
        lost_because: done.losses,
    })
}

/// Logins that are not counted: no more than those that are, where so many are asked for.
///
/// # Errors
/// [`BenchError::AllLost`] where none of them came to its end: so would none of the others.
pub(super) async fn warm_up(driver: &Driver, settings: Settings, progress: &Progress) -> Result<(), BenchError> {
    let count = match settings.length {
        Length::Count(count) => count.min(WARM_UP),
        Length::Time(_) => WARM_UP,
    };
    let settings = Settings { length: Length::Count(count.max(1)), ..settings };
    metered_lanes(driver, settings, progress, "warming up").await.map(|_| ())
}

/// As [`lanes`], and what was used of the processors meanwhile.
///
/// # Errors
/// [`BenchError::AllLost`] where no login came to its end.
pub(super) async fn metered_lanes(
    driver: &Driver,
    settings: Settings,
    progress: &Progress,
    what: &str,
) -> Result<(Done, Metered), BenchError> {
    let meter = Meter::start(driver);
    let done = lanes(driver, settings, progress, what).await;
    if done.logins == 0 { Err(BenchError::AllLost(done.losses)) } else { Ok((done, meter.read())) }
}

/// Logins in lanes, until there are enough.
pub(super) async fn lanes(driver: &Driver, settings: Settings, progress: &Progress, what: &str) -> Done {
    let done = match settings.length {
        Length::Count(count) => {
            progress.begin(what, count);
            run_lanes(driver, settings.lanes, count, None, progress).await
        }
        Length::Time(time) => {
            // It is seconds that are drawn, and not logins.
            let hidden = Progress::hidden();
            let work = run_lanes(driver, settings.lanes, u64::MAX, Some(time), &hidden);
            progress.during(what, time, work).await
        }
    };
    progress.end();
    done
}

async fn run_lanes(driver: &Driver, lanes: usize, most: u64, time: Option<Duration>, progress: &Progress) -> Done {
    let (began, begun, steps) = (Instant::now(), Arc::new(AtomicU64::new(0)), Steps::default());
    let is_time = move || time.is_none_or(|time| began.elapsed() < time);
    let mut running = JoinSet::new();
    for _ in 0..lanes.max(1) {
        let (driver, begun, steps, progress) = (driver.clone(), begun.clone(), steps.clone(), progress.clone());
        running.spawn(FutureExt::boxed(async move {
            let (mut logins, mut losses) = (0, Losses::default());
            while begun.fetch_add(1, Ordering::Relaxed) < most && is_time() {
                match log_in(&driver, &steps).await {
                    Ok(()) => logins += 1,
                    Err(lost) => {
                        losses.note(&lost);
                        lost.pause().await;
                    }
                }
                progress.step();
            }
            (logins, losses)
        }));
    }
    let (mut logins, mut losses) = (0, Losses::default());
    while let Some(Ok((of_lane, lost_of_lane))) = running.join_next().await {
        logins += of_lane;
        losses.add(lost_of_lane);
    }
    Done { logins, losses, steps, took: began.elapsed() }
}
