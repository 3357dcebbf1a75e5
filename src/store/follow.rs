use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::Recorded;

use super::{EventStore, Head, StoreError};

/// Reads the whole log in order and then waits for what comes. It buffers nothing: a slow reader is merely behind.
pub struct Follow {
    store: Arc<dyn EventStore>,
    head: watch::Receiver<Head>,
    next: u64,
}

/// Most events in one batch: bounds the memory of a reader.
const BATCH: usize = 1024;

impl Follow {
    /// Begins at the sequence `from`.
    pub fn new(store: Arc<dyn EventStore>, from: u64) -> Self {
        let head = store.head();
        Self { store, head, next: from.max(1) }
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
        if self.next > durable {
            return Ok(Vec::new());
        }
        let limit = usize::try_from(durable - self.next + 1).unwrap_or(BATCH).min(BATCH);
        let events = self.store.read(self.next, limit).await?;
        if let Some(last) = events.last() {
            self.next = last.seq + 1;
        }
        Ok(events)
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
