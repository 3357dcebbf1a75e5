//! What WeChat pushes to the callback URL: a flat document in XML or JSON, read into a [`Push`].
//!
//! Only the few fields that are needed here are kept. Everything that WeChat never sends is refused instead of being
//! interpreted: document types, entities of one's own, comments, a field twice. The parser is pure and never panics.
//!
//! Source: <https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html>.

mod fields;
mod xml;

use std::borrow::Cow;

use crate::domain::OpenId;
use fields::Fields;

/// The largest body that is read, in bytes. The events of a login take less than 1 KiB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// What stands before the scene in the EventKey of a `subscribe` that came from a QR code.
const SCENE_PREFIX: &str = "qrscene_";

/// How a document is written; the account's console decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `<xml>…</xml>`.
    Xml,
    /// `{…}` with the same names.
    Json,
}

/// A document whose fields are known and not yet judged.
#[derive(Debug)]
pub struct Document<'a> {
    format: Format,
    fields: Fields<'a>,
}

/// One message or event that WeChat pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Who did it: `FromUserName`. In plain mode nobody signed it.
    pub from: OpenId,
    /// The account's original id (`gh_…`), which a reply must name as its sender: `ToUserName`.
    pub to: String,
    /// `CreateTime`, in seconds since the Unix epoch, as WeChat's clock has it.
    pub create_time: i64,
    /// How it was written, and a reply must be.
    pub format: Format,
    /// What happened.
    pub kind: Kind,
    raw: Raw,
}

/// The fields that tell one push from another, as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw {
    msg_type: String,
    msg_id: String,
    event: String,
    event_key: String,
}

/// What a push is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A follower scanned a parametric QR code; one code can be scanned several times and by several people.
    Scan {
        /// The code's `scene_str`, ours or another system's.
        scene: String,
    },
    /// Somebody followed the account.
    Subscribe(CameBy),
    /// Somebody follows the account no more.
    Unsubscribe,
    /// Somebody wrote a text.
    Text {
        /// What they wrote.
        content: String,
        /// The id of the entry, where they pressed one of a menu in the conversation: `bizmsgmenuid`.
        menu: Option<String>,
    },
    /// Somebody pressed an entry of the account's menu.
    Click {
        /// The entry's key.
        key: String,
    },
    /// Any other event: it is acknowledged, or forwarded to whoever understands it.
    Event,
    /// Any other message of a person: a picture, a voice, a place.
    Message,
}

/// What led somebody to follow the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameBy {
    /// The QR code with this scene.
    Scene(String),
    /// WeChat says nothing: they found the account by themselves, or took some minutes between scanning and pressing
    /// Follow, and WeChat forgot the scene meanwhile.
    Unknown,
    /// Something else, such as a payment.
    Otherwise,
}

/// Why a body is no [`Push`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Not a message of WeChat's: to be answered with 400, without any effect. Says what is wrong with it.
    #[error("malformed message: {0}")]
    Malformed(&'static str),
}

/// Reads the body of a push, or what was decrypted of one.
///
/// # Errors
/// [`PushError`], with what is wrong.
pub fn read(body: &[u8]) -> Result<Document<'_>, PushError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(PushError::Malformed("larger than 64 KiB"));
    }
    let text = std::str::from_utf8(body).map_err(|_| PushError::Malformed("not UTF-8"))?;
    // Not by the media type: a system in between may have lost it.
    if text.trim_start().starts_with('{') {
        let fields = serde_json::from_str(text).map_err(|_| PushError::Malformed("not WeChat's JSON"))?;
        return Ok(Document { format: Format::Json, fields });
    }
    Ok(Document { format: Format::Xml, fields: xml::read(text)? })
}

/// Whether a text is one well-formed `<xml>` document, whatever stands in it: what WeChat takes for a reply.
pub fn is_xml(text: &str) -> bool {
    xml::is_well_formed(text.trim_start_matches('\u{feff}'))
}

impl Document<'_> {
    /// How it is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The ciphertext in it: safe mode sends nothing else, compatible mode the message in clear beside it.
    pub fn encrypted(&self) -> Option<&str> {
        self.fields.encrypt.as_deref()
    }

    /// Whether anything of a message stands in it in clear.
    pub fn has_clear(&self) -> bool {
        self.fields.has_clear()
    }

    /// The message that stands in it in clear.
    ///
    /// # Errors
    /// [`PushError`], with what is missing or wrong.
    pub fn into_push(self) -> Result<Push, PushError> {
        let Self { format, fields } = self;
        let from = fields.from.ok_or(PushError::Malformed("no FromUserName"))?;
        let create_time = fields.create_time.ok_or(PushError::Malformed("no CreateTime"))?;
        if create_time.is_empty() || !create_time.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PushError::Malformed("CreateTime is not a number of seconds"));
        }
        let raw = Raw {
            msg_type: fields.msg_type.ok_or(PushError::Malformed("no MsgType"))?.into_owned(),
            msg_id: fields.msg_id.unwrap_or_default().into_owned(),
            event: fields.event.unwrap_or_default().into_owned(),
            event_key: fields.event_key.unwrap_or_default().into_owned(),
        };
        Ok(Push {
            from: OpenId::new(from).map_err(|_| PushError::Malformed("FromUserName is not an openid"))?,
            to: fields.to.filter(|to| !to.is_empty()).ok_or(PushError::Malformed("no ToUserName"))?.into_owned(),
            create_time: create_time.parse().map_err(|_| PushError::Malformed("CreateTime is out of range"))?,
            format,
            kind: raw.kind(fields.content.map(Cow::into_owned), fields.menu.map(Cow::into_owned))?,
            raw,
        })
    }
}

impl Push {
    /// What two deliveries of one push have in common, and no other push has: events bear no id of their own. Source:
    /// <https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html>.
    pub fn identity(&self) -> [Cow<'_, str>; 6] {
        let Raw { msg_type, msg_id, event, event_key } = &self.raw;
        let create_time = self.create_time.to_string().into();
        let [msg_type, msg_id, event, event_key] = [msg_type, msg_id, event, event_key].map(Cow::from);
        [self.from.as_str().into(), create_time, msg_type, msg_id, event, event_key]
    }
}

impl Raw {
    /// Libraries disagree on the case of `Event`, and WeChat itself mixes `SCAN` with `subscribe`, so case does not count.
    fn kind(&self, content: Option<String>, menu: Option<String>) -> Result<Kind, PushError> {
        let is = |text: &str, name: &str| text.eq_ignore_ascii_case(name);
        if !is(&self.msg_type, "event") {
            return Ok(match content {
                Some(content) if is(&self.msg_type, "text") => Kind::Text { content, menu },
                _ => Kind::Message,
            });
        }
        Ok(match (self.event.as_str(), self.event_key.as_str()) {
            ("", _) => return Err(PushError::Malformed("an event without Event")),
            (event, key) if is(event, "subscribe") => Kind::Subscribe(came_by(key)),
            (event, _) if is(event, "unsubscribe") => Kind::Unsubscribe,
            (_, "") => Kind::Event,
            (event, key) if is(event, "scan") => Kind::Scan { scene: key.to_owned() },
            (event, key) if is(event, "click") => Kind::Click { key: key.to_owned() },
            _ => Kind::Event,
        })
    }
}

/// Strips the prefix once and at the start only: the scene itself may hold it too. Keys of another shape, such as
/// `last_trade_no_…` after a payment, belong to a plain follow.
fn came_by(event_key: &str) -> CameBy {
    match event_key.strip_prefix(SCENE_PREFIX) {
        Some("") => CameBy::Unknown,
        Some(scene) => CameBy::Scene(scene.to_owned()),
        None if event_key.is_empty() => CameBy::Unknown,
        None => CameBy::Otherwise,
    }
}

#[cfg(test)]
mod tests;
