use std::collections::BTreeMap;
use std::time::Duration;

/// How many lasted how long, to three digits: so its size is bounded whatever it is given (900 entries for each power of
/// ten), no value is off by a hundredth, and two of them can be added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// By milliseconds, rounded down.
    counts: BTreeMap<u64, u64>,
    count: u64,
    slowest: Duration,
}

impl Histogram {
    /// One more.
    pub fn add(&mut self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        *self.counts.entry(to_three_digits(millis)).or_default() += 1;
        self.count += 1;
        self.slowest = self.slowest.max(duration);
    }

    /// All of the other.
    pub fn merge(&mut self, other: &Self) {
        for (millis, count) in &other.counts {
            *self.counts.entry(*millis).or_default() += count;
        }
        self.count += other.count;
        self.slowest = self.slowest.max(other.slowest);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest; zero where there is none.
    pub fn slowest(&self) -> Duration {
        self.slowest
    }

    /// Within which time so many of a thousand were done; `None` where there is none.
    pub fn within(&self, per_mille: u64) -> Option<Duration> {
        let rank = (u128::from(self.count) * u128::from(per_mille)).div_ceil(1000).max(1);
        let mut so_far = 0;
        for (millis, count) in &self.counts {
            so_far += u128::from(*count);
            if so_far >= rank {
                return Some(Duration::from_millis(*millis));
            }
        }
        None
    }

    /// How many there are in each of `bins` of equal `width`, from zero on, and how many are longer.
    pub fn bins(&self, width: Duration, bins: usize) -> (Vec<u64>, u64) {
        let (mut filled, mut longer) = (vec![0; bins], 0);
        let width = u64::try_from(width.as_millis()).unwrap_or(u64::MAX).max(1);
        for (millis, count) in &self.counts {
            let bin = usize::try_from(millis / width).unwrap_or(usize::MAX);
            *filled.get_mut(bin).unwrap_or(&mut longer) += count;
        }
        (filled, longer)
    }
}

fn to_three_digits(millis: u64) -> u64 {
    let digits = millis.checked_ilog10().unwrap_or(0);
    let unit = 10_u64.pow(digits.saturating_sub(2));
    millis / unit * unit
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(millis: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        millis.into_iter().for_each(|millis| histogram.add(Duration::from_millis(millis)));
        histogram
    }

    #[test]
    fn the_parts_of_a_thousand_are_found() {
        let histogram = of(1..=100);
        let within = |per_mille| histogram.within(per_mille).unwrap().as_millis();
        assert_eq!([within(0), within(500), within(900), within(990), within(1000)], [1, 50, 90, 99, 100]);
        assert_eq!((histogram.count(), histogram.slowest()), (100, Duration::from_millis(100)));
        assert_eq!(of([]).within(500), None);
    }

    #[test]
    fn bins_take_all_in_and_what_is_longer_is_told() {
        let histogram = of([0, 999, 1000, 1001, 59_999, 60_000, 3_600_000]);
        assert_eq!(histogram.bins(Duration::from_secs(1), 60).0[..2], [2, 2]);
        assert_eq!(histogram.bins(Duration::from_secs(60), 2), (vec![5, 1], 1));
    }

    #[test]
    fn it_stays_small() {
        assert!(of((0..2_000_000).step_by(7)).counts.len() <= 100 + 900 * 5);
    }

    proptest! {
        #[test]
        fn no_value_is_off_by_a_hundredth(millis in any::<u64>()) {
            let kept = to_three_digits(millis);
            prop_assert!(kept <= millis && millis - kept <= millis / 100);
        }

        #[test]
        fn two_added_up_are_as_one(one in prop::collection::vec(0..1_000_000_u64, 0..50), other in prop::collection::vec(0..1_000_000_u64, 0..50)) {
            let mut sum = of(one.clone());
            sum.merge(&of(other.clone()));
            prop_assert_eq!(sum, of(one.into_iter().chain(other)));
        }
    }
}
