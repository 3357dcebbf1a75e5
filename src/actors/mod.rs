//! The supervision tree: one actor a scan session, a registry that routes to them, supervisors that bring them back.
//!
//! The outside speaks to [`Logins`], reads what has happened through [`History`], and watches a session through a
//! [`Watch`]. Only this folder knows ractor.

mod address;
mod admission;
mod answers;
mod cell;
mod code;
mod confirmations;
mod feed;
mod followers;
mod forgetting;
mod history;
mod links;
mod logins;
mod numbers;
mod pages;
mod redemptions;
mod registry;
mod restart;
mod resting;
mod scanners;
mod session;
mod sessions;
mod standing;
mod switched_off;
mod tree;

#[cfg(test)]
mod tests;

pub use admission::{AdmissionLimits, MemoryBudget};
pub use answers::Asked;
pub use confirmations::{ConfirmStage, Confirmable, Decision};
pub use feed::{Callback, Message, MessageBody, Moments, Watch};
pub use followers::{Followers, Following};
pub use forgetting::{Forgetting, Forgot, NotForgotten, Outcome as ForgetOutcome};
pub use history::{Follow, Head, History, RawRecord, StoreError};
pub use links::Linked;
pub use logins::{
    AfterScan, EndedByAdmin, GoingOn, Logins, OpenError, Opened, PageClaim, ScanError, Scanned, Scanner, Unavailable,
    Watched,
};
pub use pages::{Halves, PageHolder, PageRefusal};
pub use redemptions::{GivenBack, Grant, RedeemError, Redemption};
pub use restart::Restarts;
pub use switched_off::end_what_goes_on;
pub use tree::{StartError, Tree};
