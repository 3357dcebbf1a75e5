//! Logins are turned off: nothing that had begun before goes on, whether the daemon starts so or is told while it runs.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::clock::Clock;
use crate::domain::{Command, DenyReason, Recorded, Session, State, Timestamp, decide, evolve};
use crate::store::{EventStore, StoreError};

use super::address::IfLost;
use super::cell::Cell;
use super::logins::{EndedByAdmin, Logins, Unavailable};
use super::registry::RegistryMessage;

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
    if !state.session().is_some_and(|session| goes_on(session, now)) {
        return Ok(false);
    }
    let denied = decide(&state, &Command::Deny { reason: DenyReason::Admin }).unwrap_or_default();
    // Nobody else writes: the sessions are not at work yet.
    store.append(&last.scene, last.scene_seq, now, denied).await.map(|_| true)
}

fn goes_on(session: &Session, now: Timestamp) -> bool {
    session.deadline().is_some_and(|deadline| now < deadline)
}

impl Logins {
    /// Ends every login that goes on, by the operator's word, while the daemon runs. Told that no place is left
    /// ([`Self::limit`]) before, none begins beside it: the registry hears of both in order. What was redeemed stays. It is
    /// durable when this returns: how many there were.
    ///
    /// # Errors
    /// [`Unavailable`]; some may have ended.
    pub async fn end_what_goes_on(&self) -> Result<usize, Unavailable> {
        let cells = self.registry.ask(IfLost::SendAgain, RegistryMessage::List).await?;
        let ends = stream::iter(cells).map(|cell| self.end_if_going_on(cell));
        ends.buffer_unordered(AT_ONCE).try_fold(0, async |ended, has_ended| Ok(ended + usize::from(has_ended))).await
    }

    async fn end_if_going_on(&self, cell: Arc<Cell>) -> Result<bool, Unavailable> {
        match self.show(&cell).await {
            Ok(session) if goes_on(&session, self.clock.now()) => {}
            Ok(_) => return Ok(false),
            // Nobody can need it any more, so its actor has ended meanwhile.
            Err(Unavailable) if cell.address.is_gone() => return Ok(false),
            Err(Unavailable) => return Err(Unavailable),
        }
        // It may have ended meanwhile.
        Ok(self.deny_by_admin(&cell).await? == EndedByAdmin::Now)
    }
}
