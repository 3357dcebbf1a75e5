use serde_json::{Map, Value};
use url::Url;

use crate::actors::{Message, MessageBody};
use crate::clock::rfc3339_millis;
use crate::domain::Created;

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
    if let Some(url) = outcome.and_then(|outcome| redirect_to(created, outcome, issuer)) {
        json.insert("redirect_to".into(), url.into());
    }
    Value::Object(json)
}

/// The authorization response for the login's redirect URI (RFC 6749 §4.1.2, with `iss` of RFC 9207).
fn redirect_to(created: &Created, (key, value): (&str, &str), issuer: &str) -> Option<String> {
    let mut url = Url::parse(created.request.redirect_uri.as_ref()?).ok()?;
    let mut query = url.query_pairs_mut();
    query.append_pair(key, value);
    if let Some(state) = &created.request.state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", issuer);
    drop(query);
    Some(url.into())
}
