//! What an account answers a push with, read as WeChat reads it.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use super::crypto::signature;
use super::{DataFormat, SimulatedAccount, SimulatedEncryption};

/// A passive reply: the message that the account answers a push with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// `ToUserName`: the person's openid.
    pub to: String,
    /// `FromUserName`: the account's original id.
    pub from: String,
    /// `MsgType`: `text` and others.
    pub msg_type: String,
    /// `Content` of a text.
    pub content: String,
}

type Fields = HashMap<String, String>;

impl SimulatedAccount {
    /// The reply in an answer's body; none where WeChat would not take it. Safe mode takes encrypted ones only, plain
    /// mode only those that are not.
    pub(super) fn read_reply(&self, body: &[u8]) -> Option<Reply> {
        let fields = read(self.format, body)?;
        match (fields.contains_key("Encrypt"), self.encryption) {
            (true, SimulatedEncryption::Compatible | SimulatedEncryption::Safe) => {
                reply_of(&read(self.format, &self.opened(&fields)?)?)
            }
            (false, SimulatedEncryption::Plain | SimulatedEncryption::Compatible) => reply_of(&fields),
            (true, SimulatedEncryption::Plain) | (false, SimulatedEncryption::Safe) => None,
        }
    }

    /// What is in the envelope of an encrypted reply, where its signature fits.
    fn opened(&self, envelope: &Fields) -> Option<Vec<u8>> {
        let field = |name: &str| envelope.get(name).map(String::as_str);
        let (encrypted, timestamp, nonce) = (field("Encrypt")?, field("TimeStamp")?, field("Nonce")?);
        if signature(&[&self.token, timestamp, nonce, encrypted]) != field("MsgSignature")? {
            return None;
        }
        self.message_key()?.decrypt(encrypted, self.app_id.as_str()).ok()
    }
}

/// None where WeChat would call it no valid reply: a text needs content, and `CreateTime` is in seconds.
fn reply_of(fields: &Fields) -> Option<Reply> {
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let reply = Reply {
        to: field("ToUserName"),
        from: field("FromUserName"),
        msg_type: field("MsgType"),
        content: field("Content"),
    };
    let create_time = field("CreateTime");
    let in_seconds = create_time.len() <= 10 && create_time.parse::<u64>().is_ok();
    let addressed = !reply.to.is_empty() && !reply.from.is_empty() && !reply.msg_type.is_empty();
    let says_something = reply.msg_type != "text" || !reply.content.is_empty();
    (in_seconds && addressed && says_something).then_some(reply)
}

/// The fields of a message; what lies deeper in it is left out.
fn read(format: DataFormat, body: &[u8]) -> Option<Fields> {
    match format {
        DataFormat::Xml => from_xml(std::str::from_utf8(body).ok()?),
        DataFormat::Json => from_json(&serde_json::from_slice(body).ok()?),
    }
}

fn from_xml(xml: &str) -> Option<Fields> {
    let mut reader = Reader::from_str(xml);
    let (mut path, mut fields) = (Vec::new(), Fields::new());
    loop {
        let piece = match reader.read_event().ok()? {
            Event::Start(tag) => {
                path.push(tag.name().as_ref().to_owned());
                continue;
            }
            Event::End(_) => {
                path.pop();
                continue;
            }
            Event::Text(text) => text.xml10_content().trim().to_owned(),
            Event::CData(data) => data.into_inner().into_owned(),
            Event::Eof => break,
            _ => continue,
        };
        if let [root, name] = &path[..]
            && root == "xml"
        {
            fields.entry(name.clone()).or_default().push_str(&piece);
        }
    }
    path.is_empty().then_some(fields)
}

fn from_json(json: &Value) -> Option<Fields> {
    let field = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Some((name.clone(), text.clone())),
        Value::Number(number) => Some((name.clone(), number.to_string())),
        _ => None,
    };
    Some(json.as_object()?.iter().filter_map(field).collect())
}

#[cfg(test)]
mod tests;
