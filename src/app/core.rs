//! What lives as long as the process: the journal, what is opened beside it, and the actors.

use std::sync::Arc;

use tokio::time::Instant;

use crate::actors::{AdmissionLimits, Followers, Forgetting, History, Logins, StartError, Tree, end_what_goes_on};
use crate::audit::{Checkpointer, IfOther};
use crate::clock::Clock;
use crate::config::Config;
use crate::jose::KeyRing;
use crate::keys::{Keys, KeysError};
use crate::metrics::Metrics;
use crate::recall::Recall;
use crate::retention::Retention;
use crate::store::{EventStore, Journal, LAYOUT};
use crate::traces::Traces;

use super::checkpoints::audit_setup;
use super::{RunError, id_token_keys, memory, observation};

/// How many of the newest records are looked at where the keys of persons are new.
const LOOKED_AT: u64 = 1024;

/// What a start opens.
pub(super) struct Opened {
    pub(super) tree: Tree,
    pub(super) core: Core,
    pub(super) errands: Errands,
}

/// What is handed to who does it.
pub(super) struct Errands {
    pub(super) forgetting: Forgetting,
    pub(super) retention: Option<Retention>,
}

/// What every configuration is served with.
pub(super) struct Core {
    pub(super) logins: Logins,
    pub(super) followers: Followers,
    pub(super) history: History,
    pub(super) checkpointer: Arc<Checkpointer>,
    pub(super) keys: Arc<Keys>,
    pub(super) id_token_keys: KeyRing,
    pub(super) recall: Recall,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) traces: Traces,
}

impl Core {
    /// Opens everything beside the journal, whose lock says that no other process does, and brings the sessions back.
    ///
    /// # Errors
    /// [`RunError`], with its cure.
    pub(super) async fn open(
        config: &Config,
        journal: &Arc<Journal>,
        if_other: IfOther,
        clock: Clock,
        (metrics, traces): (Metrics, Traces),
        began: Instant,
    ) -> Result<Opened, RunError> {
        let checkpointer = Checkpointer::start(audit_setup(config, journal.clone(), &clock), if_other).await?;
        let checkpointer = Arc::new(checkpointer);
        let keys = open_keys(config, journal)?;
        warn_of_lost_keys(journal).await?;
        let id_token_keys = id_token_keys::open(config, &clock).await?;
        let recall = open_recall(config, &clock)?;
        if !config.server.logins {
            let ended = end_what_goes_on(&**journal, &clock).await.map_err(StartError::from)?;
            tracing::warn!(ended, "logins are turned off: none begins, and those that went on have ended");
        }
        let tree = Tree::start(journal.clone(), keys.clone(), clock.clone(), admission_limits(config)).await?;
        if let Some(budget) = memory::budget() {
            metrics.process().memory_budget(budget.bytes);
            tree.logins.keep_within(budget);
        }
        observation::observe_tree(&metrics, &tree, &checkpointer);
        let forgetting = Forgetting::new(journal.clone(), journal.vault(), clock.clone(), Some(tree.logins.clone()));
        let finished = forgetting.finish().await?;
        if finished > 0 {
            tracing::info!(finished, "forgetting was interrupted, and is finished now");
        }
        let events = journal.head().borrow().seq;
        let (first, layout) = (journal.beginning().first, LAYOUT);
        tracing::info!(events, first, layout, sessions = tree.recovered, took = ?began.elapsed(), "the journal is open, and what was pending is back");
        let retention = config.store.retention;
        let retention =
            retention.map(|kept| Retention::new(journal.clone(), checkpointer.clone(), clock.clone(), kept));
        let core = Self {
            logins: tree.logins.clone(),
            followers: tree.followers.clone(),
            history: tree.history.clone(),
            checkpointer,
            keys,
            id_token_keys,
            recall,
            clock,
            metrics,
            traces,
        };
        Ok(Opened { tree, core, errands: Errands { forgetting, retention } })
    }
}

/// While logins are turned off there is no place for one.
pub(super) fn admission_limits(config: &Config) -> AdmissionLimits {
    AdmissionLimits {
        max_sessions: if config.server.logins { config.server.max_sessions } else { 0 },
        unclaimed_page_ids: config.limits.unclaimed_page_ids.map_or(usize::MAX, |most| most.get() as usize),
    }
}

fn open_keys(config: &Config, journal: &Journal) -> Result<Arc<Keys>, KeysError> {
    let keys = Keys::open_or_create(&config.keys.path)?;
    if keys.are_new() && journal.head().borrow().seq > 0 {
        let path = config.keys.path.display();
        let told = "the journal is older than the keys: codes and page ids that were pending are worth nothing";
        tracing::warn!(%path, "{told}; put the keys' backup there if there is one");
    }
    Ok(Arc::new(keys))
}

/// Where the keys of persons are new and the newest records were sealed under others, their folder was lost.
async fn warn_of_lost_keys(journal: &Journal) -> Result<(), StartError> {
    if !journal.vault().is_new() {
        return Ok(());
    }
    let newest = journal.head().borrow().seq.saturating_sub(LOOKED_AT) + 1;
    let records = journal.read(newest, LOOKED_AT as usize).await.map_err(StartError::from)?;
    if records.iter().any(|record| record.event.is_of_somebody_forgotten()) {
        tracing::warn!(
            "the keys of persons are gone: who logged in until now counts as forgotten; put their backup back"
        );
    }
    Ok(())
}

/// Below the store, whose lock says that no other process writes there.
fn open_recall(config: &Config, clock: &Clock) -> Result<Recall, RunError> {
    let path = config.store.path.join("recall");
    Recall::open(&path, clock.clone()).map_err(|error| RunError::Recall { path, error })
}
