//! The flat fields of a push, taken out of its document and not yet judged.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

/// A field's text: of XML it mostly stands so in the document.
pub(super) type Text<'a> = Option<Cow<'a, str>>;

/// Where the text of a field belongs.
pub(super) type Slot<'a> = for<'b> fn(&'b mut Fields<'a>) -> &'b mut Text<'a>;

/// The texts of the fields that are looked at; None where the document has no such field.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields<'a> {
    #[serde(rename = "ToUserName")]
    pub(super) to: Text<'a>,
    #[serde(rename = "FromUserName")]
    pub(super) from: Text<'a>,
    #[serde(rename = "CreateTime", deserialize_with = "text_or_number")]
    pub(super) create_time: Text<'a>,
    #[serde(rename = "MsgType")]
    pub(super) msg_type: Text<'a>,
    #[serde(rename = "MsgId", deserialize_with = "text_or_number")]
    pub(super) msg_id: Text<'a>,
    #[serde(rename = "Content")]
    pub(super) content: Text<'a>,
    #[serde(rename = "bizmsgmenuid", deserialize_with = "text_or_number")]
    pub(super) menu: Text<'a>,
    #[serde(rename = "Event")]
    pub(super) event: Text<'a>,
    #[serde(rename = "EventKey")]
    pub(super) event_key: Text<'a>,
    #[serde(rename = "Encrypt")]
    pub(super) encrypt: Text<'a>,
}

impl<'a> Fields<'a> {
    /// Whether anything of a message stands in it in clear; the account's id is in the encrypted envelope, too.
    pub(super) fn has_clear(&self) -> bool {
        [&self.from, &self.create_time, &self.msg_type, &self.msg_id, &self.content, &self.event, &self.event_key]
            .into_iter()
            .any(Option::is_some)
    }

    /// Where the text of the field with this name belongs, where it is one that is looked at.
    pub(super) fn slot(name: &str) -> Option<Slot<'a>> {
        Some(match name {
            "ToUserName" => |fields| &mut fields.to,
            "FromUserName" => |fields| &mut fields.from,
            "CreateTime" => |fields| &mut fields.create_time,
            "MsgType" => |fields| &mut fields.msg_type,
            "MsgId" => |fields| &mut fields.msg_id,
            "Content" => |fields| &mut fields.content,
            "bizmsgmenuid" => |fields| &mut fields.menu,
            "Event" => |fields| &mut fields.event,
            "EventKey" => |fields| &mut fields.event_key,
            "Encrypt" => |fields| &mut fields.encrypt,
            _ => return None,
        })
    }
}

/// JSON has the numbers as numbers; a relay may have made texts of them.
fn text_or_number<'de, 'a, D: Deserializer<'de>>(value: D) -> Result<Text<'a>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    Ok(Option::<Either>::deserialize(value)?.map(|either| match either {
        Either::Number(number) => number.to_string().into(),
        Either::Text(text) => text.into(),
    }))
}
