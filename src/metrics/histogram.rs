//! A histogram of our own: the library's can be scraped, and not read by anybody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// In seconds, from half a millisecond to five seconds: what a login is made of.
pub(super) const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// How many things came at once.
pub(super) const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// How values are distributed. Clone it freely: the clones count together. Counting takes no lock and no memory.
#[derive(Clone, Debug)]
pub(super) struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: &'static [f64],
    /// One for each bound, and the last for what lies above them all.
    counts: Box<[AtomicU64]>,
    /// The bits of the sum.
    sum: AtomicU64,
}

/// What a histogram has counted by one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The upper bounds, growing; the last is infinite.
    pub bounds: Vec<f64>,
    /// How many values are at most the bound of the same place.
    pub cumulative: Vec<u64>,
    /// The sum of all values.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
}

impl Histogram {
    /// With these upper bounds, which grow; a bucket for what is above comes by itself.
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { bounds, counts, sum: AtomicU64::new(0) }))
    }

    pub(super) fn of_seconds() -> Self {
        Self::new(SECONDS)
    }

    pub(super) fn took(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    pub(super) fn observe(&self, value: f64) {
        let Inner { bounds, counts, sum } = &*self.0;
        let place = bounds.partition_point(|bound| *bound < value);
        counts[place].fetch_add(1, Ordering::Relaxed);
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // It cannot fail: it is tried until nobody came between.
        let _ = sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let Inner { bounds, counts, sum } = &*self.0;
        let mut total = 0;
        let cumulative: Vec<u64> = counts
            .iter()
            .map(|count| {
                total += count.load(Ordering::Relaxed);
                total
            })
            .collect();
        let bounds = bounds.iter().copied().chain([f64::INFINITY]).collect();
        Snapshot { bounds, cumulative, sum: f64::from_bits(sum.load(Ordering::Relaxed)), count: total }
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Snapshot { bounds, cumulative, sum, count } = self.snapshot();
        let mut before = 0;
        let alone = cumulative.iter().map(|count| count - std::mem::replace(&mut before, *count));
        let buckets: Vec<(f64, u64)> = bounds.into_iter().zip(alone).collect();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Histogram {
        let histogram = Histogram::new(&[1.0, 2.0, 4.0]);
        values.iter().for_each(|value| histogram.observe(*value));
        histogram
    }

    #[test]
    fn a_value_counts_in_the_bucket_whose_bound_it_does_not_exceed() {
        let snapshot = of(&[0.5, 1.0, 1.5, 4.0, 9.0]).snapshot();
        assert_eq!(snapshot.bounds, [1.0, 2.0, 4.0, f64::INFINITY]);
        assert_eq!(snapshot.cumulative, [2, 3, 4, 5]);
        assert_eq!((snapshot.sum, snapshot.count), (16.0, 5));
    }
}
