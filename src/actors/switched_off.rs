//! A start while logins are turned off: nothing that had begun before is brought back to go on.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::clock::Clock;
use crate::domain::{Command, DenyReason, Recorded, Session, State, decide, evolve};
use crate::store::{EventStore, StoreError};

/// Appends under way at once, so that the journal has something to batch.
const AT_ONCE: usize = 256;

/// Ends every login that goes on, by the operator's word, before anybody can be served; what was redeemed stays, and what has
/// expired meanwhile does so by itself. It is durable when this returns: how many there were.
///
/// # Errors
/// [`StoreError`]; some may have ended.
pub async fn end_what_goes_on(store: &dyn EventStore, clock: &Clock) -> Result<usize, StoreError> {
    let sessions = store.unretired().await?;
    let ends = stream::iter(sessions).map(|records| end(store, clock, records));
    ends.buffer_unordered(AT_ONCE).try_fold(0, async |ended, has_ended| Ok(ended + usize::from(has_ended))).await
}

async fn end(store: &dyn EventStore, clock: &Clock, records: Vec<Recorded>) -> Result<bool, StoreError> {
    let Some(last) = records.last() else { return Ok(false) };
    let now = clock.now();
    let state = records.iter().fold(State::Absent, |state, record| evolve(state, &record.event));
    if state.session().and_then(Session::deadline).is_none_or(|deadline| deadline <= now) {
        return Ok(false);
    }
    let denied = decide(&state, &Command::Deny { reason: DenyReason::Admin }).unwrap_or_default();
    // Nobody else writes: the sessions are not at work yet.
    store.append(&last.scene, last.scene_seq, now, denied).await.map(|_| true)
}
