mod read;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::rfc3339_micros;
use crate::domain::{AccountName, Created, Event, OpenId, Opener, Person, Recorded, UnionId, Visitor};

pub use read::{LineError, read_jsonl};

/// An event as others read it. Every field is written out here, so that nothing the journal keeps (digests, a website's
/// `state` and `nonce`) is shown by accident.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    at: String,
    /// None for what happens to no session.
    #[serde(skip_serializing_if = "Option::is_none")]
    scene_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene_seq: Option<u32>,
    r#type: &'static str,
    #[serde(flatten)]
    own: Own<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Own<'a> {
    Created(CreatedLine<'a>),
    Person(PersonLine<'a>),
    Forgotten { account: &'a str, person: String },
    Confirmed { code_expires_at: String },
    Denied { reason: &'static str },
    Redeemed { access_token_expires_at: String },
    Nothing {},
}

#[derive(Serialize)]
struct PersonLine<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    openid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unionid: Option<&'a str>,
    /// Stands where the openid stood.
    #[serde(skip_serializing_if = "is_false")]
    forgotten: bool,
    /// Tells that records are of the same person, also of one who is forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
}

impl<'a> PersonLine<'a> {
    fn of(account: &'a AccountName, person: &'a Person) -> Self {
        Self {
            account: account.as_str(),
            openid: person.openid().map(OpenId::as_str),
            unionid: person.unionid().map(UnionId::as_str),
            forgotten: matches!(person, Person::Forgotten(_)),
            person: person.handle().map(|person| person.to_string()),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Serialize)]
struct CreatedLine<'a> {
    account: &'a str,
    app_id: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_id: Option<&'a str>,
    opener: &'static str,
    confirm: &'static str,
    purpose: &'static str,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<&'a str>,
    has_state: bool,
    has_nonce: bool,
    has_code_challenge: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ui_locales: Option<&'a str>,
    expires_at: String,
    code_ttl_seconds: u64,
    access_token_ttl_seconds: u64,
    qr_content: &'a str,
    qr_expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    /// Stands where address and user agent stood.
    #[serde(skip_serializing_if = "is_false")]
    forgotten: bool,
}

impl<'a> From<&'a Created> for CreatedLine<'a> {
    fn from(created: &'a Created) -> Self {
        let request = &created.request;
        let (opener, page_id) = match &created.opener {
            Opener::Browser { .. } => ("browser", None),
            Opener::Page { page, .. } => ("page", Some(page.as_str())),
        };
        let (address, user_agent) = match &created.visitor {
            Some(Visitor::Known { address, user_agent }) => (Some(&**address), user_agent.as_deref()),
            Some(Visitor::Forgotten) | None => (None, None),
        };
        Self {
            account: created.account.as_str(),
            app_id: created.app_id.as_str(),
            client_id: created.client.as_str(),
            page_id,
            opener,
            confirm: created.confirmation.name(),
            purpose: request.purpose.name(),
            scope: &request.scope,
            redirect_uri: request.redirect_uri.as_deref(),
            has_state: request.state.is_some(),
            has_nonce: request.nonce.is_some(),
            has_code_challenge: request.code_challenge.is_some(),
            ui_locales: request.ui_locales.as_deref(),
            expires_at: rfc3339_micros(created.expires_at),
            code_ttl_seconds: created.code_ttl.as_secs(),
            access_token_ttl_seconds: created.access_token_ttl.as_secs(),
            qr_content: &created.qr.content,
            qr_expires_at: rfc3339_micros(created.qr.expires_at),
            address,
            user_agent,
            forgotten: created.visitor == Some(Visitor::Forgotten),
        }
    }
}

impl<'a> From<&'a Recorded> for Line<'a> {
    fn from(recorded: &'a Recorded) -> Self {
        let own = match &recorded.event {
            Event::Created(created) => Own::Created(CreatedLine::from(&**created)),
            Event::Scanned(scanned) => Own::Person(PersonLine::of(&scanned.account, &scanned.person)),
            Event::Subscribed(follower) | Event::Unsubscribed(follower) => {
                Own::Person(PersonLine::of(&follower.account, &follower.person))
            }
            Event::Forgotten(forgotten) => {
                Own::Forgotten { account: forgotten.account.as_str(), person: forgotten.person.to_string() }
            }
            Event::Confirmed(confirmed) => {
                Own::Confirmed { code_expires_at: rfc3339_micros(confirmed.code_expires_at) }
            }
            Event::Denied(reason) => Own::Denied { reason: reason.name() },
            Event::Redeemed(redeemed) => {
                Own::Redeemed { access_token_expires_at: rfc3339_micros(redeemed.access_token_expires_at) }
            }
            Event::Expired | Event::Revoked => Own::Nothing {},
        };
        let is_a_sessions = recorded.event.kind().is_of_a_session();
        Self {
            seq: recorded.seq,
            at: rfc3339_micros(recorded.at),
            scene_id: is_a_sessions.then(|| recorded.scene.as_str()),
            scene_seq: is_a_sessions.then_some(recorded.scene_seq),
            r#type: recorded.event.kind().name(),
            own,
        }
    }
}

/// Appends the event to `lines` as one JSON object and the end of the line.
///
/// # Panics
/// Never: a line is made of texts and numbers, and memory takes what is written.
pub fn write_jsonl(recorded: &Recorded, lines: &mut Vec<u8>) {
    serde_json::to_writer(&mut *lines, &Line::from(recorded)).expect("a line of texts and numbers is JSON");
    lines.push(b'\n');
}

/// The same object, to look into.
pub fn to_map(recorded: &Recorded) -> Map<String, Value> {
    match serde_json::to_value(Line::from(recorded)) {
        Ok(Value::Object(map)) => map,
        Ok(_) | Err(_) => Map::new(),
    }
}

#[cfg(test)]
mod tests;
