use serde_json::{Map, Value};

use crate::actors::{Message, MessageBody};
use crate::clock::rfc3339_millis;
use crate::domain::Created;

use super::super::oauth::redirect_to;

/// A message as browsers get it, on every transport.
pub(super) fn message_json(message: &Message, created: &Created, issuer: &str) -> Value {
    let mut json = Map::new();
    json.insert("seq".into(), message.seq.into());
    let mut name = |name: &str| drop(json.insert("type".into(), name.into()));
    let outcome = match &message.body {
        MessageBody::Created => {
            name("created");
            None
        }
        MessageBody::Scanned { number } => {
            name("scanned");
            if let Some(number) = number {
                json.insert("number".into(), (*number).into());
            }
            None
        }
        MessageBody::Confirmed { code, .. } => {
            name("confirmed");
            json.insert("code".into(), code.as_ref().into());
            Some(("code", code.as_ref()))
        }
        MessageBody::Denied(_) => {
            name("denied");
            Some(("error", "access_denied"))
        }
        MessageBody::Expired => {
            name("expired");
            Some(("error", "access_denied"))
        }
    };
    json.insert("at".into(), rfc3339_millis(message.at).into());
    if let Some(url) = outcome.and_then(|outcome| redirect_to(&created.request, outcome, issuer)) {
        json.insert("redirect_to".into(), url.into());
    }
    Value::Object(json)
}
