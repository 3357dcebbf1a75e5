//! `idle`: what logins cost that wait for somebody to scan, and what a login costs beside them.
//!
//! Memory is what the daemon's resident size grew by for each, once it was warm: everything is in it, the actor, the socket,
//! buffers, and what the journal keeps in memory. The cost of a login is the daemon's CPU time, beside few and beside all.

use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::crowd::{Crowd, Watching, gather};
use super::login::{self, metered_lanes, warm_up};
use super::{Length, Meter};
use crate::bench::descriptors::Open;
use crate::bench::driver::Driver;
use crate::bench::error::BenchError;
use crate::bench::figures::rounded;
use crate::bench::loss::Losses;
use crate::bench::progress::Progress;

/// Beside so many pending logins the cost of a login is measured first.
const FEW: u64 = 1000;

/// How long the daemon is left alone before it is watched.
const REST: Duration = Duration::from_secs(1);

/// How it is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many logins are pending in the end.
    pub pending: u64,
    /// How many of them have a browser that watches over an open socket.
    pub sockets: u64,
    /// How long the daemon is watched while nothing happens.
    pub watched: Duration,
    /// How many logins the cost of one is measured with, each time.
    pub logins: u64,
    /// How many things at a time.
    pub lanes: usize,
}

impl Settings {
    /// What is open at once.
    pub fn open(self) -> Open {
        Open::of_lanes(self.lanes).and_browsers(self.sockets(), "--sockets")
    }

    fn sockets(self) -> u64 {
        self.sockets.min(self.pending)
    }
}

/// What came of it. What needs the daemon's process is not told where that cannot be looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Logins that are pending.
    pub pending: u64,
    /// Those whose browser watches.
    pub sockets: u64,
    lost: u64,
    lost_because: Losses,
    /// Of browsers that create and attach.
    open_with_socket_per_s: f64,
    /// Of browsers that create only.
    open_without_socket_per_s: f64,
    open_s: f64,
    resident_bytes: Option<u64>,
    /// What a pending login with an open socket adds to the daemon's resident size; of fewer than some 2,000 the daemon's own
    /// tables are the larger part of it.
    pub resident_bytes_a_socket: Option<u64>,
    /// What one without a socket adds.
    pub resident_bytes_a_pending: Option<u64>,
    watched_s: f64,
    /// Of one processor, while nothing happens but heartbeats.
    pub idle_cpu_percent: Option<f64>,
    few_pending: u64,
    daemon_cpu_us_a_login_beside_few: Option<f64>,
    daemon_cpu_us_a_login_beside_all: Option<f64>,
    /// How many times more a login costs beside all.
    pub cost_times: Option<f64>,
    /// Browsers whose socket was gone before the end.
    sockets_gone: u64,
}

/// Measures.
///
/// # Errors
/// [`BenchError::AllLost`] where none came.
pub async fn run(driver: &Driver, settings: Settings, progress: &Progress) -> Result<Figures, BenchError> {
    let sockets = settings.sockets();
    let costing = login::Settings { lanes: settings.lanes, length: Length::Count(settings.logins) };
    warm_up(driver, costing, progress).await?;
    let mut waiting = Waiting::default();
    let watch = async |count| gather(driver, count, Watching::Yes, settings.lanes, progress).await;

    let few = FEW.min(sockets.div_ceil(4));
    let began = Instant::now();
    let first = waiting.take(watch(few).await);
    let beside_few = cost(driver, costing, progress).await?;
    let resident_first = resident(driver);
    let rest = waiting.take(watch(sockets - few).await);
    let resident_with_sockets = resident(driver);
    let pending = gather(driver, settings.pending - sockets, Watching::No, settings.lanes, progress).await;
    let (silent, without_socket_per_s) = (pending.browsers.len() as u64, pending.per_second());
    waiting.losses.add(pending.losses);
    // Nobody holds on to what has hung up.
    drop(pending.browsers);
    let resident_all = resident(driver);
    let open_s = began.elapsed() - beside_few.took;
    if first.count + rest.count + silent == 0 {
        return Err(BenchError::AllLost(waiting.losses));
    }

    let watching = async {
        tokio::time::sleep(REST).await;
        let meter = Meter::start(driver);
        tokio::time::sleep(settings.watched).await;
        meter.read()
    };
    let idle = progress.during("nothing happens", REST + settings.watched, watching).await;
    progress.end();
    let beside_all = cost(driver, costing, progress).await?;

    // What found room in memory that was there before tells nothing.
    let grown = |from: Option<u64>, to: Option<u64>, count: u64| {
        to?.checked_sub(from?)?.checked_div(count).filter(|bytes| *bytes > 0)
    };
    let mut losses = waiting.losses.clone();
    losses.add(beside_few.losses);
    losses.add(beside_all.losses);
    Ok(Figures {
        pending: first.count + rest.count + silent,
        sockets: first.count + rest.count,
        lost: losses.count(),
        lost_because: losses,
        open_with_socket_per_s: rest.per_second,
        open_without_socket_per_s: without_socket_per_s,
        open_s: rounded(open_s.as_secs_f64()),
        resident_bytes: resident_all,
        resident_bytes_a_socket: grown(resident_first, resident_with_sockets, rest.count),
        resident_bytes_a_pending: grown(resident_with_sockets, resident_all, silent),
        watched_s: rounded(idle.took.as_secs_f64()),
        idle_cpu_percent: idle.daemon_percent(),
        few_pending: first.count,
        daemon_cpu_us_a_login_beside_few: beside_few.micros,
        daemon_cpu_us_a_login_beside_all: beside_all.micros,
        cost_times: beside_few.micros.zip(beside_all.micros).map(|(few, all)| rounded(all / few.max(1e-3))),
        sockets_gone: waiting.gone(),
    })
}

fn resident(driver: &Driver) -> Option<u64> {
    driver.target().process?.resident_bytes().ok()
}

/// Browsers that watch, each by a task that answers the daemon's pings.
#[derive(Default)]
struct Waiting {
    watching: JoinSet<()>,
    losses: Losses,
}

/// Of browsers that came.
struct Came {
    count: u64,
    per_second: f64,
}

impl Waiting {
    fn take(&mut self, crowd: Crowd) -> Came {
        let came = Came { count: crowd.browsers.len() as u64, per_second: crowd.per_second() };
        for mut browser in crowd.browsers {
            self.watching.spawn(FutureExt::boxed(async move { browser.until_gone().await }));
        }
        self.losses.add(crowd.losses);
        came
    }

    /// How many have lost their socket so far.
    fn gone(&mut self) -> u64 {
        let mut gone = 0;
        while self.watching.try_join_next().is_some() {
            gone += 1;
        }
        gone
    }
}

/// What a login costs at this moment.
struct Cost {
    micros: Option<f64>,
    losses: Losses,
    took: Duration,
}

async fn cost(driver: &Driver, settings: login::Settings, progress: &Progress) -> Result<Cost, BenchError> {
    let (done, used) = metered_lanes(driver, settings, progress, "logins beside them").await?;
    Ok(Cost { micros: used.daemon_us_each(done.logins), losses: done.losses, took: done.took })
}
