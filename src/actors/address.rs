//! Addresses that survive a restart of the actor behind them.

use std::time::Duration;

use ractor::{ActorId, ActorRef, Message};
use tokio::sync::{oneshot, watch};

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
    Gone,
}

/// The supervisor's half: says where the actor is now.
pub(super) struct Signpost<M: Message>(watch::Sender<Place<M>>);

/// Everybody else's half: finds the actor wherever it is now.
pub(super) struct Address<M: Message>(watch::Receiver<Place<M>>);

impl<M: Message> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Message> Signpost<M> {
    /// A pair for an actor that is about to start.
    pub(super) fn new() -> (Self, Address<M>) {
        let (signpost, address) = watch::channel(Place::Starting);
        (Self(signpost), Address(address))
    }

    pub(super) fn point_at(&self, actor: ActorRef<M>) {
        self.0.send_replace(Place::At(actor));
    }

    pub(super) fn starting(&self) {
        self.0.send_replace(Place::Starting);
    }

    pub(super) fn gone(&self) {
        self.0.send_replace(Place::Gone);
    }
}

impl<M: Message> Address<M> {
    /// Sends what `message` makes of a reply channel, and awaits the reply for at most [`DEADLINE`].
    pub(super) async fn ask<R>(
        &self,
        if_lost: IfLost,
        message: impl Fn(oneshot::Sender<R>) -> M,
    ) -> Result<R, NoAnswer> {
        let asking = async {
            let mut place = self.0.clone();
            loop {
                let actor = match &*place.borrow_and_update() {
                    Place::Starting => None,
                    Place::At(actor) => Some(actor.clone()),
                    Place::Gone => return Err(NoAnswer::Gone),
                };
                if let Some(actor) = actor {
                    let (reply, answer) = oneshot::channel();
                    if actor.cast(message(reply)).is_ok() {
                        match answer.await {
                            Ok(answer) => return Ok(answer),
                            Err(_) if if_lost == IfLost::GiveUp => return Err(NoAnswer::Unknown),
                            Err(_) => {}
                        }
                    }
                }
                place.changed().await.map_err(|_| NoAnswer::Gone)?;
            }
        };
        tokio::time::timeout(DEADLINE, asking).await.unwrap_or(Err(NoAnswer::Unknown))
    }

    /// Whether the actor has ended for good.
    pub(super) fn is_gone(&self) -> bool {
        matches!(&*self.0.borrow(), Place::Gone)
    }

    /// Whether the actor with this id is the one that the address leads to.
    pub(super) fn is_at(&self, id: ActorId) -> bool {
        matches!(&*self.0.borrow(), Place::At(actor) if actor.get_id() == id)
    }

    /// Sends a message that nobody waits for; lost where the actor is between two lives.
    pub(super) fn tell(&self, message: M) {
        if let Place::At(actor) = &*self.0.borrow() {
            // It fails only where the actor has just ended.
            let _ = actor.cast(message);
        }
    }
}
