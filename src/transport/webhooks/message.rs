//! What a website is told of an event. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::Following;
use crate::clock::{random_bytes, rfc3339_millis};
use crate::domain::{AccountName, ClientId, DenyReason, Event, OpenId, Recorded, SceneId, Timestamp};
use crate::keys::sha256;

/// A message on its way to a website. It holds what the website may know, and no secret: only the code logs in.
#[derive(Clone)]
pub(super) struct Message {
    /// The same whenever and however often it is sent.
    pub(super) id: String,
    /// The event's place in the journal, and the session; messages of one session arrive in order.
    pub(super) event: Option<(u64, SceneId)>,
    /// When it happened.
    pub(super) at: Timestamp,
    /// JSON.
    pub(super) body: String,
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
        let event = Some((recorded.seq, recorded.scene.clone()));
        Some(Self { id, event, at: recorded.at, body: body(kind, recorded.at, &data) })
    }

    /// That somebody follows the account or does no more.
    pub(super) fn of_follower(account: &AccountName, openid: &OpenId, following: Following, at: Timestamp) -> Self {
        let kind = match following {
            Following::Subscribed => "user.subscribed",
            Following::Unsubscribed => "user.unsubscribed",
        };
        let data = json!({ "account": account.as_str(), "openid": openid.as_str() });
        Self { id: id(&random_bytes::<16>()), event: None, at, body: body(kind, at, &data) }
    }
}

fn id(of: &[u8]) -> String {
    format!("msg_{}", URL_SAFE_NO_PAD.encode(&sha256(of).0[..16]))
}

fn body(kind: &str, at: Timestamp, data: &serde_json::Value) -> String {
    json!({ "type": kind, "timestamp": rfc3339_millis(at), "data": data }).to_string()
}
