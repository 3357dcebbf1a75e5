//! What a scan session is and what may happen to it: pure, synchronous, total.
//!
//! A [`Command`] asks, [`decide()`] answers with the [`Event`]s that follow from it or with a [`Refusal`], and [`evolve()`]
//! folds events into a [`State`]. The same two functions serve the live actor, recovery, replay and the tests. Time and
//! randomness arrive inside the command; nothing here reads a clock, does I/O, or knows how anything is stored or sent.

mod command;
mod decide;
mod event;
mod evolve;
mod ids;
mod person;
mod shares;
mod state;
mod timestamp;

pub use command::{Command, Redeem, Scan};
pub use decide::{Refusal, decide};
pub use event::{
    CodeChallenge, Confirmation, Confirmed, Created, DenyReason, Digest, Event, EventKind, Follower, Incarnation,
    LoginRequest, Opener, Purpose, QrCode, Recorded, Redeemed, Scanned,
};
pub use evolve::evolve;
pub use ids::{AccountName, AppId, ClientId, IdError, OpenId, PageId, PersonHandle, SceneId, UnionId};
pub use person::{Forgotten, Person, Visitor, network_of};
pub use shares::{NoShare, Shares};
pub use state::{Phase, Session, State};
pub use timestamp::Timestamp;

#[cfg(test)]
mod tests;
