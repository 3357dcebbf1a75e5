//! When visitors come: independently of each other and of the daemon.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// When they come after the first, in order and without end: the gaps of a Poisson process are exponential. The same at every
/// run.
pub fn arrivals(per_second: f64) -> impl Iterator<Item = Duration> {
    (0..).scan(0.0, move |sum, number| {
        *sum += gap(number) / per_second;
        Some(Duration::from_secs_f64(*sum))
    })
}

/// Exponential, 1 on average.
fn gap(number: u64) -> f64 {
    let digest = Sha256::digest(number.to_be_bytes());
    let random = digest.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    -((f64::from(random) + 1.0) / (f64::from(u32::MAX) + 1.0)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_at_the_rate_that_is_asked_for_and_in_order() {
        let arrivals: Vec<_> = arrivals(200.0).take(20_000).collect();
        let last = arrivals.last().unwrap().as_secs_f64();
        assert!((last - 100.0).abs() < 2.0, "{last} s");
        assert!(arrivals.is_sorted());
    }

    #[test]
    fn their_gaps_are_exponential() {
        let gaps: Vec<f64> = (0..20_000).map(gap).collect();
        let longer = |than: f64| gaps.iter().filter(|gap| **gap > than).count() as f64 / gaps.len() as f64;
        for than in [0.1, 1.0, 3.0] {
            assert!((longer(than) - (-than).exp()).abs() < 0.01, "{} are longer than {than}", longer(than));
        }
    }

    #[test]
    fn they_are_the_same_at_every_run() {
        assert!(arrivals(10.0).take(100).eq(arrivals(10.0).take(100)));
    }
}
