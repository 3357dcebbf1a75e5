//! What a website is told of an event. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::clock::rfc3339_millis;
use crate::domain::{AccountName, ClientId, DenyReason, Event, PersonHandle, Recorded, SceneId, Timestamp};
use crate::keys::sha256;

/// A message on its way to a website. It holds what the website may know, and no secret: only the code logs in.
#[derive(Clone)]
pub(super) struct Message {
    /// The same whenever and however often it is sent.
    pub(super) id: String,
    /// The event's place in the journal.
    pub(super) seq: u64,
    /// Messages of one arrive in order.
    pub(super) line: Line,
    /// When it happened.
    pub(super) at: Timestamp,
    /// JSON.
    pub(super) body: String,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Line {
    Session(SceneId),
    Person(PersonHandle),
}

impl Message {
    /// The session that it is about, where it is about one.
    pub(super) fn scene(&self) -> Option<&str> {
        match &self.line {
            Line::Session(scene) => Some(scene.as_str()),
            Line::Person(_) => None,
        }
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({})", self.id)
    }
}

impl Message {
    /// What the website is told of `recorded`, one of the events of its `session`; `None` where it is another's or is not
    /// told.
    pub(super) fn of(client: &ClientId, session: &[Recorded], recorded: &Recorded) -> Option<Self> {
        let Event::Created(created) = &session.first()?.event else { return None };
        if created.client != *client {
            return None;
        }
        let (kind, reason) = match &recorded.event {
            Event::Confirmed(_) => ("login.confirmed", None),
            Event::Denied(DenyReason::NotMe) => ("login.reported", Some(DenyReason::NotMe)),
            Event::Denied(reason) => ("login.denied", Some(*reason)),
            _ => return None,
        };
        let mut data = json!({ "client_id": client.as_str(), "scene_id": recorded.scene.as_str() });
        if let Some(reason) = reason {
            data["reason"] = reason.name().into();
        }
        // Nobody whom the token endpoint would not name.
        let may_know = created.request.scope.split(' ').any(|scope| scope == "wechat");
        let until = session.iter().take_while(|event| event.seq <= recorded.seq);
        let is_confirmed = until.clone().any(|event| matches!(event.event, Event::Confirmed(_)));
        let scanned = until.clone().find_map(|event| match &event.event {
            Event::Scanned(scanned) => scanned.person.openid(),
            _ => None,
        });
        if let Some(openid) = scanned.filter(|_| may_know && is_confirmed) {
            data["openid"] = openid.as_str().into();
        }
        let incarnation = created.incarnation.0;
        let id = id(format!("{client} {} {incarnation} {}", recorded.scene, recorded.scene_seq).as_bytes());
        let line = Line::Session(recorded.scene.clone());
        Some(Self { id, seq: recorded.seq, line, at: recorded.at, body: body(kind, recorded.at, &data) })
    }

    /// That somebody follows `account` or does no more, for a website that may know openids; `None` where it is of another
    /// account, or of somebody who is forgotten.
    pub(super) fn of_follower(client: &ClientId, account: &AccountName, recorded: &Recorded) -> Option<Self> {
        let kind = match &recorded.event {
            Event::Subscribed(_) => "user.subscribed",
            Event::Unsubscribed(_) => "user.unsubscribed",
            _ => return None,
        };
        let (of, person) = recorded.event.person().filter(|(of, _)| *of == account)?;
        let (openid, handle) = (person.openid()?, person.handle()?);
        let data = json!({ "account": of.as_str(), "openid": openid.as_str() });
        let id = id(format!("{client} {} {}", recorded.scene, recorded.scene_seq).as_bytes());
        let line = Line::Person(handle);
        Some(Self { id, seq: recorded.seq, line, at: recorded.at, body: body(kind, recorded.at, &data) })
    }
}

fn id(of: &[u8]) -> String {
    format!("msg_{}", URL_SAFE_NO_PAD.encode(&sha256(of).0[..16]))
}

fn body(kind: &str, at: Timestamp, data: &serde_json::Value) -> String {
    json!({ "type": kind, "timestamp": rfc3339_millis(at), "data": data }).to_string()
}
