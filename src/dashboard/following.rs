//! Follows the journal from an hour ago while somebody looks, and not otherwise.

use std::time::Duration;

use tokio::time::Instant;

use crate::actors::{History, StoreError};
use crate::clock::Clock;
use crate::domain::Timestamp;

use super::MINUTES;
use super::board::Board;

/// How often readers are told at most.
const PAUSE: Duration = Duration::from_millis(250);

/// How long to wait where the journal cannot be read.
const AGAIN: Duration = Duration::from_secs(10);

/// How far back the first look for the hour's beginning goes, in events; each later one goes twice as far.
const FIRST_STEP: u64 = 1024;

/// Follows for ever.
pub(super) async fn run(board: &Board, history: &History, clock: &Clock) {
    let mut readers = board.readers();
    let mut next = 1;
    // It ends with the board, which is borrowed here.
    while readers.wait_for(|readers| *readers > 0).await.is_ok() {
        if let Err(error) = follow(board, history, clock, &mut next).await {
            tracing::warn!(%error, "the dashboard cannot read the journal");
            tokio::time::sleep(AGAIN).await;
        }
        board.tell(false);
    }
}

/// Follows from `next`, or from an hour ago, until nobody looks any more. `next` is where it goes on.
async fn follow(board: &Board, history: &History, clock: &Clock, next: &mut u64) -> Result<(), StoreError> {
    let hour = Duration::from_secs(60 * MINUTES.unsigned_abs());
    *next = beginning(history, clock.now().before(hour), *next).await?;
    let (mut head, mut readers) = (history.head(), board.readers());
    let mut follow = history.follow(*next).sealed();
    let mut told_at = Instant::now();
    while *readers.borrow_and_update() > 0 {
        head.borrow_and_update();
        let batch = follow.batch().await?;
        board.take(&batch);
        *next = batch.last().map_or(*next, |last| last.seq + 1);
        if !batch.is_empty() && told_at.elapsed() < PAUSE {
            continue;
        }
        board.tell(batch.is_empty());
        told_at = Instant::now();
        if batch.is_empty() {
            tokio::select! {
                changed = head.changed() => changed.map_err(|_| StoreError::Closed)?,
                _ = readers.changed() => continue,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// A sequence from which on everything since that moment is found, and not much else; `known` or more.
pub(super) async fn beginning(history: &History, since: Timestamp, known: u64) -> Result<u64, StoreError> {
    let head = history.head().borrow().seq;
    let mut step = FIRST_STEP;
    loop {
        let from = (head + 1).saturating_sub(step).max(known);
        if from == known {
            return Ok(known);
        }
        let looked_at = history.follow(from).sealed().batch().await?;
        if looked_at.first().is_none_or(|first| first.at < since) {
            return Ok(from);
        }
        step = step.saturating_mul(2);
    }
}
