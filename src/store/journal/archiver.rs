//! Moves old records into the archive, on a thread of its own; the writer only removes their chunks.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use tokio::sync::mpsc;

use crate::background;
use crate::store::StoreError;
use crate::store::archive::{ArchiveLimits, STEP};
use crate::store::codec;

use super::queue::Request;
use super::reader::{Shared, unreadable, visit_chunk};

/// What could not be archived is tried again after so many records more.
const RETRY_AFTER: u64 = 4096;

/// The thread's state.
pub(super) struct Archiver {
    shared: Arc<Shared>,
    limits: ArchiveLimits,
    writer: mpsc::WeakSender<Request>,
    /// The time of the oldest record that is not archived, and which that is.
    oldest: Option<(u64, i64)>,
    /// Nothing is tried before the log has come so far.
    not_before: u64,
}

impl Archiver {
    /// `None` where nothing is archived.
    pub(super) fn new(shared: Arc<Shared>, writer: mpsc::WeakSender<Request>) -> Option<Self> {
        let limits = shared.archive.limits()?;
        Some(Self { shared, limits, writer, oldest: None, not_before: 0 })
    }

    /// Works whenever it is woken, until nobody can wake it any more.
    pub(super) fn run(mut self, wake: &Receiver<()>) {
        background::give_way();
        while wake.recv().is_ok() {
            while let Some(last) = self.due() {
                if let Err(error) = self.archive(last) {
                    self.told(&error);
                    break;
                }
            }
        }
    }

    /// The last record of a file that can be made now.
    fn due(&mut self) -> Option<u64> {
        let head = self.shared.head.borrow().seq;
        let archived = self.shared.archive.last();
        if head < self.not_before || self.shared.closing.load(Ordering::Relaxed) {
            return None;
        }
        let mut old = head.saturating_sub(self.limits.young_records).saturating_sub(archived);
        if old < STEP {
            // A quiet site has years in so few records.
            if head < archived + STEP || !self.is_no_longer_young(archived + STEP) {
                return None;
            }
            old = STEP;
        }
        let count = if old >= self.limits.file_records {
            self.limits.file_records
        } else if self.is_old(archived + 1) {
            old - old % STEP
        } else {
            return None;
        };
        Some(archived + count)
    }

    /// Whether so much time has passed since `first` and since the last file was closed that another one is closed.
    fn is_old(&mut self, first: u64) -> bool {
        let begun = match self.oldest {
            Some((seq, at)) if seq == first => at,
            _ => match self.shared.time_of(first) {
                Ok(at) => at,
                Err(error) => {
                    self.told(&error);
                    return false;
                }
            },
        };
        self.oldest = Some((first, begun));
        let newest = self.shared.newest.load(Ordering::Relaxed);
        // What was closed at a time to come was closed by a clock that was wrong.
        let closed = Some(self.shared.archive.closed()).filter(|closed| *closed <= newest).unwrap_or(i64::MIN);
        self.limits.is_over(begun.max(closed), newest)
    }

    fn is_no_longer_young(&self, seq: u64) -> bool {
        let newest = self.shared.newest.load(Ordering::Relaxed);
        self.shared.time_of(seq).is_ok_and(|at| self.limits.is_no_longer_young(at, newest))
    }

    /// Makes a file of the records up to `last`, and hands the chunks that it covers to the writer.
    fn archive(&self, last: u64) -> Result<(), StoreError> {
        let shared = &self.shared;
        let io = |error: std::io::Error| StoreError::Unreadable(error.to_string().into());
        let mut next = shared.archive.last() + 1;
        let mut file = shared.archive.begin().map_err(io)?;
        let (mut covered, mut outcome) = (Vec::new(), Ok(()));
        let first = next;
        let chunk = &mut |first_seq: u64, value: &[u8]| {
            let end = first_seq + codec::records_of(value).1 as u64 - 1;
            if first_seq > next {
                return ControlFlow::Break(());
            }
            if end <= last {
                covered.push(first_seq);
            }
            let push = &mut |_, body: &[u8]| file.push(body).map_err(io).map(ControlFlow::Continue);
            visit_chunk(first_seq, value, &mut next, last, push).unwrap_or_else(|error| {
                outcome = Err(error);
                ControlFlow::Break(())
            })
        };
        shared.medium.visit(first, chunk).map_err(unreadable)?;
        outcome?;
        if next <= last {
            return Err(StoreError::Damaged(format!("record {next}: it is missing").into()));
        }
        shared.archive.finish(file, shared.newest.load(Ordering::Relaxed)).map_err(io)?;
        // Where it fails the places stay in memory, and are in an index with those of the next file.
        let indexed = shared.streams.catch_up(&shared.archive);
        {
            let mut obsolete = shared.obsolete();
            obsolete.keys.extend(covered);
            obsolete.archived = last;
        }
        // Where the queue is full the writer is at work, and looks before it waits again.
        if let Some(writer) = self.writer.upgrade() {
            let _ = writer.try_send(Request::Wake);
        }
        indexed
    }

    fn told(&mut self, error: &StoreError) {
        self.not_before = self.shared.head.borrow().seq + RETRY_AFTER;
        tracing::error!(
            %error,
            "old records could not be archived; they stay where they are, and it is tried again after {RETRY_AFTER} more: see that \
             the disk has space and that the folder archive belongs to this user"
        );
    }
}

impl Drop for Archiver {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the archiver panicked; old records stay where they are until a restart");
        }
    }
}
