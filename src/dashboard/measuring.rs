//! Notes what is measured.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::metrics::Metrics;

use super::board::Board;

/// How often: so often the figures of this moment are told anew.
const EVERY: Duration = Duration::from_secs(5);

/// Measures for ever.
pub(super) async fn run(board: &Board, metrics: &Metrics) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        board.measured(&metrics.reading());
    }
}
