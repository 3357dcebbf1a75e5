//! What goes with removed records: the keys that no record needs any more.
//!
//! Of each removed session the key of its visitor goes. A person's key goes where the log that is left does not name the person:
//! so it is read once, from its beginning, for all persons of the removed files together. In memory are 16 bytes for each of
//! those sessions and persons, and for each key that is used meanwhile; nothing of the history that stays.

use std::collections::HashSet;
use std::time::Duration;

use crate::domain::{Event, PersonHandle};
use crate::store::{EventStore, RawRecord, StoreError};
use crate::vault::{Handle, VaultError};

use super::{Retention, RetentionError};

/// Records that are read at a time.
const BATCH: usize = 1024;

/// What went with removed records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// How many keys were destroyed.
    pub keys: usize,
}

/// Whom removed records were about.
#[derive(Default)]
struct Traces {
    scenes: HashSet<Handle>,
    persons: HashSet<PersonHandle>,
}

impl Retention {
    /// Clears away all files that are leaving.
    pub(super) async fn clear(&self) -> Result<Cleared, RetentionError> {
        let files = self.journal.leaving();
        let mut traces = Traces::default();
        for file in &files {
            match self.take(*file, &mut traces).await {
                // Nothing more can be known of it.
                Err(StoreError::Damaged(what)) => {
                    tracing::warn!(%what, "of a file that retention removes not all could be read; some keys of its persons stay");
                }
                taken => taken?,
            }
        }
        let keys = self.destroy_keys(traces).await?;
        for file in files {
            self.journal.unlink(file).await?;
        }
        Ok(Cleared { keys })
    }

    /// Notes whom the file is about.
    async fn take(&self, file: (u64, u64), traces: &mut Traces) -> Result<(), StoreError> {
        let mut next = file.0;
        loop {
            let records = self.journal.read_leaving(file, next, BATCH).await?;
            let Some(last) = records.last() else { return Ok(()) };
            next = last.seq + 1;
            for record in &records {
                traces.take(record)?;
            }
        }
    }

    async fn destroy_keys(&self, mut traces: Traces) -> Result<usize, RetentionError> {
        if traces.scenes.is_empty() && traces.persons.is_empty() {
            return Ok(0);
        }
        let vault = self.journal.vault();
        vault.watch();
        // What was sealed before is in the log then.
        self.journal.settled().await?;
        let mut next = self.journal.beginning().first;
        while !traces.persons.is_empty() {
            let began = tokio::time::Instant::now();
            let records = self.journal.read_raw(next, BATCH).await?;
            let Some(last) = records.last() else { break };
            next = last.seq + 1;
            for record in &records {
                let event = record.decode()?.event;
                if let Some(person) = event.person().and_then(|(_, person)| person.handle()) {
                    traces.persons.remove(&person);
                }
            }
            // Half of one processor is enough for it.
            tokio::time::sleep(began.elapsed().min(Duration::from_millis(100))).await;
        }
        let handles: Vec<Handle> = traces.persons.into_iter().map(Handle::of_person).chain(traces.scenes).collect();
        let destroyed = tokio::task::spawn_blocking(move || vault.destroy_unused(&handles)).await;
        Ok(destroyed.unwrap_or(Err(VaultError::Failed))?)
    }
}

impl Traces {
    /// Notes whom the record is about.
    fn take(&mut self, record: &RawRecord) -> Result<(), StoreError> {
        let record = record.decode()?;
        if let Event::Created(_) = record.event {
            self.scenes.insert(Handle::of_scene(&record.scene));
        }
        self.persons.extend(record.event.person().and_then(|(_, person)| person.handle()));
        Ok(())
    }
}
