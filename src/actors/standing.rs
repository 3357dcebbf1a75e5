//! Where a session stands, by its events: what its actor works with while it runs, and what is kept while none does. Pure.

use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::{Event, Recorded, Session, State, Timestamp, evolve};
use crate::keys::{Keys, Purpose};

use super::cell::Cell;
use super::code;
use super::feed::{Callback, Message, MessageBody, Moments};
use super::numbers::Numbers;

/// See the module.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) state: State,
    /// The last sequence of the session's stream.
    pub(super) version: u32,
    /// What its browsers are told; shared with the feed.
    messages: Arc<[Message]>,
    /// How the last event came about; unknown where it was read back.
    moments: Option<Arc<Moments>>,
}

impl Standing {
    /// Where its stream says that it stands.
    pub(super) fn of<'a>(cell: &Cell, keys: &Keys, records: impl IntoIterator<Item = &'a Recorded>) -> Self {
        let mut standing = Self::default();
        records.into_iter().for_each(|record| standing.apply(cell, keys, record));
        standing
    }

    /// An event has become durable.
    pub(super) fn apply(&mut self, cell: &Cell, keys: &Keys, record: &Recorded) {
        self.state = evolve(std::mem::take(&mut self.state), &record.event);
        self.version = record.scene_seq;
        if let Some(body) = self.message_body(cell, keys, &record.event) {
            let message = Message { seq: record.scene_seq, at: record.at, body };
            self.messages = self.messages.iter().cloned().chain([message]).collect();
        }
    }

    /// What the browser is told of an event; nothing of what happens at the website's back end.
    fn message_body(&self, cell: &Cell, keys: &Keys, event: &Event) -> Option<MessageBody> {
        match event {
            Event::Created(_) => Some(MessageBody::Created),
            Event::Scanned(_) => {
                let numbers = Numbers::of_session(keys, &cell.scene, &cell.created);
                Some(MessageBody::Scanned { number: numbers.map(Numbers::right) })
            }
            Event::Confirmed(_) => {
                let openid = self.session()?.openid()?.clone();
                let mac = keys.derive(Purpose::Code, &cell.scene, cell.created.incarnation);
                Some(MessageBody::Confirmed { code: code::join(&cell.scene, &mac).into(), openid })
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

    /// What has just been applied came about in this process.
    pub(super) fn note_moments(&mut self, cell: &Cell, callback: Option<Callback>) {
        let (scene, created) = (cell.scene.clone(), cell.created.clone());
        self.moments = Some(Arc::new(Moments { scene, created, durable: Instant::now(), callback }));
    }

    pub(super) fn session(&self) -> Option<&Session> {
        self.state.session()
    }

    /// When the next thing happens by itself: it expires, or nobody needs it any more.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.session().and_then(|session| session.deadline().or(session.retires_at()))
    }

    /// Whether it should have expired by now.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        self.session().and_then(Session::deadline).is_some_and(|deadline| deadline <= now)
    }

    /// Whether nobody needs it any more.
    pub(super) fn is_to_retire(&self, now: Timestamp) -> bool {
        self.session().and_then(Session::retires_at).is_some_and(|at| at <= now)
    }

    /// Tells the browsers.
    pub(super) fn publish(&self, cell: &Cell) {
        let ended = self.session().is_some_and(|session| session.deadline().is_none());
        cell.publish(self.messages.clone(), ended, self.moments.clone());
    }
}
