use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::rfc3339_micros;
use crate::domain::{OpenId, Opener, Person, Phase, Visitor};

use super::Standing;

/// A session as others read it; every field is written out here, as in the line of an event.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    scene_id: &'a str,
    state: &'static str,
    since: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    overdue: bool,
    seq: u64,
    created_at: String,
    client_id: &'a str,
    account: &'a str,
    app_id: &'a str,
    confirm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_id: Option<&'a str>,
    /// From where it was begun, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    openid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// When it ends if nothing happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl<'a> From<&'a Standing> for Line<'a> {
    fn from(standing: &'a Standing) -> Self {
        let course = standing.course();
        let created = &course.session.created;
        let (address, user_agent) = match &created.visitor {
            Some(Visitor::Known { address, user_agent }) => (Some(&**address), user_agent.as_deref()),
            Some(Visitor::Forgotten) | None => (None, None),
        };
        Self {
            at: rfc3339_micros(standing.at),
            scene_id: course.scene.as_str(),
            state: standing.stage().name(),
            since: rfc3339_micros(standing.since()),
            overdue: standing.is_overdue(),
            seq: course.seq,
            created_at: rfc3339_micros(course.created_at),
            client_id: created.client.as_str(),
            account: created.account.as_str(),
            app_id: created.app_id.as_str(),
            confirm: created.confirmation.name(),
            page_id: match &created.opener {
                Opener::Browser { .. } => None,
                Opener::Page { page, .. } => Some(page.as_str()),
            },
            address,
            user_agent,
            openid: course.person.as_ref().and_then(Person::openid).map(OpenId::as_str),
            reason: match &course.session.phase {
                Phase::Denied { reason } => Some(reason.name()),
                _ => None,
            },
            expires_at: course.session.deadline().map(rfc3339_micros),
        }
    }
}

impl Standing {
    /// Appends the session to `lines` as one JSON object and the end of the line.
    ///
    /// # Panics
    /// Never: a line is made of texts and numbers, and memory takes what is written.
    pub fn write_jsonl(&self, lines: &mut Vec<u8>) {
        serde_json::to_writer(&mut *lines, &Line::from(self)).expect("a line of texts and numbers is JSON");
        lines.push(b'\n');
    }

    /// The same object, to look into.
    pub fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(Line::from(self)) {
            Ok(Value::Object(map)) => map,
            Ok(_) | Err(_) => Map::new(),
        }
    }
}
