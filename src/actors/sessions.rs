//! The supervisor of all scan sessions: it starts them, and starts them again from their events when they fail.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use super::address::Address;
use super::cell::Cell;
use super::registry::RegistryMessage;
use super::restart::RestartBudget;
use super::session::{SessionActor, Surroundings};

/// What the supervisor takes.
pub(super) enum SessionsMessage {
    /// Start the actor of this session.
    Start(Arc<Cell>),
    /// Name all sessions that have an actor.
    List(oneshot::Sender<Vec<Arc<Cell>>>),
}

pub(super) struct SessionsSupervisor;

pub(super) struct SessionsState {
    around: Arc<Surroundings>,
    registry: Address<RegistryMessage>,
    children: HashMap<ActorId, Child>,
}

struct Child {
    cell: Arc<Cell>,
    /// Made at the first restart: nearly no session ever needs it.
    budget: Option<Box<RestartBudget>>,
}

impl Actor for SessionsSupervisor {
    type Msg = SessionsMessage;
    type State = SessionsState;
    type Arguments = (Arc<Surroundings>, Address<RegistryMessage>);

    async fn pre_start(
        &self,
        _myself: ActorRef<SessionsMessage>,
        (around, registry): Self::Arguments,
    ) -> Result<SessionsState, ActorProcessingErr> {
        Ok(SessionsState { around, registry, children: HashMap::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionsMessage>,
        message: SessionsMessage,
        state: &mut SessionsState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionsMessage::Start(cell) => state.start(&myself, Child { cell, budget: None }).await,
            SessionsMessage::List(reply) => {
                let _ = reply.send(state.children.values().map(|child| child.cell.clone()).collect());
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
            SupervisionEvent::ActorTerminated(actor, _, _) => {
                if let Some(child) = state.children.remove(&actor.get_id()) {
                    state.forget(&child.cell);
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl SessionsState {
    async fn start(&mut self, myself: &ActorRef<SessionsMessage>, child: Child) {
        let arguments = (child.cell.clone(), self.around.clone());
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
            self.start(myself, child).await;
        } else {
            tracing::error!(%scene, %error, "a session failed too often and is given up until the next start");
            self.forget(&child.cell);
        }
    }

    fn forget(&self, cell: &Arc<Cell>) {
        cell.gone();
        self.around.scanners.forget(&cell.scene);
        self.registry.tell(RegistryMessage::Forget(cell.scene.clone()));
    }
}
