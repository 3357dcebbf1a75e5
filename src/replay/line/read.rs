use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::parse_rfc3339;
use crate::domain::{
    AccountName, AppId, ClientId, Confirmation, Confirmed, Created, DenyReason, Digest, Event, EventKind, IdError,
    Incarnation, LoginRequest, OpenId, Opener, PageId, Person, PersonHandle, Purpose, QrCode, Recorded, Redeemed,
    Scanned, SceneId, Timestamp, UnionId, Visitor,
};

/// Why a line tells no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// No object with a journal's fields.
    #[error("a line is no event: {0}")]
    Json(String),
    /// A field that its type must have is not there, or means nothing.
    #[error("a `{kind}` has no usable {field}")]
    Field {
        /// The type.
        kind: &'static str,
        /// The field.
        field: &'static str,
    },
}

#[derive(Deserialize)]
struct Line {
    seq: u64,
    at: String,
    scene_id: Option<String>,
    #[serde(default)]
    scene_seq: u32,
    r#type: String,
    #[serde(flatten)]
    own: Own,
}

#[derive(Deserialize)]
struct Own {
    account: Option<String>,
    app_id: Option<String>,
    client_id: Option<String>,
    page_id: Option<String>,
    openid: Option<String>,
    unionid: Option<String>,
    person: Option<String>,
    address: Option<String>,
    user_agent: Option<String>,
    #[serde(default)]
    forgotten: bool,
    reason: Option<String>,
    confirm: Option<String>,
    expires_at: Option<String>,
    code_expires_at: Option<String>,
    access_token_expires_at: Option<String>,
    qr_expires_at: Option<String>,
    code_ttl_seconds: Option<u64>,
    access_token_ttl_seconds: Option<u64>,
}

/// Reads a line of [`write_jsonl`](super::write_jsonl) back, to fold and to count: what it does not tell (digests, what the
/// website asked for) is left blank. `None` for an event of a kind that this version does not know, or of no session.
///
/// # Errors
/// [`LineError`] where it is no such line.
pub fn read_jsonl(line: &[u8]) -> Result<Option<Recorded>, LineError> {
    let line: Line = serde_json::from_slice(line).map_err(|error| LineError::Json(error.to_string()))?;
    let (Some(kind), Some(scene)) = (EventKind::from_name(&line.r#type), &line.scene_id) else { return Ok(None) };
    let own = Fields { kind: kind.name(), own: &line.own };
    Ok(Some(Recorded {
        seq: line.seq,
        scene_seq: line.scene_seq,
        at: own.time("at", Some(&line.at))?,
        scene: own.id("scene_id", Some(scene), SceneId::new)?,
        event: match kind {
            EventKind::Created => Event::Created(Arc::new(own.created()?)),
            EventKind::Scanned => Event::Scanned(own.scanned()?),
            EventKind::Confirmed => {
                let code_expires_at = own.time("code_expires_at", own.own.code_expires_at.as_ref())?;
                Event::Confirmed(Confirmed { code_expires_at })
            }
            EventKind::Denied => Event::Denied(own.reason()?),
            EventKind::Expired => Event::Expired,
            EventKind::Redeemed => {
                let until = own.own.access_token_expires_at.as_ref();
                Event::Redeemed(Redeemed { access_token_expires_at: own.time("access_token_expires_at", until)? })
            }
            EventKind::Revoked => Event::Revoked,
            // They have no session, so they were passed over above.
            EventKind::Forgotten | EventKind::Subscribed | EventKind::Unsubscribed => return Ok(None),
        },
    }))
}

/// The fields of an event of one kind.
struct Fields<'a> {
    kind: &'static str,
    own: &'a Own,
}

impl Fields<'_> {
    fn created(&self) -> Result<Created, LineError> {
        let own = self.own;
        Ok(Created {
            account: self.id("account", own.account.as_ref(), AccountName::new)?,
            app_id: self.id("app_id", own.app_id.as_ref(), AppId::new)?,
            client: self.id("client_id", own.client_id.as_ref(), ClientId::new)?,
            incarnation: Incarnation(0),
            opener: self.opener()?,
            confirmation: match own.confirm.as_deref() {
                Some("auto") => Confirmation::Auto,
                Some("tap") => Confirmation::Tap,
                Some("number") => Confirmation::Number,
                _ => return Err(self.bad("confirm")),
            },
            qr: QrCode { content: String::new(), expires_at: self.time("qr_expires_at", own.qr_expires_at.as_ref())? },
            expires_at: self.time("expires_at", own.expires_at.as_ref())?,
            code_ttl: self.seconds("code_ttl_seconds", own.code_ttl_seconds)?,
            access_token_ttl: self.seconds("access_token_ttl_seconds", own.access_token_ttl_seconds)?,
            visitor: self.visitor(),
            request: LoginRequest { purpose: Purpose::Login, ..LoginRequest::default() },
        })
    }

    fn opener(&self) -> Result<Opener, LineError> {
        let blank = Digest([0; 32]);
        match &self.own.page_id {
            None => Ok(Opener::Browser { attach: blank }),
            page => Ok(Opener::Page { page: self.id("page_id", page.as_ref(), PageId::new)?, holder: blank }),
        }
    }

    fn scanned(&self) -> Result<Scanned, LineError> {
        Ok(Scanned {
            account: self.id("account", self.own.account.as_ref(), AccountName::new)?,
            person: self.person()?,
        })
    }

    fn person(&self) -> Result<Person, LineError> {
        let handle = self.own.person.as_deref().and_then(PersonHandle::from_hex);
        if self.own.forgotten {
            return handle.map(Person::Forgotten).ok_or_else(|| self.bad("person"));
        }
        let openid = self.id("openid", self.own.openid.as_ref(), OpenId::new)?;
        let unionid = self.own.unionid.as_ref();
        let unionid = unionid.map(|unionid| self.id("unionid", Some(unionid), UnionId::new)).transpose()?;
        Ok(Person::Known { openid, unionid, handle })
    }

    fn visitor(&self) -> Option<Visitor> {
        if self.own.forgotten {
            return Some(Visitor::Forgotten);
        }
        self.own.address.as_deref().map(|address| Visitor::new(address, self.own.user_agent.as_deref()))
    }

    fn reason(&self) -> Result<DenyReason, LineError> {
        let name = self.own.reason.as_deref().unwrap_or_default();
        DenyReason::from_name(name).ok_or_else(|| self.bad("reason"))
    }

    fn id<T>(
        &self,
        field: &'static str,
        text: Option<&String>,
        read: impl Fn(String) -> Result<T, IdError>,
    ) -> Result<T, LineError> {
        text.and_then(|text| read(text.clone()).ok()).ok_or_else(|| self.bad(field))
    }

    fn time(&self, field: &'static str, text: Option<&String>) -> Result<Timestamp, LineError> {
        text.and_then(|text| parse_rfc3339(text)).ok_or_else(|| self.bad(field))
    }

    fn seconds(&self, field: &'static str, seconds: Option<u64>) -> Result<Duration, LineError> {
        seconds.map(Duration::from_secs).ok_or_else(|| self.bad(field))
    }

    fn bad(&self, field: &'static str) -> LineError {
        LineError::Field { kind: self.kind, field }
    }
}
