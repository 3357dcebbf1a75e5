//! Trying again what could not be stored: for as long as WeChat lets the person be told, it may be stored yet.

use std::time::Duration;

use crate::transport::site::Site;

/// How long: WeChat allows a message of its own for a minute after a scan.
pub(super) const STUBBORN: Duration = Duration::from_secs(45);

/// Pause before the next try.
pub(super) const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// Tries until it brings something that trying again cannot better, or time is over, or the daemon stops.
pub(super) async fn stubbornly<T, F>(site: &Site, attempt: impl Fn() -> F, may_help: impl Fn(&T) -> bool) -> T
where
    F: Future<Output = T>,
{
    let give_up = tokio::time::Instant::now() + STUBBORN;
    loop {
        let outcome = attempt().await;
        if !may_help(&outcome) || tokio::time::Instant::now() >= give_up {
            return outcome;
        }
        let pause = tokio::time::sleep(BETWEEN_TRIES);
        if site.stopping.run_until_cancelled(pause).await.is_none() {
            return outcome;
        }
    }
}
