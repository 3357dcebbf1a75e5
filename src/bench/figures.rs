//! What was measured, as it is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Nothing here takes longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long something took, many times: a histogram of microseconds, right to three digits at any length. Clone it freely:
/// the clones record into the same one.
#[derive(Clone, Debug)]
pub struct Times(Arc<Mutex<Histogram<u64>>>);

impl Default for Times {
    fn default() -> Self {
        let histogram = Histogram::new(3).expect("a histogram can be right to three digits");
        Self(Arc::new(Mutex::new(histogram)))
    }
}

impl Times {
    /// It took this long once more.
    pub fn record(&self, took: Duration) {
        // It grows to whatever comes; longer than an hour is as good as an hour.
        let micros = took.min(LONGEST).as_micros();
        let _ = self.histogram().record(u64::try_from(micros).unwrap_or(u64::MAX));
    }

    /// How often.
    pub fn count(&self) -> u64 {
        self.histogram().len()
    }

    /// What this share of all did not exceed, in milliseconds: 0.5 gives the median, 1 the longest.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.histogram().value_at_quantile(share) as f64 / 1e3
    }

    /// The figures that are told of it.
    pub fn summary(&self) -> Summary {
        Summary {
            count: self.count(),
            mean: self.mean_ms(),
            p50: self.quantile_ms(0.5),
            p90: self.quantile_ms(0.9),
            p99: self.quantile_ms(0.99),
            p99_9: self.quantile_ms(0.999),
            max: self.quantile_ms(1.0),
        }
    }

    fn mean_ms(&self) -> f64 {
        rounded(self.histogram().mean() / 1e3)
    }

    fn histogram(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Quantiles of how long something took, in milliseconds; the key that it is told under ends with `_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How often.
    pub count: u64,
    /// On average.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// Nine tenths took no longer.
    pub p90: f64,
    /// All but one in a hundred.
    pub p99: f64,
    /// All but one in a thousand.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
}

/// To three digits behind the point.
pub fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// So many in such a time, a second.
pub fn per_second(count: u64, time: Duration) -> f64 {
    rounded(count as f64 / time.as_secs_f64().max(1e-9))
}

/// A share of this for each of so many, in microseconds.
pub fn micros_each(time: Duration, count: u64) -> f64 {
    rounded(time.as_secs_f64() * 1e6 / count.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(millis: impl IntoIterator<Item = u64>) -> Times {
        let times = Times::default();
        millis.into_iter().for_each(|millis| times.record(Duration::from_millis(millis)));
        times
    }

    #[test]
    fn the_quantiles_are_right_to_three_digits_at_any_length() {
        let told = times(1..=1000).summary();
        let is_near = |value: f64, exact: f64| (value - exact).abs() <= exact / 1000.0;
        assert_eq!(told.count, 1000);
        assert!(is_near(told.mean, 500.5) && is_near(told.p50, 500.0) && is_near(told.p90, 900.0), "{told:?}");
        assert!(is_near(told.p99, 990.0) && is_near(told.p99_9, 999.0) && is_near(told.max, 1000.0), "{told:?}");
        assert!(is_near(times([86_400_000]).summary().max, 3_600_000.0), "longer than an hour is told as an hour");
    }

    #[test]
    fn lanes_record_into_the_same_one() {
        let one = times([1, 2]);
        one.clone().record(Duration::from_secs(60));
        assert_eq!((one.count(), one.quantile_ms(0.5)), (3, 2.0));
        assert!(one.quantile_ms(1.0) >= 60_000.0);
    }

    #[test]
    fn of_nothing_there_are_figures_too() {
        let told = Times::default().summary();
        assert_eq!((told.count, told.mean, told.max), (0, 0.0, 0.0));
        assert_eq!(micros_each(Duration::from_secs(1), 0), 1e6);
    }
}
