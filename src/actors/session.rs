//! The actor of one scan session: it decides alone and in order, and tells nobody anything that is not durable yet.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::{Command, Event, Recorded, Refusal, Session, State, decide, evolve};
use crate::keys::{Keys, Purpose};
use crate::store::{Append, EventStore, StoreError};

use super::cell::Cell;
use super::feed::{Callback, Message, MessageBody, Moments};
use super::numbers::Numbers;
use super::restart::Restarts;
use super::scanners::Scanners;

/// The reason with which a session ends that nobody needs any more.
const RETIRED: &str = "retired";

/// A conflict is met again only where another writer is at work on the same scene.
const MOST_CONFLICTS: usize = 8;

/// Wait before a timer's command is tried again that the store did not take.
const RETRY: Duration = Duration::from_secs(1);

/// What every session shares.
pub(super) struct Surroundings {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) keys: Arc<Keys>,
    pub(super) clock: Clock,
    pub(super) scanners: Arc<Scanners>,
    pub(super) restarts: Arc<Restarts>,
}

/// What a session actor takes.
pub(super) enum SessionMessage {
    /// Decide on a command and store what follows. With the callback that led to it, where it was one.
    Handle(Command, Option<Callback>, oneshot::Sender<Result<Outcome, CommandError>>),
    /// Say where the session stands.
    Show(oneshot::Sender<Session>),
    /// The timer of that generation fired.
    Timer(u64),
}

/// A command that was taken.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What followed from it, durable; empty where it had happened already.
    pub(super) events: Vec<Event>,
    /// Where the session stands now.
    pub(super) session: Session,
}

/// A command that was not taken.
#[derive(Debug)]
pub(super) enum CommandError {
    /// It must not happen; nothing was stored.
    Refused(Refusal),
    /// It could not be stored.
    Store(StoreError),
}

pub(super) struct SessionActor;

pub(super) struct SessionState {
    cell: Arc<Cell>,
    around: Arc<Surroundings>,
    state: State,
    /// The last sequence of the session's stream.
    version: u32,
    messages: Vec<Message>,
    moments: Option<Arc<Moments>>,
    /// Counts the timers: one that was replaced may still fire.
    generation: u64,
    timer: Option<JoinHandle<Result<(), ractor::MessagingErr<SessionMessage>>>>,
}

impl Actor for SessionActor {
    type Msg = SessionMessage;
    type State = SessionState;
    type Arguments = (Arc<Cell>, Arc<Surroundings>);

    async fn pre_start(
        &self,
        _myself: ActorRef<SessionMessage>,
        (cell, around): Self::Arguments,
    ) -> Result<SessionState, ActorProcessingErr> {
        Ok(SessionState {
            cell,
            around,
            state: State::Absent,
            version: 0,
            messages: Vec::new(),
            moments: None,
            generation: 0,
            timer: None,
        })
    }

    /// Replays here, not in `pre_start`: a failure here reaches the supervisor, and commands wait in the mailbox.
    async fn post_start(
        &self,
        myself: ActorRef<SessionMessage>,
        session: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        session.reload().await?;
        if session.state == State::Absent {
            let create = Command::Create(session.cell.created.clone());
            session
                .handle(&create, None)
                .await
                .map_err(|error| format!("the session could not be created: {error:?}"))?;
        }
        session.publish();
        session.set_timer(&myself);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMessage>,
        message: SessionMessage,
        session: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionMessage::Handle(command, callback, reply) => {
                let before = session.version;
                let outcome = session.handle(&command, callback).await;
                if matches!(outcome, Err(CommandError::Refused(Refusal::Ended))) {
                    session.expire_if_due().await;
                }
                // A refusal or a repetition changes nothing: neither what browsers know nor when the timer has to fire.
                if session.version != before {
                    session.publish();
                    session.set_timer(&myself);
                }
                // Whoever asked may have given up; what happened has happened.
                let _ = reply.send(outcome);
            }
            SessionMessage::Show(reply) => {
                session.expire_if_due().await;
                session.publish();
                session.set_timer(&myself);
                if let Some(shown) = session.state.session() {
                    let _ = reply.send(shown.clone());
                }
            }
            SessionMessage::Timer(generation) if generation == session.generation => {
                session.timer_fired(&myself).await;
            }
            SessionMessage::Timer(_) => {}
        }
        Ok(())
    }
}

impl SessionState {
    /// Decides, stores, evolves. Where the stream has grown behind our back, reads it and decides again.
    async fn handle(&mut self, command: &Command, callback: Option<Callback>) -> Result<Outcome, CommandError> {
        for _ in 0..MOST_CONFLICTS {
            let events = decide(&self.state, command).map_err(CommandError::Refused)?;
            if events.is_empty() {
                return Ok(self.outcome(events));
            }
            let scene = &self.cell.scene;
            let at = self.around.clock.now();
            let append = self.around.store.append(scene, self.version, at, events.clone()).await;
            match append.map_err(CommandError::Store)? {
                Append::Stored(records) => {
                    records.iter().for_each(|record| self.apply(record));
                    self.moments = Some(Arc::new(Moments {
                        scene: self.cell.scene.clone(),
                        created: self.cell.created.clone(),
                        durable: Instant::now(),
                        callback,
                    }));
                    return Ok(self.outcome(events));
                }
                Append::Conflict { .. } => self.reload().await.map_err(CommandError::Store)?,
            }
        }
        let reason = "another writer was always faster on this scene";
        Err(CommandError::Store(StoreError::Unreadable(reason.into())))
    }

    fn outcome(&self, events: Vec<Event>) -> Outcome {
        let session = self.state.session().cloned();
        let session = session.unwrap_or_else(|| unreachable!("a command was taken by a session that does not exist"));
        Outcome { events, session }
    }

    async fn reload(&mut self) -> Result<(), StoreError> {
        let records = self.around.store.stream(&self.cell.scene).await?;
        self.state = State::Absent;
        self.version = 0;
        self.messages.clear();
        self.moments = None;
        records.iter().for_each(|record| self.apply(record));
        Ok(())
    }

    fn apply(&mut self, record: &Recorded) {
        self.state = evolve(std::mem::take(&mut self.state), &record.event);
        self.version = record.scene_seq;
        if let Event::Scanned(scanned) = &record.event {
            self.around.scanners.note(&self.cell, scanned);
        }
        if let Some(body) = self.message_body(&record.event) {
            self.messages.push(Message { seq: record.scene_seq, at: record.at, body });
        }
    }

    /// What the browser is told of an event; nothing of what happens at the website's back end.
    fn message_body(&self, event: &Event) -> Option<MessageBody> {
        match event {
            Event::Created(_) => Some(MessageBody::Created),
            Event::Scanned(_) => {
                let numbers = Numbers::of_session(&self.around.keys, &self.cell.scene, &self.cell.created);
                Some(MessageBody::Scanned { number: numbers.map(Numbers::right) })
            }
            Event::Confirmed(_) => {
                let openid = self.state.session()?.openid()?.clone();
                let created = &self.cell.created;
                let mac = self.around.keys.derive(Purpose::Code, &self.cell.scene, created.incarnation);
                Some(MessageBody::Confirmed { code: super::code::join(&self.cell.scene, &mac).into(), openid })
            }
            Event::Denied(reason) => Some(MessageBody::Denied(*reason)),
            Event::Expired => Some(MessageBody::Expired),
            Event::Redeemed(_)
            | Event::Revoked
            | Event::Forgotten(_)
            | Event::Subscribed(_)
            | Event::Unsubscribed(_) => None,
        }
    }

    fn publish(&self) {
        let ended = self.state.session().is_some_and(|session| session.deadline().is_none());
        self.cell.publish(self.messages.clone(), ended, self.moments.clone());
    }

    /// Sets the timer to the next moment at which something happens by itself.
    fn set_timer(&mut self, myself: &ActorRef<SessionMessage>) {
        let next = self.state.session().and_then(|session| session.deadline().or(session.retires_at()));
        let now = self.around.clock.now();
        self.set_timer_in(myself, next.map(|next| now.until(next)));
    }

    fn set_timer_in(&mut self, myself: &ActorRef<SessionMessage>, wait: Option<Duration>) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
        self.generation += 1;
        let generation = self.generation;
        self.timer = wait.map(|wait| myself.send_after(wait, move || SessionMessage::Timer(generation)));
    }

    /// The timer may lag behind the wall clock, where that was set forward: who was refused for it must not see the
    /// session pending.
    async fn expire_if_due(&mut self) {
        let now = self.around.clock.now();
        let deadline = self.state.session().and_then(Session::deadline);
        if deadline.is_some_and(|deadline| deadline <= now)
            && let Err(error) = self.handle(&Command::Expire { at: now }, None).await
        {
            tracing::warn!(scene = %self.cell.scene, ?error, "the session's end could not be stored yet");
        }
    }

    async fn timer_fired(&mut self, myself: &ActorRef<SessionMessage>) {
        let now = self.around.clock.now();
        let retires_at = self.state.session().and_then(Session::retires_at);
        if retires_at.is_some_and(|at| at <= now) {
            self.around.store.retire(&self.cell.scene);
            myself.stop(Some(RETIRED.to_owned()));
            return;
        }
        match self.handle(&Command::Expire { at: now }, None).await {
            // Early, where the wall clock was set back: the timer is set again.
            Ok(_) | Err(CommandError::Refused(_)) => {
                self.publish();
                self.set_timer(myself);
            }
            Err(CommandError::Store(error)) => {
                tracing::warn!(scene = %self.cell.scene, %error, "the session's end could not be stored yet");
                self.set_timer_in(myself, Some(RETRY));
            }
        }
    }
}
