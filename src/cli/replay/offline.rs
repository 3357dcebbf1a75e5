//! Without a daemon: the store itself.

use std::sync::Arc;

use super::error::ReplayError;
use super::output::Output;
use crate::config::Config;
use crate::replay::Filter;
use crate::store::{self, EventStore, Follow, OpenError};

/// Prints what the store holds. Where more was to be followed, that is told at the end: only a daemon appends.
pub(super) async fn replay(
    config: &Config,
    filter: Filter,
    follow: bool,
    output: &mut Output<'_>,
) -> Result<(), ReplayError> {
    let path = config.store.path.clone();
    let opened = output.opening(tokio::task::spawn_blocking(move || store::open_existing(path))).await;
    let opened = opened.map_err(|_| store::StoreError::Unreadable("opening it panicked".into()))?;
    let store: Arc<dyn EventStore> = Arc::new(opened.map_err(|error| match error {
        OpenError::Locked(store) => ReplayError::Locked { store, socket: config.admin.socket.clone() },
        other => ReplayError::Open(other),
    })?);
    let printed = print(store.clone(), filter, output).await;
    store.close().await;
    printed?;
    if follow {
        return Err(ReplayError::NothingToFollow { path: config.admin.socket.clone() });
    }
    Ok(())
}

async fn print(store: Arc<dyn EventStore>, filter: Filter, output: &mut Output<'_>) -> Result<(), ReplayError> {
    let mut journal = Follow::new(store, 1);
    journal.pass(filter.times()).await?;
    let mut selector = filter.selector();
    output.begin(journal.head())?;
    loop {
        let batch = journal.batch().await?;
        let Some(last) = batch.last() else { return Ok(()) };
        batch.iter().filter(|recorded| selector.matches(recorded)).for_each(|recorded| output.event(recorded));
        output.reached(last.seq);
        output.flush()?;
    }
}
