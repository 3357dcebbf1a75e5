//! The places of records that no table tells of yet, in memory.

use std::collections::{HashMap, VecDeque};

use super::Key;

/// Each record names the one before of its key: 16 bytes a record, and one entry a key.
pub(super) struct Young {
    /// The sequence of the first of the records.
    first: u64,
    records: VecDeque<(Key, u64)>,
    newest: HashMap<Key, u64>,
}

impl Young {
    /// Of a log of which the records before `first` have their places elsewhere.
    pub(super) fn new(first: u64) -> Self {
        Self { first, records: VecDeque::new(), newest: HashMap::new() }
    }

    /// Takes the next record.
    pub(super) fn push(&mut self, seq: u64, key: Key) {
        if self.records.is_empty() {
            self.first = seq;
        }
        let before = self.newest.insert(key, seq).unwrap_or_default();
        self.records.push_back((key, before));
    }

    /// The places of the key, in order.
    pub(super) fn places(&self, key: Key) -> Vec<u64> {
        let mut places = Vec::new();
        let mut next = self.newest.get(&key).copied().unwrap_or_default();
        while let Some((_, before)) =
            next.checked_sub(self.first).and_then(|place| self.records.get(usize::try_from(place).ok()?))
        {
            places.push(next);
            next = *before;
        }
        places.reverse();
        places
    }

    /// Forgets the places up to `last`.
    pub(super) fn forget(&mut self, last: u64) {
        while self.first <= last
            && let Some((key, _)) = self.records.pop_front()
        {
            if self.newest.get(&key) == Some(&self.first) {
                self.newest.remove(&key);
            }
            self.first += 1;
        }
        self.records.shrink_to(2 * self.records.len());
        self.newest.shrink_to(2 * self.newest.len());
    }
}
