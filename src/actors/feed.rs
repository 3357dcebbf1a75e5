//! The push port: what a session tells its browsers.
//!
//! A session has a handful of messages in its whole life, so a feed keeps them all and wakes whoever watches; each watcher
//! has a cursor of its own. Nothing is queued for anybody, so a slow browser costs nothing and is never waited for. The
//! feed is older than the actor that writes it and outlives it: after a restart the actor finds its browsers still there.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::{Created, DenyReason, OpenId, SceneId, Timestamp};

/// Something that a browser is told. It is durable by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place within the session, from 1.
    pub seq: u32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub body: MessageBody,
}

/// What a [`Message`] says.
#[derive(Clone, PartialEq, Eq)]
pub enum MessageBody {
    /// The session began.
    Created,
    /// Somebody scanned.
    Scanned {
        /// What the page shows, where the phone's user has to pick it.
        number: Option<u8>,
    },
    /// Who scanned agreed.
    Confirmed {
        /// The one-time authorization code.
        code: Arc<str>,
        /// Who logs in: for the original page, where the operator says so; for no other browser.
        openid: OpenId,
    },
    /// Somebody refused.
    Denied(DenyReason),
    /// The time was over.
    Expired,
}

impl std::fmt::Debug for MessageBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Created => "Created",
            Self::Scanned { .. } => "Scanned",
            Self::Confirmed { .. } => "Confirmed(…)",
            Self::Denied(_) => "Denied",
            Self::Expired => "Expired",
        })
    }
}

/// A callback as the outside knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback {
    /// When it arrived.
    pub arrived: Instant,
    /// The outside's own name for it.
    pub name: u64,
}

/// How what a session has told last came about.
#[derive(Clone, Debug)]
pub struct Moments {
    /// The session.
    pub scene: SceneId,
    /// How it began.
    pub created: Arc<Created>,
    /// When the event was known to be durable.
    pub durable: Instant,
    /// What led to it, where it was a callback.
    pub callback: Option<Callback>,
}

#[derive(Default)]
struct Content {
    messages: Arc<[Message]>,
    ended: bool,
    /// Of the last message; unknown where it was read back.
    moments: Option<Arc<Moments>>,
}

/// The writing half.
#[derive(Clone)]
pub(super) struct Feed(watch::Sender<Content>);

impl Feed {
    pub(super) fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// Puts the session's messages in their place; wakes the watchers only where something is new.
    pub(super) fn publish(&self, messages: Arc<[Message]>, ended: bool, moments: Option<Arc<Moments>>) {
        self.0.send_if_modified(|content| {
            let changed = content.messages != messages || content.ended != ended;
            *content = Content { messages, ended, moments };
            changed
        });
    }

    /// Whether nothing that a browser wants can come any more.
    pub(super) fn has_ended(&self) -> bool {
        self.0.borrow().ended
    }

    /// Watches from behind the message `after`.
    pub(super) fn watch(&self, after: u32) -> Watch {
        Watch { content: self.0.subscribe(), after, since: Instant::now(), moments: None }
    }
}

/// The reading half: one browser's view of a session.
pub struct Watch {
    content: watch::Receiver<Content>,
    after: u32,
    since: Instant,
    moments: Option<Arc<Moments>>,
}

impl Watch {
    /// Returns when the session has told what happened so far: after a restart it has to read that first.
    pub(super) async fn begun(&mut self) {
        // Where the session is gone, there is nothing to wait for.
        let _ = self.content.wait_for(|content| !content.messages.is_empty() || content.ended).await;
    }

    /// All messages behind the cursor; moves it behind them.
    pub fn ready(&mut self) -> Vec<Message> {
        self.look().0
    }

    /// The same, and whether nothing more can come: seen at one moment, so that no last message is missed between.
    pub fn look(&mut self) -> (Vec<Message>, bool) {
        let content = self.content.borrow_and_update();
        let messages: Vec<Message> =
            content.messages.iter().filter(|message| message.seq > self.after).cloned().collect();
        if let Some(last) = messages.last() {
            self.after = last.seq;
            self.moments = content.moments.clone().filter(|moments| moments.durable >= self.since);
        }
        (messages, content.ended)
    }

    /// When the messages that were handed out last came about; `None` where that was before anybody watched here.
    pub fn moments(&self) -> Option<&Moments> {
        self.moments.as_deref()
    }

    /// The messages behind the cursor, waiting until there is one; `None` where the session is gone.
    ///
    /// Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<Vec<Message>> {
        loop {
            let messages = self.ready();
            if !messages.is_empty() {
                return Some(messages);
            }
            self.content.changed().await.ok()?;
        }
    }

    /// As [`Self::next`]; `None` also once nothing more can come.
    pub async fn next_or_end(&mut self) -> Option<Vec<Message>> {
        loop {
            match self.look() {
                (messages, _) if !messages.is_empty() => return Some(messages),
                (_, true) => return None,
                (_, false) => self.content.changed().await.ok()?,
            }
        }
    }
}
