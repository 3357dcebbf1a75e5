//! Forgetting a person: what identifies them is destroyed, and the journal says so.
//!
//! ```text
//! find their scans ─► end what goes on (denied, admin) ─► `forgotten`, durable ─► destroy the keys ─► look once more
//! ```
//!
//! The event comes before the destruction, so that nothing is gone of which the journal knows nothing; a start finishes
//! what was interrupted in between ([`Forgetting::finish`]). Live sessions end first, so that no login goes on whose person
//! nobody could name any more.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::domain::{
    AccountName, Command, DenyReason, Event, Forgotten, OpenId, PersonHandle, Recorded, SceneId, State, Timestamp,
    decide, evolve,
};
use crate::store::{Append, EventStore, StoreError};
use crate::vault::{self, Handle, Vault, VaultError};

use super::logins::{Logins, Unavailable};

/// Records that are read at a time.
const BATCH: usize = 1024;

/// Forgets persons, one after the other. Clone it freely.
#[derive(Clone)]
pub struct Forgetting {
    store: Arc<dyn EventStore>,
    vault: Arc<dyn Vault>,
    clock: Clock,
    /// The sessions at work; `None` where no daemon runs.
    logins: Option<Logins>,
    turn: Arc<Mutex<()>>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgot {
    /// How it ended.
    pub outcome: Outcome,
    /// In how many logins the person is met, by the keyed hash.
    pub logins: usize,
    /// How many records name the person in clear, since they are older than the keys: they stay.
    pub in_clear: usize,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The keys are destroyed; the event has this sequence.
    Done(u64),
    /// It had been done before, by the event of this sequence.
    DoneBefore(u64),
    /// Nothing is known of this person under a key.
    Unknown,
}

/// Why nobody was forgotten, or not wholly: to be asked for again.
#[derive(Debug, thiserror::Error)]
pub enum NotForgotten {
    /// The journal fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys cannot be destroyed.
    #[error("the keys cannot be destroyed: {0}")]
    Vault(#[from] VaultError),
    /// A session of the person does not answer.
    #[error("a session of this person does not answer")]
    Session,
}

impl From<Unavailable> for NotForgotten {
    fn from(_: Unavailable) -> Self {
        Self::Session
    }
}

impl NotForgotten {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        match self {
            Self::Vault(error) => error.cure(),
            Self::Store(_) | Self::Session => "look at the log, and ask for it again".into(),
        }
    }
}

/// Somebody's traces in the log.
#[derive(Default)]
struct Traces {
    scenes: HashSet<SceneId>,
    /// The last record that bears the person's handle: a scan, or that they follow the account or do no more.
    last: u64,
    /// The newest event that says that the person was forgotten.
    forgotten: Option<(u64, Timestamp)>,
    in_clear: usize,
    /// Up to where the log was read.
    read: u64,
}

impl Forgetting {
    /// Over a store whose persons are in `vault`; `logins` where a daemon's sessions are at work.
    pub fn new(store: Arc<dyn EventStore>, vault: Arc<dyn Vault>, clock: Clock, logins: Option<Logins>) -> Self {
        Self { store, vault, clock, logins, turn: Arc::default() }
    }

    /// Forgets a person of an account. What is going on of theirs is denied first.
    ///
    /// # Errors
    /// [`NotForgotten`]; it may be done in part, and is finished when it is asked for again, or by the next start.
    pub async fn forget(&self, account: &AccountName, openid: &OpenId) -> Result<Forgot, NotForgotten> {
        let _turn = self.turn.lock().await;
        let person = self.vault.person(account, openid);
        let mut traces = Traces::default();
        self.look(&mut traces, account, Some(openid), person).await?;
        let (logins, in_clear) = (traces.scenes.len(), traces.in_clear);
        let forgot = |outcome| Ok(Forgot { outcome, logins, in_clear });
        if traces.last == 0 {
            return forgot(Outcome::Unknown);
        }
        if let Some((seq, at)) = traces.forgotten.filter(|(seq, _)| *seq > traces.last) {
            if !self.has_forgotten(person, at).await? {
                self.destroy(traces, account, person, at).await?;
            }
            return forgot(Outcome::DoneBefore(seq));
        }
        for scene in &traces.scenes {
            self.end(scene).await?;
        }
        let (seq, at) = self.append(account, person).await?;
        self.destroy(traces, account, person, at).await?;
        forgot(Outcome::Done(seq))
    }

    /// Finishes what was interrupted: the events whose keys may still be there. Says how many there were.
    ///
    /// # Errors
    /// [`NotForgotten`].
    pub async fn finish(&self) -> Result<usize, NotForgotten> {
        let _turn = self.turn.lock().await;
        let mut finished = 0;
        for record in self.store.stream(&SceneId::of_the_journal()).await? {
            let Event::Forgotten(Forgotten { account, person }) = record.event else { continue };
            if self.has_forgotten(person, record.at).await? {
                continue;
            }
            let mut traces = Traces::default();
            self.look(&mut traces, &account, None, person).await?;
            self.destroy(traces, &account, person, record.at).await?;
            finished += 1;
        }
        Ok(finished)
    }

    /// Reads the log from where the traces end, without opening anything that is sealed.
    async fn look(
        &self,
        traces: &mut Traces,
        account: &AccountName,
        openid: Option<&OpenId>,
        person: PersonHandle,
    ) -> Result<(), StoreError> {
        loop {
            let batch = self.store.read_raw(traces.read + 1, BATCH).await?;
            let Some(last) = batch.last() else { return Ok(()) };
            traces.read = last.seq;
            for record in &batch {
                traces.take(record.decode()?, account, openid, person);
            }
        }
    }

    /// Ends a session of the person, where it goes on.
    async fn end(&self, scene: &SceneId) -> Result<(), NotForgotten> {
        if let Some(logins) = &self.logins {
            logins.end_by_admin(scene).await?;
            return Ok(());
        }
        let records = self.store.stream(scene).await?;
        let state = records.iter().fold(State::Absent, |state, record| evolve(state, &record.event));
        let version = records.last().map_or(0, |record| record.scene_seq);
        let denied = decide(&state, &Command::Deny { reason: DenyReason::Admin }).unwrap_or_default();
        if !denied.is_empty() {
            // Nobody else writes: no daemon runs.
            self.store.append(scene, version, self.clock.now(), denied).await?;
        }
        Ok(())
    }

    async fn append(&self, account: &AccountName, person: PersonHandle) -> Result<(u64, Timestamp), StoreError> {
        let (scene, at) = (SceneId::of_the_journal(), self.clock.now());
        let event = Event::Forgotten(Forgotten { account: account.clone(), person });
        let mut expected = 0;
        loop {
            match self.store.append(&scene, expected, at, vec![event.clone()]).await? {
                Append::Conflict { actual } => expected = actual,
                Append::Stored(records) => {
                    // A start need not begin to read there.
                    self.store.retire(&scene);
                    return Ok((records.first().map_or(0, |record| record.seq), at));
                }
            }
        }
    }

    async fn destroy(
        &self,
        mut traces: Traces,
        account: &AccountName,
        person: PersonHandle,
        at: Timestamp,
    ) -> Result<(), NotForgotten> {
        // What came since the first look, and what came while the keys were on their way out: a scan that was sealed under
        // the key that is gone.
        self.look(&mut traces, account, None, person).await?;
        self.destroy_keys(person, &traces.scenes, at).await?;
        let before = std::mem::take(&mut traces.scenes);
        self.look(&mut traces, account, None, person).await?;
        let mut late = HashSet::new();
        for scene in traces.scenes.into_iter().filter(|scene| !before.contains(scene)) {
            if self.store.stream(&scene).await?.iter().any(|record| record.event.is_of_somebody_forgotten()) {
                late.insert(scene);
            }
        }
        if late.is_empty() { Ok(()) } else { self.destroy_keys(person, &late, at).await }
    }

    async fn destroy_keys(
        &self,
        person: PersonHandle,
        scenes: &HashSet<SceneId>,
        at: Timestamp,
    ) -> Result<(), NotForgotten> {
        let vault = self.vault.clone();
        let scenes: Vec<Handle> = scenes.iter().map(Handle::of_scene).collect();
        let forget = move || vault.forget(vault::Forgetting { person, scenes: &scenes, at });
        tokio::task::spawn_blocking(forget).await.unwrap_or(Err(VaultError::Failed))?;
        Ok(())
    }

    async fn has_forgotten(&self, person: PersonHandle, at: Timestamp) -> Result<bool, NotForgotten> {
        let vault = self.vault.clone();
        let asked = tokio::task::spawn_blocking(move || vault.has_forgotten(person, at)).await;
        Ok(asked.unwrap_or(Err(VaultError::Failed))?)
    }
}

impl Traces {
    fn take(&mut self, record: Recorded, account: &AccountName, openid: Option<&OpenId>, person: PersonHandle) {
        let is_of_person = record.event.person().is_some_and(|(_, of)| of.handle() == Some(person));
        match record.event {
            Event::Subscribed(_) | Event::Unsubscribed(_) if is_of_person => self.last = record.seq,
            Event::Scanned(_) if is_of_person => {
                self.last = record.seq;
                self.scenes.insert(record.scene);
            }
            Event::Scanned(scanned) if scanned.account == *account && openid.is_some() => {
                self.in_clear += usize::from(scanned.person.openid() == openid);
            }
            Event::Forgotten(forgotten) if forgotten.person == person => self.forgotten = Some((record.seq, record.at)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
