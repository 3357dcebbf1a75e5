use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::domain::{Recorded, Timestamp};

use super::{EventStore, Head, StoreError};

/// Reads the whole log in order and then waits for what comes. A slow reader is merely behind: besides the batch that it
/// works on, there is at most the next one, which is read meanwhile, or as many as are asked for.
pub struct Follow {
    store: Arc<dyn EventStore>,
    head: watch::Receiver<Head>,
    next: u64,
    /// Sequences that need not be read.
    passed: RangeInclusive<u64>,
    /// Whether what identifies a person is left sealed.
    is_sealed: bool,
    /// Batches that are being read, in order.
    ahead: VecDeque<Ahead>,
    most_ahead: usize,
}

/// A batch that is being read: the sequences of its first event and its last.
struct Ahead {
    first: u64,
    last: u64,
    events: JoinHandle<Result<Vec<Recorded>, StoreError>>,
}

/// Most events in one batch: bounds the memory of a reader.
const BATCH: u64 = 1024;

impl Follow {
    /// Begins at the sequence `from`.
    pub fn new(store: Arc<dyn EventStore>, from: u64) -> Self {
        let head = store.head();
        let passed = RangeInclusive::new(1, 0);
        Self { store, head, next: from.max(1), passed, is_sealed: false, ahead: VecDeque::new(), most_ahead: 1 }
    }

    /// Names nobody: what identifies a person is left sealed, and reads as forgotten.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.is_sealed = true;
        self
    }

    /// Reads so many batches while one is worked on (1, unless it is said; at least 1), each on a thread: for who has the
    /// machine to itself.
    #[must_use]
    pub fn reading_ahead(mut self, batches: usize) -> Self {
        self.most_ahead = batches.max(1);
        self
    }

    /// Passes over what the store knows to be of another time than from the first to the second, each where it is given.
    /// What it does not know of is shown, and so is what comes later, whatever its time.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    pub async fn pass(&mut self, (since, until): (Option<Timestamp>, Option<Timestamp>)) -> Result<(), StoreError> {
        if since.is_none() && until.is_none() {
            return Ok(());
        }
        let head = self.head.borrow().seq;
        let range = self.store.between(since, until).await?;
        if range.is_empty() {
            self.next = self.next.max(head + 1);
        } else {
            self.next = self.next.max(*range.start());
            self.passed = range.end() + 1..=head;
        }
        Ok(())
    }

    /// The last durable sequence of the log at this moment.
    pub fn head(&self) -> u64 {
        self.head.borrow().seq
    }

    /// The next durable events; empty where the end of the log is reached.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    pub async fn batch(&mut self) -> Result<Vec<Recorded>, StoreError> {
        let durable = self.head.borrow_and_update().seq;
        while self.ahead.len() < self.most_ahead && self.read_ahead(durable) {}
        let Some(ahead) = self.ahead.front_mut() else { return Ok(Vec::new()) };
        // Kept until it is there, so that nothing is lost where nobody waits for it any more.
        let events = (&mut ahead.events).await;
        let (first, last) = (ahead.first, ahead.last);
        self.ahead.pop_front();
        let events = events.unwrap_or_else(|_| Err(StoreError::Unreadable("reading it panicked".into())));
        let next = events.as_ref().ok().and_then(|events| events.last()).map_or(first, |event| event.seq + 1);
        if next <= last {
            // What is read behind it is not what comes next.
            self.ahead.drain(..).for_each(|ahead| ahead.events.abort());
            self.next = next;
            return events;
        }
        while self.ahead.len() < self.most_ahead && self.read_ahead(durable) {}
        events
    }

    /// Begins to read the next batch; `false` where there is none.
    fn read_ahead(&mut self, durable: u64) -> bool {
        if self.passed.contains(&self.next) {
            self.next = self.passed.end() + 1;
        }
        if self.next > durable {
            return false;
        }
        let end = if self.next < *self.passed.start() { durable.min(self.passed.start() - 1) } else { durable };
        let last = end.min(self.next + BATCH - 1);
        let limit = usize::try_from(last - self.next + 1).unwrap_or(1);
        let read =
            if self.is_sealed { self.store.read_sealed(self.next, limit) } else { self.store.read(self.next, limit) };
        self.ahead.push_back(Ahead { first: self.next, last, events: tokio::spawn(read) });
        self.next = last + 1;
        true
    }

    /// The next durable events, waiting until there are some.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged, or the store is closed.
    pub async fn next(&mut self) -> Result<Vec<Recorded>, StoreError> {
        loop {
            let events = self.batch().await?;
            if !events.is_empty() {
                return Ok(events);
            }
            self.head.changed().await.map_err(|_| StoreError::Closed)?;
        }
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.ahead.iter().for_each(|ahead| ahead.events.abort());
    }
}
