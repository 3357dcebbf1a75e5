//! What WeChat pushes to the callback URL, in clear: a flat XML document, read into a [`Push`].
//!
//! Only the few fields that a login needs are kept. Everything that WeChat never sends is refused instead of being
//! interpreted: document types, entities of one's own, comments, a field twice. The parser is pure and never panics.
//!
//! Source: <https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html>.

mod fields;

use crate::domain::OpenId;
use fields::Fields;

/// The largest body that is read, in bytes. The events of a login take less than 1 KiB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// What stands before the scene in the EventKey of a `subscribe` that came from a QR code.
const SCENE_PREFIX: &str = "qrscene_";

/// One message or event that WeChat pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Who did it: `FromUserName`. In plain mode nobody signed it.
    pub from: OpenId,
    /// The account's original id (`gh_…`), which a reply must name as its sender: `ToUserName`.
    pub to: String,
    /// `CreateTime`, in seconds since the Unix epoch, as WeChat's clock has it.
    pub create_time: i64,
    /// What happened.
    pub kind: Kind,
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
    Subscribe {
        /// The scene of the QR code that led here. None for a plain follow, and where WeChat forgot the scene because the
        /// person took some minutes before pressing Follow.
        scene: Option<String>,
    },
    /// Anything else: it is acknowledged, or forwarded to whoever understands it.
    Other {
        /// `MsgType`, as it came.
        msg_type: String,
        /// `Event`, as it came, where there was one.
        event: Option<String>,
    },
}

/// Why a body is no [`Push`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The encrypted envelope of safe mode, which has no clear fields: decrypt `Encrypt` and parse what comes out.
    #[error("the message is encrypted")]
    Encrypted,
    /// Not a message of WeChat's: to be answered with 400, without any effect. Says what is wrong with it.
    #[error("malformed message: {0}")]
    Malformed(&'static str),
}

/// Reads the body of a push.
///
/// In compatible mode the document holds the clear fields and `Encrypt` as well; this reads the clear ones.
///
/// # Errors
/// A [`PushError`] that says what to do with it.
pub fn parse(body: &[u8]) -> Result<Push, PushError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(PushError::Malformed("larger than 64 KiB"));
    }
    let text = std::str::from_utf8(body).map_err(|_| PushError::Malformed("not UTF-8"))?;
    let fields = fields::read(text)?;
    if fields.is_envelope() {
        return Err(PushError::Encrypted);
    }
    push_from(fields)
}

fn push_from(fields: Fields) -> Result<Push, PushError> {
    let from = fields.from.ok_or(PushError::Malformed("no FromUserName"))?;
    let create_time = fields.create_time.ok_or(PushError::Malformed("no CreateTime"))?;
    if create_time.is_empty() || !create_time.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PushError::Malformed("CreateTime is not a number of seconds"));
    }
    let msg_type = fields.msg_type.ok_or(PushError::Malformed("no MsgType"))?;
    Ok(Push {
        from: OpenId::new(from).map_err(|_| PushError::Malformed("FromUserName is not an openid"))?,
        to: fields.to.filter(|to| !to.is_empty()).ok_or(PushError::Malformed("no ToUserName"))?,
        create_time: create_time.parse().map_err(|_| PushError::Malformed("CreateTime is out of range"))?,
        kind: kind_of(msg_type, fields.event, fields.event_key)?,
    })
}

/// Libraries disagree on the case of `Event`, and WeChat itself mixes `SCAN` with `subscribe`, so case does not count.
fn kind_of(msg_type: String, event: Option<String>, event_key: Option<String>) -> Result<Kind, PushError> {
    if !msg_type.eq_ignore_ascii_case("event") {
        return Ok(Kind::Other { msg_type, event });
    }
    let event = event.filter(|event| !event.is_empty()).ok_or(PushError::Malformed("an event without Event"))?;
    let event_key = event_key.filter(|key| !key.is_empty());
    if event.eq_ignore_ascii_case("subscribe") {
        return Ok(Kind::Subscribe { scene: event_key.and_then(|key| scene_of_follow(&key)) });
    }
    match event_key {
        Some(scene) if event.eq_ignore_ascii_case("scan") => Ok(Kind::Scan { scene }),
        _ => Ok(Kind::Other { msg_type, event: Some(event) }),
    }
}

/// Strips the prefix once and at the start only: the scene itself may hold it too. Keys of another shape, such as
/// `last_trade_no_…` after a payment, belong to a plain follow.
fn scene_of_follow(event_key: &str) -> Option<String> {
    event_key.strip_prefix(SCENE_PREFIX).filter(|scene| !scene.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
