//! The outside world, for `demo`, for tests and for measuring: what WeChat, people with phones, browsers and websites do.
//!
//! It stands where the real ones stand: it reaches the daemon over HTTP only, knows WeChat's interface but none of our
//! code (beside the domain's ids and the clock), and so also checks that both sides understand WeChat alike.

mod browser;
mod caller;
pub(crate) mod client;
pub mod demo;
mod hooks;
mod phones;
mod relying_party;
mod sites;
mod standalone;
mod tape;
mod website;
mod wechat;

pub use browser::{Browser, BrowserError};
pub use caller::{CallError, Called, Caller};
pub use hooks::Hooks;
pub use phones::{LATE, Person, Phones, PressedFaults};
pub use relying_party::{Answered, Asked, RelyingError, RelyingParty, RelyingPartySettings};
pub use standalone::Standalone;
pub use tape::Tape;
pub use website::{LoginError, LoginStart, Website, WebsiteSettings};
pub use wechat::{
    Answer, Call, DataFormat, Delivery, Line, MadeCode, NoAnswer, OpenedPage, Outage, PERSON, PushFaults, Pushed,
    Quotas, Reply, ScanError, Sealed, SimulatedAccount, SimulatedEncryption, SimulatedKind, SimulatedWeChat,
    Verification, Voice, WeChatBrowser,
};
