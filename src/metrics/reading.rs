use super::histogram::Snapshot;
use super::journal::JournalReading;
use super::logins::Standing;
use super::process::Actor;
use super::wechat::WeChatReading;
use crate::domain::{DenyReason, EventKind};

/// What is counted and measured at one moment, as a dashboard shows it; counts are since the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Events that became durable, by kind.
    pub events: Vec<(EventKind, u64)>,
    /// Sessions that were denied, by reason.
    pub denied: Vec<(DenyReason, u64)>,
    /// What was refused, by reason; only what was met.
    pub refusals: Vec<(&'static str, u64)>,
    /// Sessions that are not over, by where they stand.
    pub sessions: Vec<(Standing, u64)>,
    /// In seconds: from a callback's arrival to what it led to being durable.
    pub callback_to_durable: Snapshot,
    /// In seconds: from an event being durable to its message leaving for one browser.
    pub durable_to_push: Snapshot,
    /// In seconds: from a callback's arrival to its message leaving for one browser.
    pub callback_to_push: Snapshot,
    /// WeChat, by account.
    pub wechat: Vec<WeChatReading>,
    /// The journal.
    pub journal: JournalReading,
    /// Actors that were started again.
    pub restarts: Vec<(Actor, u64)>,
}
