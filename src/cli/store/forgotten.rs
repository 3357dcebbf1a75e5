//! Who was forgotten since a backup was made: a restored journal says so as the one before did.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::Failure;
use crate::domain::{AccountName, Event, Forgotten, PersonHandle, Recorded, Timestamp};
use crate::vault::{self, Handle};

/// What the ledger of the keys tells, held against the records of a backup.
pub(super) struct Since {
    /// When each was forgotten last, as the ledger tells.
    forgotten: HashMap<Handle, Timestamp>,
    /// What the backup's journal says of it.
    told: HashSet<(Handle, Timestamp)>,
    /// Whom of them the backup names: the account, and the last record.
    named: HashMap<PersonHandle, (AccountName, Timestamp)>,
}

impl Since {
    /// By the ledger in the folder of the keys.
    pub(super) fn of(keys: &Path) -> Result<Self, Failure> {
        let mut forgotten: HashMap<Handle, Timestamp> = HashMap::new();
        for (handle, at) in vault::forgotten(keys).map_err(|error| Failure::new(error.to_string(), error.cure()))? {
            let newest = forgotten.entry(handle).or_insert(at);
            *newest = at.max(*newest);
        }
        Ok(Self { forgotten, told: HashSet::new(), named: HashMap::new() })
    }

    /// Takes a record of the backup.
    pub(super) fn take(&mut self, record: Recorded) {
        match record.event {
            Event::Forgotten(forgotten) => drop(self.told.insert((Handle::of_person(forgotten.person), record.at))),
            event => {
                let Some((account, person)) = event.person() else { return };
                let Some(person) = person.handle() else { return };
                if self.forgotten.contains_key(&Handle::of_person(person)) {
                    let named = self.named.entry(person).or_insert((account.clone(), record.at));
                    named.1 = named.1.max(record.at);
                }
            }
        }
    }

    /// The events that the backup does not have yet, with their times. Who came back after it has another key.
    pub(super) fn events(self) -> Vec<(Timestamp, Event)> {
        let Self { forgotten, told, named } = self;
        let events = named.into_iter().filter_map(|(person, (account, last))| {
            let handle = Handle::of_person(person);
            let at = *forgotten.get(&handle)?;
            let is_since = last <= at && !told.contains(&(handle, at));
            is_since.then_some((at, Event::Forgotten(Forgotten { account, person })))
        });
        let mut events: Vec<(Timestamp, Event)> = events.collect();
        events.sort_by_key(|(at, _)| *at);
        events
    }
}
