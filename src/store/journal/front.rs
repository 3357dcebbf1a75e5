//! The log's front, for retention: what is old, and how it goes.
//!
//! ```text
//! oldest ─► begin_at (durable: the log begins behind them) ─► leaving: what else depends on them goes ─► unlink
//! ```

use std::ops::ControlFlow;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::domain::Timestamp;
use crate::store::{Beginning, RawRecord, StoreError};

use super::Journal;
use super::queue::Request;

/// A file of old records at the front of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldFile {
    /// The sequence of its first record.
    pub first: u64,
    /// And of its last.
    pub last: u64,
    /// The newest time of its records.
    pub newest: Timestamp,
}

impl Journal {
    /// The files at the front that no pending session has a record in, the oldest first.
    pub fn oldest(&self) -> Vec<OldFile> {
        let pending = self.shared.live().values().filter_map(|sequences| sequences.first().copied()).min();
        let files = self.shared.archive.spans().into_iter();
        let files = files.take_while(|(_, last, _)| pending.is_none_or(|pending| *last < pending));
        files.map(|(first, last, newest)| OldFile { first, last, newest: Timestamp::from_micros(newest) }).collect()
    }

    /// Says that the log begins here from now on, at the end of one of [`oldest`](Self::oldest). Durable when it returns: the
    /// files before are leaving, and nobody reads them any more as a part of the log.
    ///
    /// # Errors
    /// [`StoreError`]; the log may begin there all the same after a restart.
    pub fn begin_at(&self, beginning: Beginning) -> BoxFuture<'static, Result<(), StoreError>> {
        self.read_blocking(move |shared| shared.archive.begin_at(&beginning).map_err(unwritten))
    }

    /// First and last sequence of each file that is leaving: also of those that a crash has left.
    pub fn leaving(&self) -> Vec<(u64, u64)> {
        self.shared.archive.leaving()
    }

    /// Up to `limit` records of a file that is leaving, from `next` on; none behind its end.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read, or is damaged.
    pub fn read_leaving(
        &self,
        file: (u64, u64),
        next: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<RawRecord>, StoreError>> {
        self.read_blocking(move |shared| {
            let mut found = Vec::with_capacity(limit.min(1024));
            shared.archive.visit_leaving(file, next, &mut |seq, body| {
                found.push(RawRecord { seq, body: body.to_vec() });
                Ok(if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
            Ok(found)
        })
    }

    /// When it returns, every append that was asked for before is durable, or has failed.
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub fn settled(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        let (done, answer) = oneshot::channel();
        let queue = self.queue.clone();
        Box::pin(async move {
            queue.ask(Request::Settle(done)).await?;
            answer.await.map_err(|_| StoreError::Closed)
        })
    }

    /// Unlinks a file that is leaving, and tables of the index that tell of nothing else.
    ///
    /// # Errors
    /// [`StoreError`]; it is still leaving then.
    pub fn unlink(&self, file: (u64, u64)) -> BoxFuture<'static, Result<(), StoreError>> {
        self.read_blocking(move |shared| {
            let first = shared.archive.first();
            shared.archive.unlink(file).and_then(|()| shared.streams.begin_at(first)).map_err(unwritten)
        })
    }
}

fn unwritten(error: std::io::Error) -> StoreError {
    StoreError::Unreadable(error.to_string().into())
}
