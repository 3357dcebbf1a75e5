//! The supervisor of all scan sessions: it starts their actors, starts them again from their events when they fail, and keeps
//! those at rest whose sessions have nothing to do.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, MessagingErr, SupervisionEvent};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::domain::SceneId;

use super::address::Address;
use super::cell::Cell;
use super::registry::RegistryMessage;
use super::restart::RestartBudget;
use super::resting::Resting;
use super::session::{Beginning, SessionActor, SessionState, Surroundings};
use super::standing::Standing;

/// Most sessions to which something happens by itself before others get a word in.
const AT_ONCE: usize = 256;

/// From so many to the next: after an outage all may be over at once, and an actor is needed for each.
const PAUSE: Duration = Duration::from_millis(20);

/// What the supervisor takes.
pub(super) enum SessionsMessage {
    /// Start the actor of this session, which is new.
    Start(Arc<Cell>),
    /// Start the actor of the session of this scene, if it rests.
    Wake(SceneId),
    /// Something is due for a session that rests.
    Due,
    /// Name all sessions, whether an actor runs for them or not.
    List(oneshot::Sender<Vec<Arc<Cell>>>),
}

pub(super) struct SessionsSupervisor;

/// A session that a start has found, and where it stands.
pub(super) type Recovered = (Arc<Cell>, Box<Standing>);

pub(super) struct SessionsState {
    around: Arc<Surroundings>,
    registry: Address<RegistryMessage>,
    /// Those for whom an actor runs.
    children: HashMap<ActorId, Child>,
    resting: Resting<Child>,
    alarm: Option<Alarm>,
    /// No alarm before.
    pause_until: Instant,
}

struct Child {
    cell: Arc<Cell>,
    /// Made at the first restart: nearly no session ever needs it.
    budget: Option<Box<RestartBudget>>,
}

/// The one timer for all that rest.
struct Alarm {
    at: Instant,
    timer: JoinHandle<Result<(), MessagingErr<SessionsMessage>>>,
}

impl Actor for SessionsSupervisor {
    type Msg = SessionsMessage;
    type State = SessionsState;
    type Arguments = (Arc<Surroundings>, Address<RegistryMessage>, Vec<Recovered>);

    async fn pre_start(
        &self,
        myself: ActorRef<SessionsMessage>,
        (around, registry, recovered): Self::Arguments,
    ) -> Result<SessionsState, ActorProcessingErr> {
        let (children, resting, pause_until) = (HashMap::new(), Resting::default(), Instant::now());
        let mut state = SessionsState { around, registry, children, resting, alarm: None, pause_until };
        for (cell, standing) in recovered {
            state.lay(Child { cell, budget: None }, standing);
        }
        state.set_alarm(&myself);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionsMessage>,
        message: SessionsMessage,
        state: &mut SessionsState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionsMessage::Start(cell) => state.start(&myself, Child { cell, budget: None }, Beginning::New).await,
            SessionsMessage::Wake(scene) => {
                if let Some(child) = state.resting.remove(&scene) {
                    let kept = child.cell.take_kept();
                    state.wake(&myself, child, kept).await;
                }
            }
            SessionsMessage::Due => state.take_due(&myself).await,
            SessionsMessage::List(reply) => {
                let all = state.children.values().chain(state.resting.iter());
                let _ = reply.send(all.map(|child| child.cell.clone()).collect());
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SessionsMessage>,
        event: SupervisionEvent,
        state: &mut SessionsState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(actor, error) => {
                if let Some(child) = state.children.remove(&actor.get_id()) {
                    state.restart(&myself, child, &error).await;
                }
            }
            SupervisionEvent::ActorTerminated(actor, last, _) => {
                if let Some(child) = state.children.remove(&actor.get_id()) {
                    let last = last.and_then(|mut last| last.take::<SessionState>().ok());
                    match last.and_then(SessionState::into_kept) {
                        Some(standing) => {
                            state.lay(child, standing);
                            state.set_alarm(&myself);
                        }
                        None => state.forget(&child.cell),
                    }
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl SessionsState {
    async fn start(&mut self, myself: &ActorRef<SessionsMessage>, child: Child, beginning: Beginning) {
        let arguments = (child.cell.clone(), beginning, self.around.clone());
        match SessionActor::spawn_linked(None, SessionActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                self.children.insert(actor.get_id(), Child { cell: child.cell.clone(), ..child });
                child.cell.signpost.point_at(actor);
            }
            // A failure before the start reaches only us.
            Err(error) => {
                tracing::error!(scene = %child.cell.scene, %error, "a session's actor could not be started");
                self.forget(&child.cell);
            }
        }
    }

    async fn restart(&mut self, myself: &ActorRef<SessionsMessage>, mut child: Child, error: &ActorProcessingErr) {
        if self.around.store.head().borrow().failure.is_some() {
            // The journal has said so itself, and the daemon is about to stop.
            return self.forget(&child.cell);
        }
        let scene = child.cell.scene.clone();
        let budget = child.budget.get_or_insert_default();
        if budget.spend(self.around.clock.now()) {
            self.around.restarts.sessions.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%scene, %error, "a session failed and is restarted from its events");
            child.cell.signpost.starting();
            self.start(myself, child, Beginning::FromEvents).await;
        } else {
            tracing::error!(%scene, %error, "a session failed too often and is given up until the next start");
            self.forget(&child.cell);
        }
    }

    /// Lays a session to rest until something happens by itself.
    fn lay(&mut self, child: Child, standing: Box<Standing>) {
        let cell = child.cell.clone();
        let now = self.around.clock.now();
        let due = Instant::now() + standing.next().map(|next| now.until(next)).unwrap_or_default();
        self.resting.insert(cell.scene.clone(), child, due);
        // Whoever sees that it rests must find where it stands.
        cell.keep(standing);
        cell.signpost.resting();
    }

    async fn wake(&mut self, myself: &ActorRef<SessionsMessage>, child: Child, kept: Option<Box<Standing>>) {
        child.cell.signpost.starting();
        self.start(myself, child, kept.map_or(Beginning::FromEvents, Beginning::Kept)).await;
    }

    /// Ends what nobody needs any more, and wakes those to whom something has to happen.
    async fn take_due(&mut self, myself: &ActorRef<SessionsMessage>) {
        // Another one may be on its way, where this one was late.
        if let Some(alarm) = self.alarm.take() {
            alarm.timer.abort();
        }
        self.pause_until = Instant::now() + PAUSE;
        for _ in 0..AT_ONCE {
            let Some(child) = self.resting.pop_due(Instant::now()) else { break };
            let (kept, now) = (child.cell.take_kept(), self.around.clock.now());
            if kept.as_ref().is_some_and(|standing| standing.is_to_retire(now)) {
                self.around.store.retire(&child.cell.scene);
                self.forget(&child.cell);
            } else {
                self.wake(myself, child, kept).await;
            }
        }
        self.set_alarm(myself);
    }

    /// Sets the alarm to when the next of those that rest is due.
    fn set_alarm(&mut self, myself: &ActorRef<SessionsMessage>) {
        let Some(at) = self.resting.next_due().map(|due| due.max(self.pause_until)) else { return };
        if self.alarm.as_ref().is_some_and(|alarm| alarm.at <= at) {
            return;
        }
        let timer = myself.send_after(at.saturating_duration_since(Instant::now()), || SessionsMessage::Due);
        if let Some(later) = self.alarm.replace(Alarm { at, timer }) {
            later.timer.abort();
        }
    }

    fn forget(&self, cell: &Arc<Cell>) {
        cell.gone();
        self.around.scanners.forget(&cell.scene);
        self.registry.tell(RegistryMessage::Forget(cell.scene.clone()));
    }
}
