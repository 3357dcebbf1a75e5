//! The journal's records for a command: from the daemon where one runs, else from the store itself.

mod error;
mod frames;
mod offline;

use std::path::Path;
use std::sync::Arc;

use super::daemon::{Address, Daemon, DaemonError};
use crate::config::Config;
use crate::store::{self, Beginning, EventStore, RawRecord};

pub use error::SourceError;
pub use offline::open_store;

/// Where records come from, for as long as a command runs.
pub enum Source {
    /// The daemon at this address.
    Daemon(Address),
    /// The store, which nobody else has open.
    Store(Arc<dyn EventStore>),
}

impl Source {
    /// The daemon behind `[admin] socket`; where none answers, the store.
    ///
    /// # Errors
    /// [`SourceError`], with its cure.
    pub async fn open(config: &Config) -> Result<Self, SourceError> {
        let address = Address::of(config);
        match Daemon::connect(&address).await? {
            Some(_) => Ok(Self::Daemon(address)),
            None => Ok(Self::Store(open_store(config).await?)),
        }
    }

    /// Where the log begins.
    ///
    /// # Errors
    /// [`SourceError`], with its cure.
    pub fn beginning(&self) -> Result<Beginning, SourceError> {
        match self {
            Self::Daemon(address) => Ok(store::beginning(address.store())?),
            Self::Store(store) => Ok(store.beginning()),
        }
    }

    /// The records from the sequence `from` on (the first is 1), or from the log's first.
    ///
    /// # Errors
    /// [`SourceError`], with its cure.
    pub async fn records(&self, from: u64) -> Result<Records, SourceError> {
        match self {
            Self::Daemon(address) => {
                let daemon = Daemon::connect(address).await?;
                let daemon = daemon.ok_or_else(|| DaemonError::broken("the daemon has stopped"))?;
                Records::of_daemon(daemon, address.store(), from).await
            }
            Self::Store(store) => Ok(Records::of(store.clone(), from)),
        }
    }

    /// Lets go of the store.
    pub async fn close(self) {
        if let Self::Store(store) = self {
            store.close().await;
        }
    }
}

/// The records of the journal in order, up to the last one that was durable when this began.
pub struct Records {
    from: From,
    beginning: Beginning,
    next: u64,
    head: u64,
}

enum From {
    Daemon(Box<frames::Frames>),
    Store(offline::Store),
}

impl Records {
    /// Begins at the sequence `from` (the first is 1): asks the daemon behind `[admin] socket`, and opens the store where no
    /// daemon answers.
    ///
    /// # Errors
    /// [`SourceError`], with its cure.
    pub async fn open(config: &Config, from: u64) -> Result<Self, SourceError> {
        let address = Address::of(config);
        match Daemon::connect(&address).await? {
            Some(daemon) => Self::of_daemon(daemon, address.store(), from).await,
            None => Self::of_store(config, from).await,
        }
    }

    /// The same of a daemon that took our connection, and has its store at `path`.
    ///
    /// # Errors
    /// [`SourceError`], with its cure.
    pub async fn of_daemon(daemon: Daemon, path: &Path, from: u64) -> Result<Self, SourceError> {
        let (first, head, frames) = frames::Frames::of(daemon, from).await?;
        let beginning = store::beginning(path)?;
        if beginning.first != first {
            return Err(SourceError::Moved);
        }
        Ok(Self { from: From::Daemon(Box::new(frames)), next: from.max(first), beginning, head })
    }

    /// The same of the store, which nobody else may have open.
    ///
    /// # Errors
    /// [`SourceError`], with its cure.
    pub async fn of_store(config: &Config, from: u64) -> Result<Self, SourceError> {
        Ok(Self::of(open_store(config).await?, from))
    }

    fn of(store: Arc<dyn EventStore>, from: u64) -> Self {
        let beginning = store.beginning();
        let store = offline::Store(store);
        Self { next: from.max(beginning.first), beginning, head: store.head(), from: From::Store(store) }
    }

    /// Where the log begins.
    pub fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    /// The last sequence that will be given, where there is one from where it began; 0 where the journal is empty.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The next records, in order and without a hole; empty where the head is reached.
    ///
    /// # Errors
    /// [`SourceError`] where they cannot be read on.
    pub async fn batch(&mut self) -> Result<Vec<RawRecord>, SourceError> {
        if self.next > self.head {
            return Ok(Vec::new());
        }
        let records = match &mut self.from {
            From::Daemon(frames) => frames.batch().await?,
            From::Store(store) => store.batch(self.next, self.head).await?,
        };
        for record in &records {
            if record.seq != self.next {
                return Err(SourceError::Hole { wanted: self.next });
            }
            self.next += 1;
        }
        if records.is_empty() { Err(SourceError::Hole { wanted: self.next }) } else { Ok(records) }
    }

    /// Lets go of the daemon or the store.
    pub async fn close(self) {
        if let From::Store(store) = self.from {
            store.close().await;
        }
    }
}
