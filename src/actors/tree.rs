//! The root of the supervision tree, and how it starts and ends.
//!
//! ```text
//! root ─┬─ registry            routes; restarted from what the sessions' supervisor knows
//!       └─ sessions ─┬─ session      one a scan session that has something to do; restarted from its events
//!                    └─ …
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::domain::{Event, SceneId, State, evolve};
use crate::keys::Keys;
use crate::store::{EventStore, StoreError};

use super::address::{Address, IfLost, Signpost};
use super::admission::{Admission, AdmissionLimits};
use super::cell::Cell;
use super::feed::Feed;
use super::followers::Followers;
use super::history::History;
use super::logins::Logins;
use super::registry::{Registry, RegistryArguments, RegistryMessage};
use super::restart::{RestartBudget, Restarts};
use super::scanners::Scanners;
use super::session::Surroundings;
use super::sessions::{Recovered, SessionsMessage, SessionsSupervisor};
use super::standing::Standing;

/// Why the tree cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An actor did not start.
    #[error("an actor could not be started: {0}")]
    Spawn(#[from] SpawnErr),
}

/// The running actors.
pub struct Tree {
    root: ActorRef<RootMessage>,
    ended: JoinHandle<()>,
    failure: watch::Receiver<bool>,
    /// What the transports speak to.
    pub logins: Logins,
    /// What has happened, to read.
    pub history: History,
    /// For what happens to no session.
    pub followers: Followers,
    /// How many sessions the start brought back.
    pub recovered: usize,
    /// How often actors were restarted.
    pub restarts: Arc<Restarts>,
}

impl Tree {
    /// Brings back what could still be pending, and starts the actors.
    ///
    /// # Errors
    /// [`StartError`] where the journal cannot be read or an actor does not start.
    pub async fn start(
        store: Arc<dyn EventStore>,
        keys: Arc<Keys>,
        clock: Clock,
        limits: AdmissionLimits,
    ) -> Result<Self, StartError> {
        let admission = Admission::new(limits, &store);
        let (scanners, restarts) = (Arc::<Scanners>::default(), Arc::<Restarts>::default());
        let known = recover(&*store, &keys, &clock, &admission, &scanners).await?;
        let recovered = known.len();
        let around = Arc::new(Surroundings {
            store: store.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            scanners: scanners.clone(),
            restarts: restarts.clone(),
        });
        let (sessions_signpost, sessions) = Signpost::new();
        let (registry_signpost, registry) = Signpost::new();
        let (failed, failure) = watch::channel(false);
        let arguments = RootState {
            around,
            admission: admission.clone(),
            sessions: sessions.clone(),
            sessions_signpost,
            registry: registry.clone(),
            registry_signpost,
            budget: RestartBudget::default(),
            failed,
        };
        let (root, ended) = Root::spawn(None, Root, (arguments, known)).await?;
        let followers = Followers::new(store.clone(), clock.clone());
        let logins = Logins::new(registry, sessions, admission, keys, clock, scanners);
        Ok(Self { root, ended, failure, logins, history: History::new(store), followers, recovered, restarts })
    }

    /// Returns when the tree cannot go on.
    pub async fn failed(&self) {
        let mut failure = self.failure.clone();
        if failure.wait_for(|failed| *failed).await.is_err() {
            // The root is gone without a word: no less a failure.
        }
    }

    /// Ends all actors. What is durable stays; what is pending goes on with the next start.
    pub async fn stop(self) {
        self.root.stop(None);
        let _ = self.ended.await;
    }
}

/// The sessions that a start has to bring back, each at rest: no actor need read what has been read here. Those that are over
/// by now are retired.
async fn recover(
    store: &dyn EventStore,
    keys: &Keys,
    clock: &Clock,
    admission: &Arc<Admission>,
    scanners: &Scanners,
) -> Result<Vec<Recovered>, StoreError> {
    let now = clock.now();
    let mut recovered = Vec::new();
    let mut scans = Vec::new();
    for records in store.unretired().await? {
        let Some(scene) = records.first().map(|record| record.scene.clone()) else { continue };
        if scene == SceneId::of_the_journal() {
            store.retire(&scene);
            continue;
        }
        let state = records.iter().fold(State::Absent, |state, record| evolve(state, &record.event));
        let Some(session) = state.session() else {
            // It is of no session; or retention has removed its beginning, and the index was made again: nobody can go on.
            store.retire(&scene);
            continue;
        };
        match session.retires_at() {
            Some(retires_at) if retires_at <= now => store.retire(&scene),
            ended => {
                let place = if ended.is_none() { admission.readmit(&session.created) } else { None };
                let cell = Cell::new(scene, session.created.clone(), Feed::new(), place);
                let standing = Box::new(Standing::of(&cell, keys, &records));
                standing.publish(&cell);
                scans.extend(records.into_iter().filter_map(|record| match record.event {
                    Event::Scanned(scanned) => Some((record.seq, cell.clone(), scanned)),
                    _ => None,
                }));
                recovered.push((cell, standing));
            }
        }
    }
    scans.sort_unstable_by_key(|(seq, ..)| *seq);
    scans.iter().for_each(|(_, cell, scanned)| scanners.note(cell, scanned));
    Ok(recovered)
}

pub(super) enum RootMessage {}

struct Root;

struct RootState {
    around: Arc<Surroundings>,
    admission: Arc<Admission>,
    sessions: Address<SessionsMessage>,
    sessions_signpost: Signpost<SessionsMessage>,
    registry: Address<RegistryMessage>,
    registry_signpost: Signpost<RegistryMessage>,
    budget: RestartBudget,
    failed: watch::Sender<bool>,
}

impl Actor for Root {
    type Msg = RootMessage;
    type State = RootState;
    type Arguments = (RootState, Vec<Recovered>);

    async fn pre_start(
        &self,
        myself: ActorRef<RootMessage>,
        (state, recovered): Self::Arguments,
    ) -> Result<RootState, ActorProcessingErr> {
        let known = recovered.iter().map(|(cell, _)| cell.clone()).collect();
        let arguments = (state.around.clone(), state.registry.clone(), recovered);
        let (sessions, _) =
            SessionsSupervisor::spawn_linked(None, SessionsSupervisor, arguments, myself.get_cell()).await?;
        state.sessions_signpost.point_at(sessions);
        state.start_registry(&myself, known).await?;
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<RootMessage>,
        message: RootMessage,
        _state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        match message {}
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMessage>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        let outcome = match event {
            SupervisionEvent::ActorFailed(actor, error) => {
                let was_registry = state.registry.is_at(actor.get_id());
                if was_registry && state.budget.spend(state.around.clock.now()) {
                    state.around.restarts.registry.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, "the registry failed and is restarted");
                    state.restart_registry(&myself).await
                } else {
                    tracing::error!(%error, "the supervision tree cannot go on");
                    Err(error)
                }
            }
            SupervisionEvent::ActorTerminated(_, _, reason) => {
                Err(format!("a permanent actor ended: {}", reason.unwrap_or_default()).into())
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => Ok(()),
        };
        if outcome.is_err() {
            state.failed.send_replace(true);
        }
        outcome
    }
}

impl RootState {
    async fn start_registry(
        &self,
        myself: &ActorRef<RootMessage>,
        known: Vec<Arc<Cell>>,
    ) -> Result<(), ActorProcessingErr> {
        let arguments = RegistryArguments {
            sessions: self.sessions.clone(),
            keys: self.around.keys.clone(),
            admission: self.admission.clone(),
            known,
        };
        let (registry, _) = Registry::spawn_linked(None, Registry, arguments, myself.get_cell()).await?;
        self.registry_signpost.point_at(registry);
        Ok(())
    }

    /// The routes are a view: they come back from the sessions that are there.
    async fn restart_registry(&self, myself: &ActorRef<RootMessage>) -> Result<(), ActorProcessingErr> {
        self.registry_signpost.starting();
        let known = self.sessions.ask(IfLost::SendAgain, SessionsMessage::List).await;
        let known = known.map_err(|_| "the sessions' supervisor does not answer")?;
        self.start_registry(myself, known).await
    }
}
