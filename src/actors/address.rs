//! Addresses that survive a restart of the actor behind them, and its rest.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::{ActorId, ActorRef, Message};
use tokio::sync::{Notify, oneshot};

/// How long an answer is awaited: below the 5 s that WeChat gives a callback.
pub(super) const DEADLINE: Duration = Duration::from_secs(4);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The actor has ended for good.
    Gone,
    /// It did not answer in time, or was lost while it was at work: whether the message had its effect is unknown.
    Unknown,
}

/// Whether a message that was lost together with its actor is sent to the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IfLost {
    /// Its effect comes once however often it arrives.
    SendAgain,
    /// A second arrival would have an effect of its own.
    GiveUp,
}

enum Place<M: Message> {
    /// Between two lives.
    Starting,
    At(ActorRef<M>),
    /// No actor runs; one is started when it is needed.
    Resting,
    Gone,
}

/// What both halves share: small, since every session has one.
struct Shared<M: Message> {
    place: Mutex<Place<M>>,
    moved: Notify,
}

impl<M: Message> Shared<M> {
    fn place(&self) -> MutexGuard<'_, Place<M>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, place: Place<M>) {
        // The place before is dropped behind the lock.
        let before = std::mem::replace(&mut *self.place(), place);
        self.moved.notify_waiters();
        drop(before);
    }
}

/// The supervisor's half: says where the actor is now. With it the address ends.
pub(super) struct Signpost<M: Message>(Arc<Shared<M>>);

/// Everybody else's half: finds the actor wherever it is now.
pub(super) struct Address<M: Message>(Arc<Shared<M>>);

impl<M: Message> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Message> Signpost<M> {
    /// A pair for an actor that is about to start.
    pub(super) fn new() -> (Self, Address<M>) {
        let shared = Arc::new(Shared { place: Mutex::new(Place::Starting), moved: Notify::new() });
        (Self(shared.clone()), Address(shared))
    }

    pub(super) fn point_at(&self, actor: ActorRef<M>) {
        self.0.set(Place::At(actor));
    }

    pub(super) fn starting(&self) {
        self.0.set(Place::Starting);
    }

    pub(super) fn resting(&self) {
        self.0.set(Place::Resting);
    }

    pub(super) fn gone(&self) {
        self.0.set(Place::Gone);
    }
}

impl<M: Message> Drop for Signpost<M> {
    fn drop(&mut self) {
        self.gone();
    }
}

impl<M: Message> Address<M> {
    /// Sends what `message` makes of a reply channel, and awaits the reply for at most [`DEADLINE`].
    pub(super) async fn ask<R>(
        &self,
        if_lost: IfLost,
        message: impl Fn(oneshot::Sender<R>) -> M,
    ) -> Result<R, NoAnswer> {
        self.ask_or_wake(if_lost, || (), message).await
    }

    /// As [`ask`](Self::ask); `wake` is called where the actor rests, and has another one started.
    pub(super) async fn ask_or_wake<R>(
        &self,
        if_lost: IfLost,
        wake: impl Fn(),
        message: impl Fn(oneshot::Sender<R>) -> M,
    ) -> Result<R, NoAnswer> {
        let asking = async {
            loop {
                let mut moved = pin!(self.0.moved.notified());
                // Counts from here on, so that no move is missed.
                moved.as_mut().enable();
                let actor = match &*self.0.place() {
                    Place::At(actor) => Some(actor.clone()),
                    Place::Starting => None,
                    Place::Resting => {
                        wake();
                        None
                    }
                    Place::Gone => return Err(NoAnswer::Gone),
                };
                if let Some(actor) = actor {
                    let (reply, answer) = oneshot::channel();
                    // An actor that is about to rest takes nothing more, so that nothing is lost with it.
                    if actor.cast(message(reply)).is_ok() {
                        match answer.await {
                            Ok(answer) => return Ok(answer),
                            Err(_) if if_lost == IfLost::GiveUp => return Err(NoAnswer::Unknown),
                            Err(_) => {}
                        }
                    }
                }
                moved.await;
            }
        };
        tokio::time::timeout(DEADLINE, asking).await.unwrap_or(Err(NoAnswer::Unknown))
    }

    /// Whether the actor has ended for good.
    pub(super) fn is_gone(&self) -> bool {
        matches!(&*self.0.place(), Place::Gone)
    }

    /// Whether the actor with this id is the one that the address leads to.
    pub(super) fn is_at(&self, id: ActorId) -> bool {
        matches!(&*self.0.place(), Place::At(actor) if actor.get_id() == id)
    }

    /// Sends a message that nobody waits for; lost where the actor is between two lives.
    pub(super) fn tell(&self, message: M) {
        if let Place::At(actor) = &*self.0.place() {
            // It fails only where the actor has just ended.
            let _ = actor.cast(message);
        }
    }
}
