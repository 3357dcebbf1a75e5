//! `callback`: from WeChat's push until the browser has read that the login is confirmed, for lone logins and under load.
//!
//! The load is open: pushes are due as visitors scan, independently of each other and of the daemon (a Poisson process of
//! fixed seed), and the time counts from when a push is due, whether or not it could be sent by then. Lone logins come one
//! after the other.
//!
//! All of these logins are brisk: lone ones and those that the greatest rate is found with scan at once, and under load they do
//! so soon after the browser came. A visitor who takes longer than a second costs the daemon a little more, since their session
//! has rested by then.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::login::{self, lanes, metered_lanes, warm_up};
use super::{Length, Meter};
use crate::bench::arrivals::arrivals;
use crate::bench::beat::Beat;
use crate::bench::descriptors::Open;
use crate::bench::driver::Driver;
use crate::bench::error::BenchError;
use crate::bench::figures::{Summary, Times, per_second, rounded};
use crate::bench::login::{Steps, begin, redeem, scan_sealed};
use crate::bench::loss::{Losses, Lost, Step};
use crate::bench::progress::Progress;

/// The share of the greatest rate that is offered where no rate is asked for.
const SHARE: f64 = 0.6;

/// How long before the scan a browser asks for its QR code: as soon as it watches where the daemon has much to do, so that six
/// tenths of the greatest rate is that of the same logins.
const BEFORE: Duration = Duration::from_millis(100);

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

impl Settings {
    /// What is open at once before anybody comes as visitors do; how much then depends on the daemon.
    pub fn open(self) -> Open {
        Open::of_lanes(self.lanes)
    }
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
    /// How late the load began a login, or sent its push once that was due and its browser watched, whichever is more: where that
    /// is not small the load had no processor, and the figures are rather its own.
    pub late_ms: Option<Summary>,
    /// Those whose browser did not watch yet when the push was due: where the load was not late, the daemon was as late as that.
    pub not_ready_when_due: Option<u64>,
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
        not_ready_when_due: None,
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
        Length::Count(count) => count.max(1),
        Length::Time(time) => (rate * time.as_secs_f64()).ceil().max(1.0) as u64,
    };
    progress.begin_due(&format!("{rate:.0} logins a second"), count);
    let (meter, beat, sent) = (Meter::start(driver), Beat::start(), Sent::default());
    let first = Instant::now() + BEFORE + Duration::from_millis(100);
    let (mut last, mut coming, mut came) = (first, Coming::default(), arrivals(rate));
    for _ in 0..count {
        let Some(after) = came.next() else { break };
        let due = first + after;
        last = due;
        coming.until(due - BEFORE).await;
        let (driver, sent, progress, is_due) = (driver.clone(), sent.clone(), progress.clone(), beat.at(due));
        coming.logins.spawn(FutureExt::boxed(async move {
            let came = log_in(&driver, due, is_due, &sent).await;
            progress.step();
            came
        }));
    }
    coming.until_all().await;
    let (used, Coming { told, done, losses, .. }) = (meter.read(), coming);
    progress.end();
    let Some(told) = told else { return Err(BenchError::AllLost(losses)) };
    Ok(Load {
        offered_per_s: Some(per_second(count, last - first)),
        achieved_per_s: per_second(done, told - first),
        logins: done,
        lost: losses.count(),
        push_ms: sent.steps.push.summary(),
        callback_ms: sent.steps.callback.summary(),
        late_ms: Some(sent.late.summary()),
        not_ready_when_due: Some(sent.not_ready.load(Ordering::Relaxed)),
        daemon_cpu_us_a_login: used.daemon_us_each(done),
        load_cpu_percent: used.load_percent(),
        lost_because: losses,
    })
}

/// Logins that are under way, and what became of the others.
#[derive(Default)]
struct Coming {
    logins: JoinSet<Result<Instant, Lost>>,
    /// When the last browser was told.
    told: Option<Instant>,
    done: u64,
    losses: Losses,
}

impl Coming {
    /// Sees them end until then.
    async fn until(&mut self, when: Instant) {
        let mut is_then = pin!(tokio::time::sleep_until(when));
        loop {
            tokio::select! {
                () = &mut is_then => return,
                Some(came) = self.logins.join_next() => self.note(came),
            }
        }
    }

    async fn until_all(&mut self) {
        while let Some(came) = self.logins.join_next().await {
            self.note(came);
        }
    }

    fn note(&mut self, came: Result<Result<Instant, Lost>, JoinError>) {
        match came {
            Ok(Ok(told)) => {
                self.told = self.told.max(Some(told));
                self.done += 1;
            }
            Ok(Err(lost)) => self.losses.note(&lost),
            // Nobody aborts them, and they do not panic.
            Err(_) => {}
        }
    }
}

/// What was sent, and when. Clone it freely: the clones record into the same one.
#[derive(Clone, Default)]
struct Sent {
    steps: Steps,
    late: Times,
    not_ready: Arc<AtomicU64>,
}

/// A login whose push is due then: when its browser was told. Everything that is the load's own work is done before.
async fn log_in(driver: &Driver, due: Instant, is_due: oneshot::Receiver<()>, sent: &Sent) -> Result<Instant, Lost> {
    let begun = Instant::now();
    let browser = begin(driver, &sent.steps).await?;
    let ready = Instant::now();
    let sealed = driver.wechat().scan(&browser.scene, &driver.openid(browser.number));
    let sealed = sealed.map_err(|why| Lost { step: Step::Callback, why })?;
    // The beat goes on for as long as somebody is to come, and to its last ring; nothing else ends it.
    let _ = is_due.await;
    sent.note_leaving(due, begun, ready);
    let code = scan_sealed(driver, browser, sealed, due, &sent.steps).await?;
    let told = Instant::now();
    redeem(driver, code, &sent.steps).await?;
    Ok(told)
}

impl Sent {
    /// A push that was due then leaves now; its login was begun at `begun`, and its browser watches since `ready`. What the daemon
    /// took in between is no fault of the load's.
    fn note_leaving(&self, due: Instant, begun: Instant, ready: Instant) {
        let begun_late = begun.saturating_duration_since(due.checked_sub(BEFORE).unwrap_or(due));
        self.late.record(due.max(ready).elapsed().max(begun_late));
        if ready > due {
            self.not_ready.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_daemon_was_late_the_load_was_not() {
        let (sent, now) = (Sent::default(), Instant::now());
        let ago = |seconds| now - Duration::from_secs(seconds);
        sent.note_leaving(ago(5), ago(6), now);
        assert!(sent.late.quantile_ms(1.0) < 2000.0 && sent.not_ready.load(Ordering::Relaxed) == 1);
        sent.note_leaving(ago(5), ago(11), ago(10));
        assert!(sent.late.quantile_ms(1.0) >= 5000.0, "the browser was ready, and nothing was sent");
        sent.note_leaving(ago(9), ago(1), now);
        assert!(sent.late.quantile_ms(1.0) >= 8000.0, "nobody had asked the daemon for it");
        assert_eq!((sent.late.count(), sent.not_ready.load(Ordering::Relaxed)), (3, 2));
    }
}
