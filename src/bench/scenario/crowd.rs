//! Many browsers that show a QR code at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bench::browser::Browser;
use crate::bench::driver::Driver;
use crate::bench::figures::per_second;
use crate::bench::loss::{Losses, Lost};
use crate::bench::progress::Progress;

/// Whether browsers watch what they have asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watching {
    /// Each over a WebSocket of its own.
    Yes,
    /// They have hung up; their logins are pending.
    No,
}

/// Browsers that came, and what came between.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) browsers: Vec<Browser>,
    pub(super) losses: Losses,
    pub(super) took: Duration,
}

impl Crowd {
    /// How many came, a second.
    pub(super) fn per_second(&self) -> f64 {
        per_second(self.browsers.len() as u64, self.took)
    }
}

/// Lets `count` browsers come, so many at a time.
pub(super) async fn gather(
    driver: &Driver,
    count: u64,
    watching: Watching,
    lanes: usize,
    progress: &Progress,
) -> Crowd {
    let what = if watching == Watching::Yes { "browsers that watch" } else { "logins that are pending" };
    progress.begin(what, count);
    let (began, begun) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut coming = JoinSet::new();
    for _ in 0..lanes.max(1) {
        let (driver, begun, progress) = (driver.clone(), begun.clone(), progress.clone());
        coming.spawn(FutureExt::boxed(async move {
            let mut crowd = Crowd::default();
            while begun.fetch_add(1, Ordering::Relaxed) < count {
                match come(&driver, watching).await {
                    Ok(browser) => crowd.browsers.push(browser),
                    Err(lost) => {
                        crowd.losses.note(&lost);
                        lost.pause().await;
                    }
                }
                progress.step();
            }
            crowd
        }));
    }
    let mut all = Crowd::default();
    while let Some(Ok(came)) = coming.join_next().await {
        all.browsers.extend(came.browsers);
        all.losses.add(came.losses);
    }
    all.took = began.elapsed();
    progress.end();
    all
}

async fn come(driver: &Driver, watching: Watching) -> Result<Browser, Lost> {
    let mut browser = Browser::create(driver, driver.next_login()).await?;
    match watching {
        Watching::Yes => browser.attach(driver).await?,
        Watching::No => browser.hang_up(),
    }
    Ok(browser)
}
