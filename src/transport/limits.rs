//! How often somebody may do something: buckets that hold the whole figure at once and fill again evenly (the generic cell
//! rate algorithm, ITU-T I.371).

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::config::{Limits, Rate};

use super::client_address::ClientAddress;

/// Codes of WeChat's that one visit of a page may bring. One is enough where nothing goes wrong.
const EXCHANGES_PER_VISIT: Rate = Rate { count: NonZeroU32::MIN.saturating_add(5), per: Duration::from_secs(5 * 60) };

/// After so many looks, whoever's bucket is full again is forgotten.
const LOOKS: u32 = 4096;

/// The limits of `[limits]` that are rates.
pub struct RateLimits {
    rates: Limits,
    sessions_per_address: Option<Arc<Buckets<IpAddr>>>,
    sessions_per_browser: Option<Arc<Buckets<Box<str>>>>,
    failed_client_authentications: Option<Arc<FailedAuthentications>>,
    exchanges_per_address: Option<Arc<Buckets<IpAddr>>>,
    exchanges_per_visit: Arc<Buckets<Box<str>>>,
}

impl RateLimits {
    /// Limits with all buckets full.
    pub fn new(limits: &Limits) -> Self {
        Self {
            rates: limits.clone(),
            sessions_per_address: limits.sessions_per_address.map(Buckets::new).map(Arc::new),
            sessions_per_browser: limits.sessions_per_browser.map(Buckets::new).map(Arc::new),
            failed_client_authentications: limits
                .failed_client_authentications
                .map(FailedAuthentications::new)
                .map(Arc::new),
            // A session costs WeChat a call, too: by opening pages nobody causes more of them than by asking for codes.
            exchanges_per_address: limits.sessions_per_address.map(Buckets::new).map(Arc::new),
            exchanges_per_visit: Arc::new(Buckets::new(EXCHANGES_PER_VISIT)),
        }
    }

    /// These limits from now on. Where a rate is the same, its buckets are as full as they were.
    #[must_use]
    pub fn followed_by(&self, limits: &Limits) -> Self {
        let mut next = Self::new(limits);
        next.exchanges_per_visit.clone_from(&self.exchanges_per_visit);
        if self.rates.sessions_per_address == limits.sessions_per_address {
            next.sessions_per_address.clone_from(&self.sessions_per_address);
            next.exchanges_per_address.clone_from(&self.exchanges_per_address);
        }
        if self.rates.sessions_per_browser == limits.sessions_per_browser {
            next.sessions_per_browser.clone_from(&self.sessions_per_browser);
        }
        if self.rates.failed_client_authentications == limits.failed_client_authentications {
            next.failed_client_authentications.clone_from(&self.failed_client_authentications);
        }
        next
    }

    /// Whether one more session may be created from this address, and by this browser where it has our cookie; or after
    /// how long it may.
    pub(super) fn take_session(&self, address: ClientAddress, browser: Option<&str>) -> Result<(), Duration> {
        if let (Some(buckets), Some(browser)) = (&self.sessions_per_browser, browser) {
            buckets.take(&browser.into())?;
        }
        self.sessions_per_address.as_ref().map_or(Ok(()), |buckets| buckets.take(&address.network()).map(|_| ()))
    }

    /// Whether WeChat may be asked once more, from this address and for this visit, who opens a page; or after how long it may.
    pub(super) fn take_exchange(&self, address: ClientAddress, visit: &str) -> Result<(), Duration> {
        // The address first: it bounds how many visits are remembered.
        if let Some(buckets) = &self.exchanges_per_address {
            buckets.take(&address.network())?;
        }
        self.exchanges_per_visit.take(&visit.into()).map(|_| ())
    }

    /// Whether credentials from this address are looked at; or after how long they are.
    pub(super) fn may_authenticate(&self, address: ClientAddress) -> Result<(), Duration> {
        self.failed_client_authentications.as_ref().map_or(Ok(()), |failed| failed.allows(address.network()))
    }

    /// Credentials from this address were wrong.
    pub(super) fn authentication_failed(&self, address: ClientAddress) {
        if let Some(failed) = &self.failed_client_authentications {
            failed.count(address.network());
        }
    }
}

/// A bucket for each key.
struct Buckets<K: Clone + Eq + Hash> {
    limiter: RateLimiter<K, HashMapStateStore<K>, SinceStart, StateInformationMiddleware>,
    looks: AtomicU32,
    /// How long it takes until one more is there.
    interval: Duration,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    fn new(rate: Rate) -> Self {
        let interval = (rate.per / rate.count.get()).max(Duration::from_nanos(1));
        // A period of zero is the only one that is refused.
        let quota = Quota::with_period(interval).unwrap_or(Quota::per_minute(rate.count)).allow_burst(rate.count);
        let limiter = RateLimiter::hashmap_with_clock(quota, SinceStart::default());
        Self { limiter: limiter.with_middleware(), looks: AtomicU32::new(0), interval }
    }

    /// Takes one out of the bucket: how many are left, or after how long there is one.
    fn take(&self, key: &K) -> Result<u32, Duration> {
        if self.looks.fetch_add(1, Ordering::Relaxed) % LOOKS == LOOKS - 1 {
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(key) {
            Ok(left) => Ok(left.remaining_burst_capacity()),
            Err(not_until) => Err(not_until.wait_time_from(self.limiter.clock().now())),
        }
    }
}

/// Whoever has failed too often is not listened to, not even with the right secret: else guessing would go on.
pub(super) struct FailedAuthentications {
    buckets: Buckets<IpAddr>,
    locked: Mutex<HashMap<IpAddr, Instant>>,
}

impl FailedAuthentications {
    /// So many failures may come from one network.
    pub(super) fn new(rate: Rate) -> Self {
        Self { buckets: Buckets::new(rate), locked: Mutex::default() }
    }

    /// Whether this network is listened to; or after how long it is.
    pub(super) fn allows(&self, network: IpAddr) -> Result<(), Duration> {
        let mut locked = self.locked();
        let Some(until) = locked.get(&network).copied() else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            locked.remove(&network);
            return Ok(());
        }
        Err(left)
    }

    /// One more failure.
    pub(super) fn count(&self, network: IpAddr) {
        let wait = match self.buckets.take(&network) {
            Ok(0) => self.buckets.interval,
            Ok(_) => return,
            Err(wait) => wait,
        };
        let now = Instant::now();
        let mut locked = self.locked();
        locked.retain(|_, until| *until > now);
        locked.insert(network, now + wait);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tokio's time, so that a test can move it.
#[derive(Clone)]
struct SinceStart(Instant);

impl Default for SinceStart {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SinceStart {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_minute(count: u32) -> Option<Rate> {
        Some(Rate { count: NonZeroU32::new(count).unwrap(), per: Duration::from_secs(60) })
    }

    fn limits(limits: Limits) -> RateLimits {
        RateLimits::new(&limits)
    }

    const OFF: Limits = Limits {
        sessions_per_address: None,
        sessions_per_browser: None,
        failed_client_authentications: None,
        unclaimed_page_ids: None,
    };

    fn address(text: &str) -> ClientAddress {
        ClientAddress(text.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_holds_the_whole_figure_at_once_and_fills_evenly() {
        let limits = limits(Limits { sessions_per_address: per_minute(6), ..OFF });
        let (one, other) = (address("203.0.113.9"), address("203.0.113.10"));
        for _ in 0..6 {
            limits.take_session(one, None).unwrap();
        }
        assert_eq!(limits.take_session(one, None), Err(Duration::from_secs(10)));
        limits.take_session(other, None).unwrap();
        tokio::time::advance(Duration::from_secs(10)).await;
        limits.take_session(one, None).unwrap();
        assert!(limits.take_session(one, None).is_err());
        tokio::time::advance(Duration::from_secs(3600)).await;
        let taken = (0..10).filter(|_| limits.take_session(one, None).is_ok()).count();
        assert_eq!(taken, 6, "an hour fills no more than the bucket");
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscriber_of_ipv6_counts_as_one() {
        let limits = limits(Limits { sessions_per_address: per_minute(2), ..OFF });
        limits.take_session(address("2001:db8::1"), None).unwrap();
        limits.take_session(address("2001:db8::2"), None).unwrap();
        assert!(limits.take_session(address("2001:db8::3"), None).is_err());
        limits.take_session(address("2001:db8:0:1::1"), None).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_that_is_known_counts_by_itself_too_and_another_by_address_alone() {
        let both = Limits { sessions_per_address: per_minute(100), sessions_per_browser: per_minute(2), ..OFF };
        let (limits, address) = (limits(both), address("203.0.113.9"));
        for _ in 0..2 {
            limits.take_session(address, Some("alice")).unwrap();
        }
        assert!(limits.take_session(address, Some("alice")).is_err());
        limits.take_session(address, Some("bob")).unwrap();
        for _ in 0..50 {
            limits.take_session(address, None).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_fails_too_often_is_not_listened_to_for_a_while() {
        let limits = limits(Limits { failed_client_authentications: per_minute(20), ..OFF });
        let address = address("203.0.113.9");
        for _ in 0..20 {
            limits.may_authenticate(address).unwrap();
            limits.authentication_failed(address);
        }
        assert_eq!(limits.may_authenticate(address), Err(Duration::from_secs(3)));
        tokio::time::advance(Duration::from_secs(3)).await;
        limits.may_authenticate(address).unwrap();
        limits.authentication_failed(address);
        assert!(limits.may_authenticate(address).is_err(), "one more guess every three seconds");
        tokio::time::advance(Duration::from_secs(3)).await;
        for _ in 0..1000 {
            limits.may_authenticate(address).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn wechat_is_asked_so_often_for_a_visit_and_an_address_and_no_oftener() {
        let limits = limits(Limits { sessions_per_address: per_minute(10), ..OFF });
        let (one, other) = (address("203.0.113.9"), address("203.0.113.10"));
        let taken = (0..100).filter(|_| limits.take_exchange(one, "visit").is_ok()).count();
        assert_eq!(taken, 6);
        assert!(limits.take_exchange(other, "visit").is_err(), "wherever it goes");
        let taken = (0..100).filter(|number| limits.take_exchange(other, &number.to_string()).is_ok()).count();
        assert_eq!(taken, 9, "of ten, one went to the visit that had no more");
        limits.take_session(one, None).unwrap();
        tokio::time::advance(Duration::from_secs(50)).await;
        limits.take_exchange(one, "visit").unwrap();
        assert!(limits.take_exchange(one, "visit").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_not_come_for_long_is_forgotten() {
        let limits = limits(Limits { sessions_per_address: per_minute(600), ..OFF });
        for number in 0..3 * LOOKS {
            limits.take_session(ClientAddress(IpAddr::from(number.to_be_bytes())), None).unwrap();
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(limits.sessions_per_address.unwrap().limiter.len() < 2 * LOOKS as usize);
    }
}
