//! One trace a login, for OpenTelemetry: what happened to a scan session from its creation to its redemption, whichever
//! process it happened in. Without the feature `otel` there is nothing of it, and nothing is paid for it.
//!
//! A trace is known by its scene: its id, and that of its first span, are derived from the scene id, so nobody has to carry
//! anything from one step to the next, and a restart in between changes nothing. Spans are told when they are over. They name
//! account, client and scene, which are no secrets, and nobody's person.

#[cfg(feature = "otel")]
mod client;
#[cfg(feature = "otel")]
mod ids;
#[cfg(not(feature = "otel"))]
mod off;
#[cfg(feature = "otel")]
mod on;
#[cfg(feature = "otel")]
mod times;

use tokio::time::Instant;

use crate::domain::{Created, SceneId};

#[cfg(not(feature = "otel"))]
pub use self::off::Traces;
#[cfg(feature = "otel")]
pub use self::on::Traces;

/// What a span tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The session began: a QR code was made, and the event is durable.
    Create,
    /// A callback of WeChat's, from its arrival until what it led to is done.
    Callback,
    /// Of a callback: it was read, judged and opened.
    Open,
    /// Of a callback: the session decided, and its events are durable.
    Decide,
    /// A message left for one browser, counted from when its event was durable.
    Push,
    /// Who scanned has answered, on the phone's page.
    Confirm,
    /// The website redeemed the code.
    Redeem,
}

impl Step {
    /// The span's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Callback => "callback",
            Self::Open => "open",
            Self::Decide => "decide",
            Self::Push => "push",
            Self::Confirm => "confirm",
            Self::Redeem => "redeem",
        }
    }
}

/// Names a span, so that others can be told to be parts of it. Another process does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanName(pub u64);

/// Something that is over.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// What it was.
    pub step: Step,
    /// The session's name.
    pub scene: &'a SceneId,
    /// How the session began, where that is known: for account and client.
    pub created: Option<&'a Created>,
    /// What came of it, in a word of ours.
    pub outcome: &'static str,
    /// When it began.
    pub began: Instant,
    /// When it was over.
    pub ended: Instant,
    /// Its own name, where others are parts of it.
    pub name: Option<SpanName>,
    /// What it is a part of; else of the login as a whole.
    pub parent: Option<SpanName>,
}

impl<'a> Span<'a> {
    /// Something that was over just now.
    pub fn until_now(step: Step, scene: &'a SceneId, outcome: &'static str, began: Instant) -> Self {
        let ended = Instant::now();
        Self { step, scene, created: None, outcome, began, ended, name: None, parent: None }
    }
}
