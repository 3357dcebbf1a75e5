//! Without a daemon: the store itself.

use std::sync::Arc;

use super::error::ReplayError;
use super::output::Output;
use crate::config::Config;
use crate::domain::Recorded;
use crate::replay::{Filter, Selector};
use crate::store::{self, EventStore, Follow, OpenError};
use crate::vault;

/// Batches that are read at once: most machines have a second core, and decoding takes longer than what is made of it.
const AHEAD: usize = 2;

/// The store of this configuration and the keys of its persons, where nobody else has it open.
///
/// # Errors
/// [`ReplayError`], with its cure.
pub(in crate::cli) async fn open(config: &Config) -> Result<Arc<dyn EventStore>, ReplayError> {
    let (path, keys) = (config.store.path.clone(), config.keys.path.clone());
    let vault = move || vault::open_existing(&keys);
    let opened = tokio::task::spawn_blocking(move || store::open_existing(path, vault)).await;
    let opened = opened.map_err(|_| store::StoreError::Unreadable("opening it panicked".into()))?;
    let journal = opened.map_err(|error| match error {
        OpenError::Locked(store) => ReplayError::Locked { store, socket: config.admin.socket.clone() },
        other => ReplayError::Open(other),
    })?;
    Ok(Arc::new(journal))
}

/// Prints what the store holds. Where more was to be followed, that is told at the end: only a daemon appends.
pub(super) async fn replay(
    config: &Config,
    filter: Filter,
    follow: bool,
    output: &mut Output<'_>,
) -> Result<(), ReplayError> {
    let store = output.opening(open(config)).await?;
    let printed = print(store.clone(), filter, output).await;
    store.close().await;
    printed?;
    if follow {
        return Err(ReplayError::NothingToFollow { path: config.admin.socket.clone() });
    }
    Ok(())
}

async fn print(store: Arc<dyn EventStore>, filter: Filter, output: &mut Output<'_>) -> Result<(), ReplayError> {
    let journal = Follow::new(store.clone(), 1).reading_ahead(AHEAD);
    let mut journal = if output.names_persons() { journal } else { journal.sealed() };
    let scene = filter.scene_id();
    let times = filter.times();
    let by = store.clone();
    let mut selector = filter.selector(Arc::new(move |account: &_, openid: &_| by.person(account, openid)));
    output.begin(journal.head())?;
    if let Some(scene) = scene {
        // By the index; where there is no such session, it can still be a page id.
        let events = store.stream(&scene).await?;
        if !events.is_empty() {
            selector.of_scene_only();
            hand_over(&events, &mut selector, output);
            return output.flush();
        }
    }
    journal.pass(times).await?;
    while !output.has_enough() {
        let batch = journal.batch().await?;
        let Some(last) = batch.last() else { return Ok(()) };
        hand_over(&batch, &mut selector, output);
        output.reached(last.seq);
        output.flush()?;
    }
    Ok(())
}

fn hand_over(events: &[Recorded], selector: &mut Selector, output: &mut Output<'_>) {
    events.iter().filter(|recorded| selector.matches(recorded)).for_each(|recorded| output.event(recorded));
}
