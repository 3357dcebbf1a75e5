//! What the dashboard shows: the last hour of the journal by minutes, what was measured by minutes, the newest events, and one
//! session's history. It is kept in memory, bounded, and told to every reader as the same few messages; nothing here knows HTTP.
//!
//! ```text
//! journal ─► following ─► minutes, newest ─┐
//!                                          ├─► board ─► message ─► readers
//! metrics ─► measuring ─► readings ────────┘
//! ```
//!
//! The journal is followed only while somebody looks. What is measured is noted all the time, since nobody else keeps it.

mod board;
mod following;
mod lookup;
mod measuring;
mod message;
mod minutes;
mod newest;
mod readings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::actors::{History, StoreError};
use crate::clock::Clock;
use crate::domain::Recorded;
use crate::metrics::Metrics;

pub use board::{Full, Sight, Watching};

use board::Board;

/// How many minutes are kept, the one that has not ended yet among them.
pub const MINUTES: i64 = 60;

/// The dashboard's view. Clone it freely: the clones see the same.
#[derive(Clone)]
pub struct Dashboard {
    board: Arc<Board>,
    history: History,
    metrics: Metrics,
    clock: Clock,
}

impl Dashboard {
    /// A view that has seen nothing yet.
    pub fn new(history: History, metrics: Metrics, clock: Clock) -> Self {
        Self { board: Arc::new(Board::new(clock.clone())), history, metrics, clock }
    }

    /// Keeps the view up to date until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let following = following::run(&self.board, &self.history, &self.clock);
        let measuring = measuring::run(&self.board, &self.metrics);
        let both = async { tokio::join!(following, measuring) };
        stop.run_until_cancelled(both).await;
    }

    /// One more reader, who may see so much.
    ///
    /// # Errors
    /// [`Full`] where there are as many readers as may be.
    pub fn watch(&self, sight: Sight) -> Result<Watching, Full> {
        Board::watch(&self.board, sight)
    }

    /// All events of the session with this scene id; or of the newest session with this page id, as far back as it is looked
    /// for. `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    pub async fn session(&self, id: &str) -> Result<Option<Vec<Recorded>>, StoreError> {
        lookup::session(&self.history, id).await
    }

    /// What the clock says.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
