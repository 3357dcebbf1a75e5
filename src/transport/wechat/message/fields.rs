//! The flat fields of a push, taken out of its document and not yet judged.

use serde::{Deserialize, Deserializer};

/// The texts of the fields that are looked at; None where the document has no such field.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    #[serde(rename = "ToUserName")]
    pub(super) to: Option<String>,
    #[serde(rename = "FromUserName")]
    pub(super) from: Option<String>,
    #[serde(rename = "CreateTime", deserialize_with = "text_or_number")]
    pub(super) create_time: Option<String>,
    #[serde(rename = "MsgType")]
    pub(super) msg_type: Option<String>,
    #[serde(rename = "MsgId", deserialize_with = "text_or_number")]
    pub(super) msg_id: Option<String>,
    #[serde(rename = "Content")]
    pub(super) content: Option<String>,
    #[serde(rename = "bizmsgmenuid", deserialize_with = "text_or_number")]
    pub(super) menu: Option<String>,
    #[serde(rename = "Event")]
    pub(super) event: Option<String>,
    #[serde(rename = "EventKey")]
    pub(super) event_key: Option<String>,
    #[serde(rename = "Encrypt")]
    pub(super) encrypt: Option<String>,
}

impl Fields {
    /// Whether anything of a message stands in it in clear; the account's id is in the encrypted envelope, too.
    pub(super) fn has_clear(&self) -> bool {
        [&self.from, &self.create_time, &self.msg_type, &self.msg_id, &self.content, &self.event, &self.event_key]
            .into_iter()
            .any(Option::is_some)
    }

    /// The field with this name, where it is one that is looked at.
    pub(super) fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "ToUserName" => Some(&mut self.to),
            "FromUserName" => Some(&mut self.from),
            "CreateTime" => Some(&mut self.create_time),
            "MsgType" => Some(&mut self.msg_type),
            "MsgId" => Some(&mut self.msg_id),
            "Content" => Some(&mut self.content),
            "bizmsgmenuid" => Some(&mut self.menu),
            "Event" => Some(&mut self.event),
            "EventKey" => Some(&mut self.event_key),
            "Encrypt" => Some(&mut self.encrypt),
            _ => None,
        }
    }
}

/// JSON has the numbers as numbers; a relay may have made texts of them.
fn text_or_number<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    Ok(Option::<Either>::deserialize(value)?.map(|either| match either {
        Either::Number(number) => number.to_string(),
        Either::Text(text) => text,
    }))
}
