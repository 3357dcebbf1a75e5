use std::time::Duration;

use super::super::Histogram;
use super::format::{axis_end, float, grouped, lasting, percent, share};

/// Widths of a bar that people can count with, in milliseconds.
const WIDTHS: [u64; 22] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    1_800_000, 3_600_000, 36_000_000,
];
/// Most bars.
const BARS: u64 = 40;

/// How long one step of a login took, drawn and in numbers.
pub(super) struct Wait {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) explained: &'static str,
    pub(super) count: String,
    pub(super) facts: Vec<(&'static str, String)>,
    /// `None` where there is nothing to draw.
    pub(super) chart: Option<Chart>,
}

/// A histogram.
pub(super) struct Chart {
    pub(super) bars: Vec<Bar>,
    pub(super) bar_width: String,
    pub(super) marks: Vec<Mark>,
    pub(super) ticks: Vec<Tick>,
    pub(super) most: String,
    pub(super) half: Option<String>,
    pub(super) width: String,
    pub(super) longer: Option<String>,
    pub(super) described: String,
}

pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) height: String,
    pub(super) range: String,
    pub(super) count: String,
}

/// The time within which some part was done.
pub(super) struct Mark {
    pub(super) name: &'static str,
    pub(super) x: String,
    pub(super) value: String,
    /// Whether its text stands left of it.
    pub(super) is_late: bool,
}

pub(super) struct Tick {
    pub(super) x: String,
    pub(super) text: String,
    pub(super) is_minor: bool,
    /// Whether it stands at the very end.
    pub(super) is_last: bool,
}

const PARTS: [(&str, &str, u64); 3] =
    [("p50", "half (p50)", 500), ("p90", "90% (p90)", 900), ("p99", "99% (p99)", 990)];

impl Wait {
    pub(super) fn of(id: &'static str, title: &'static str, explained: &'static str, histogram: &Histogram) -> Self {
        let within = |(_, name, per_mille)| histogram.within(per_mille).map(|within| (name, lasting(within)));
        let mut facts: Vec<_> = PARTS.into_iter().filter_map(within).collect();
        if histogram.count() > 0 {
            facts.push(("the slowest", lasting(histogram.slowest())));
        }
        let chart = (histogram.slowest() >= Duration::from_millis(1)).then(|| Chart::of(histogram));
        Self { id, title, explained, count: grouped(histogram.count()), facts, chart }
    }
}

impl Chart {
    fn of(histogram: &Histogram) -> Self {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let end = histogram.within(990).map_or(0, millis);
        let width = WIDTHS.into_iter().find(|width| end / width < BARS).unwrap_or(end / BARS + 1);
        let count = usize::try_from(end / width + 1).unwrap_or(1).max(2);
        let (bins, longer) = histogram.bins(Duration::from_millis(width), count);
        let end = width * count as u64;
        let most = axis_end(bins.iter().copied().max().unwrap_or(0));
        let bars = bins.iter().enumerate().filter(|(_, bin)| **bin > 0);
        let time = |millis| lasting(Duration::from_millis(millis));
        let bar = |(place, &bin): (usize, &u64)| {
            let from = place as u64 * width;
            let height = float(bin) / float(most);
            Bar {
                x: share(float(from) + 0.06 * float(width), float(end)),
                y: share(1.0 - height, 1.0),
                height: share(height, 1.0),
                range: format!("{} to {}", time(from), time(from + width)),
                count: grouped(bin),
            }
        };
        let mark = |(name, _, per_mille)| {
            let at = millis(histogram.within(per_mille)?);
            let (x, is_late) = (share(float(at), float(end)), at > end / 2);
            Some(Mark { name, x, value: time(at), is_late })
        };
        Self {
            bars: bars.map(bar).collect(),
            bar_width: share(0.88, count as f64),
            marks: PARTS.into_iter().filter_map(mark).collect(),
            ticks: ticks(end),
            most: grouped(most),
            half: (most >= 2 && most.is_multiple_of(2)).then(|| grouped(most / 2)),
            width: time(width),
            longer: (longer > 0).then(|| format!("{} ({})", grouped(longer), percent(longer, histogram.count()))),
            described: format!(
                "Half took at most {}, nine tenths at most {}, all but a hundredth at most {}.",
                histogram.within(500).map(lasting).unwrap_or_default(),
                histogram.within(900).map(lasting).unwrap_or_default(),
                histogram.within(990).map(lasting).unwrap_or_default()
            ),
        }
    }
}

/// Where the axis of so many milliseconds is written on: about six times.
fn ticks(end: u64) -> Vec<Tick> {
    let step = WIDTHS.into_iter().find(|step| end / step <= 6).unwrap_or(end);
    let tick = |place: u64| {
        let at = place * step;
        Tick {
            x: share(float(at), float(end)),
            text: lasting(Duration::from_millis(at)),
            is_minor: !place.is_multiple_of(2),
            is_last: at == end,
        }
    };
    (0..=end / step).map(tick).collect()
}
