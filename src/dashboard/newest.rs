//! The newest events, as a list shows them: what happened to which session, and nothing of a person.

use std::collections::VecDeque;

use serde::Serialize;

use crate::clock::rfc3339_millis;
use crate::domain::{Event, Recorded};

/// How many are kept.
const MOST: usize = 50;

/// One event, in brief.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EventLine {
    seq: u64,
    at: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl From<&Recorded> for EventLine {
    fn from(recorded: &Recorded) -> Self {
        let (account, client, reason) = match &recorded.event {
            Event::Created(created) => (Some(&created.account), Some(&created.client), None),
            Event::Scanned(scanned) => (Some(&scanned.account), None, None),
            Event::Forgotten(forgotten) => (Some(&forgotten.account), None, None),
            Event::Subscribed(follower) | Event::Unsubscribed(follower) => (Some(&follower.account), None, None),
            Event::Denied(reason) => (None, None, Some(reason.name())),
            Event::Confirmed(_) | Event::Expired | Event::Redeemed(_) | Event::Revoked => (None, None, None),
        };
        let kind = recorded.event.kind();
        Self {
            seq: recorded.seq,
            at: rfc3339_millis(recorded.at),
            r#type: kind.name(),
            scene_id: kind.is_of_a_session().then(|| recorded.scene.to_string()),
            account: account.map(ToString::to_string),
            client_id: client.map(ToString::to_string),
            reason,
        }
    }
}

/// The last few events, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Newest(VecDeque<EventLine>);

impl Newest {
    pub(super) fn take(&mut self, recorded: &Recorded) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(recorded.into());
    }

    /// Those behind a sequence.
    pub(super) fn behind(&self, seq: u64) -> Vec<&EventLine> {
        self.0.iter().filter(|line| line.seq > seq).collect()
    }
}
