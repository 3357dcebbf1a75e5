//! The actor of one scan session: it decides alone and in order, and tells nobody anything that is not durable yet. Where
//! nothing happens for a while, it ends, and leaves where the session stands to its supervisor.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::{Command, Event, Recorded, Refusal, Session, State, decide};
use crate::keys::Keys;
use crate::store::{Append, EventStore, StoreError};

use super::cell::Cell;
use super::feed::Callback;
use super::restart::Restarts;
use super::scanners::Scanners;
use super::standing::Standing;

/// The reason with which a session ends that nobody needs any more.
const RETIRED: &str = "retired";

/// A conflict is met again only where another writer is at work on the same scene.
const MOST_CONFLICTS: usize = 8;

/// Wait before a timer's command is tried again that the store did not take.
const RETRY: Duration = Duration::from_secs(1);

/// How long an actor is kept that has nothing to do: from one step of a brisk login to the next.
pub(super) const REST: Duration = Duration::from_secs(1);

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

/// From what an actor begins.
pub(super) enum Beginning {
    /// The session has just been admitted under a scene that nobody had: there is nothing to read.
    New,
    /// What the journal says: the actor before was lost.
    FromEvents,
    /// What was kept while the session rested.
    Kept(Box<Standing>),
}

pub(super) struct SessionActor;

pub(super) struct SessionState {
    cell: Arc<Cell>,
    around: Arc<Surroundings>,
    standing: Box<Standing>,
    /// Whether the stream has yet to be read.
    is_unread: bool,
    /// Whether it ends in order to rest.
    rests: bool,
    /// From when on there is nothing to do but rest.
    rests_from: Instant,
    /// Counts the timers: one that was replaced may still fire.
    generation: u64,
    timer: Option<Timer>,
}

struct Timer {
    at: Instant,
    abort: AbortHandle,
}

impl Actor for SessionActor {
    type Msg = SessionMessage;
    type State = SessionState;
    type Arguments = (Arc<Cell>, Beginning, Arc<Surroundings>);

    async fn pre_start(
        &self,
        _myself: ActorRef<SessionMessage>,
        (cell, beginning, around): Self::Arguments,
    ) -> Result<SessionState, ActorProcessingErr> {
        let (standing, is_unread) = match beginning {
            Beginning::New => (Box::default(), false),
            Beginning::FromEvents => (Box::default(), true),
            Beginning::Kept(standing) => (standing, false),
        };
        let rests_from = Instant::now() + REST;
        Ok(SessionState { cell, around, standing, is_unread, rests: false, rests_from, generation: 0, timer: None })
    }

    /// Replays here, not in `pre_start`: a failure here reaches the supervisor, and commands wait in the mailbox.
    async fn post_start(
        &self,
        myself: ActorRef<SessionMessage>,
        session: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        if session.is_unread {
            session.reload().await?;
        }
        if session.standing.state == State::Absent {
            let create = Command::Create(session.cell.created.clone());
            match session.handle(&create, None).await {
                // Refused is what somebody else has begun meanwhile; it is read by then.
                Ok(_) | Err(CommandError::Refused(_)) => {}
                Err(CommandError::Store(error)) => {
                    return Err(format!("the session could not be created: {error}").into());
                }
            }
        }
        session.standing.publish(&session.cell);
        session.set_timer(&myself);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMessage>,
        message: SessionMessage,
        session: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        let before = session.standing.version;
        match message {
            SessionMessage::Handle(command, callback, reply) => {
                let outcome = session.handle(&command, callback).await;
                if matches!(outcome, Err(CommandError::Refused(Refusal::Ended))) {
                    session.expire_if_due().await;
                }
                session.tell_what_came_since(before, &myself);
                // Whoever asked may have given up; what happened has happened.
                let _ = reply.send(outcome);
            }
            SessionMessage::Show(reply) => {
                session.expire_if_due().await;
                session.tell_what_came_since(before, &myself);
                if let Some(shown) = session.standing.session() {
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
    /// Where the session stands, where its actor has ended to rest.
    pub(super) fn into_kept(self) -> Option<Box<Standing>> {
        self.rests.then_some(self.standing)
    }

    /// Decides, stores, evolves. Where the stream has grown behind our back, reads it and decides again.
    async fn handle(&mut self, command: &Command, callback: Option<Callback>) -> Result<Outcome, CommandError> {
        for _ in 0..MOST_CONFLICTS {
            let events = decide(&self.standing.state, command).map_err(CommandError::Refused)?;
            if events.is_empty() {
                return Ok(self.outcome(events));
            }
            let scene = &self.cell.scene;
            let at = self.around.clock.now();
            let append = self.around.store.append(scene, self.standing.version, at, events.clone()).await;
            match append.map_err(CommandError::Store)? {
                Append::Stored(records) => {
                    records.iter().for_each(|record| self.apply(record));
                    self.standing.note_moments(&self.cell, callback);
                    return Ok(self.outcome(events));
                }
                Append::Conflict { .. } => self.reload().await.map_err(CommandError::Store)?,
            }
        }
        let reason = "another writer was always faster on this scene";
        Err(CommandError::Store(StoreError::Unreadable(reason.into())))
    }

    fn outcome(&self, events: Vec<Event>) -> Outcome {
        let session = self.standing.session().cloned();
        let session = session.unwrap_or_else(|| unreachable!("a command was taken by a session that does not exist"));
        Outcome { events, session }
    }

    async fn reload(&mut self) -> Result<(), StoreError> {
        let records = self.around.store.stream(&self.cell.scene).await?;
        *self.standing = Standing::default();
        records.iter().for_each(|record| self.apply(record));
        Ok(())
    }

    fn apply(&mut self, record: &Recorded) {
        self.standing.apply(&self.cell, &self.around.keys, record);
        if let Event::Scanned(scanned) = &record.event {
            self.around.scanners.note(&self.cell, scanned);
        }
    }

    /// A refusal or a repetition changes nothing: neither what browsers know nor when the timer has to fire.
    fn tell_what_came_since(&mut self, version: u32, myself: &ActorRef<SessionMessage>) {
        if self.standing.version != version {
            self.standing.publish(&self.cell);
            self.set_timer(myself);
        }
    }

    /// Something has happened: sets the timer to the next moment at which something happens by itself, or to when there is
    /// nothing to do but rest.
    fn set_timer(&mut self, myself: &ActorRef<SessionMessage>) {
        self.rests_from = Instant::now() + REST;
        self.set_timer_again(myself);
    }

    fn set_timer_again(&mut self, myself: &ActorRef<SessionMessage>) {
        let (now, wall) = (Instant::now(), self.around.clock.now());
        let rest = self.rests_from.duration_since(now);
        self.set_timer_in(myself, self.standing.next().map_or(rest, |next| wall.until(next).min(rest)));
    }

    /// A timer that fires before then stays, and is set again when it fires: in a brisk login there is one, not one a step.
    fn set_timer_in(&mut self, myself: &ActorRef<SessionMessage>, wait: Duration) {
        let at = Instant::now() + wait;
        if self.timer.as_ref().is_some_and(|timer| timer.at <= at) {
            return;
        }
        self.generation += 1;
        let generation = self.generation;
        let abort = myself.send_after(wait, move || SessionMessage::Timer(generation)).abort_handle();
        if let Some(later) = self.timer.replace(Timer { at, abort }) {
            later.abort.abort();
        }
    }

    /// The timer may lag behind the wall clock, where that was set forward: who was refused for it must not see the
    /// session pending.
    async fn expire_if_due(&mut self) {
        let now = self.around.clock.now();
        if self.standing.is_overdue(now)
            && let Err(error) = self.handle(&Command::Expire { at: now }, None).await
        {
            tracing::warn!(scene = %self.cell.scene, ?error, "the session's end could not be stored yet");
        }
    }

    async fn timer_fired(&mut self, myself: &ActorRef<SessionMessage>) {
        self.timer = None;
        let now = self.around.clock.now();
        if self.standing.is_to_retire(now) {
            self.around.store.retire(&self.cell.scene);
            return myself.stop(Some(RETIRED.to_owned()));
        }
        if !self.standing.is_overdue(now) {
            return if Instant::now() < self.rests_from { self.set_timer_again(myself) } else { self.rest(myself) };
        }
        match self.handle(&Command::Expire { at: now }, None).await {
            Ok(_) | Err(CommandError::Refused(_)) => {
                self.standing.publish(&self.cell);
                // Nobody has asked, so nothing is to follow.
                self.rest(myself);
            }
            Err(CommandError::Store(error)) => {
                tracing::warn!(scene = %self.cell.scene, %error, "the session's end could not be stored yet");
                self.set_timer_in(myself, RETRY);
            }
        }
    }

    /// Ends behind what waits in the mailbox: what comes later finds nobody, and is sent to the next actor.
    fn rest(&mut self, myself: &ActorRef<SessionMessage>) {
        self.rests = true;
        // It fails only where the actor is about to end in any case.
        let _ = myself.drain();
    }
}
