//! Without a daemon: the store itself.

use std::sync::Arc;

use super::SourceError;
use crate::config::Config;
use crate::store::{self, EventStore, OpenError, RawRecord, StoreError};
use crate::vault::NoVault;

/// Most records in memory at once.
const BATCH: u64 = 1024;

/// The store of this configuration, where there is one and nobody else has it open; without the keys of persons, since records
/// are read as they are stored.
///
/// # Errors
/// [`SourceError`], with its cure.
pub async fn open_store(config: &Config) -> Result<Arc<dyn EventStore>, SourceError> {
    let path = config.store.path.clone();
    let opened = tokio::task::spawn_blocking(move || store::open_existing(path, NoVault::opened)).await;
    let opened = opened.map_err(|_| StoreError::Unreadable("opening it panicked".into()))?;
    let opened = opened.map_err(|error| match error {
        OpenError::Locked(store) => SourceError::Locked { store, socket: config.admin.socket.clone() },
        other => SourceError::Open(other),
    });
    Ok(Arc::new(opened?))
}

pub(super) struct Store(pub(super) Arc<dyn EventStore>);

impl Store {
    pub(super) fn head(&self) -> u64 {
        self.0.head().borrow().seq
    }

    pub(super) async fn batch(&self, next: u64, head: u64) -> Result<Vec<RawRecord>, SourceError> {
        let limit = (head - next + 1).min(BATCH) as usize;
        Ok(self.0.read_raw(next, limit).await?)
    }

    pub(super) async fn close(self) {
        self.0.close().await;
    }
}
