use serde::Serialize;

use crate::actors::{Message, MessageBody};
use crate::clock::rfc3339_millis;
use crate::domain::Created;

use super::super::oauth::redirect_to;

/// A message as browsers get it, on every transport.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    seq: u32,
    #[serde(rename = "type")]
    name: &'static str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_to: Option<String>,
}

impl<'a> Told<'a> {
    pub(super) fn of(message: &'a Message, created: &Created, issuer: &str) -> Self {
        let of = |name| Self {
            seq: message.seq,
            name,
            at: rfc3339_millis(message.at),
            number: None,
            code: None,
            redirect_to: None,
        };
        let leading = |outcome| redirect_to(&created.request, outcome, issuer);
        let failed = || leading(("error", "access_denied"));
        match &message.body {
            MessageBody::Created => of("created"),
            MessageBody::Scanned { number } => Self { number: *number, ..of("scanned") },
            MessageBody::Confirmed { code, .. } => {
                Self { code: Some(code), redirect_to: leading(("code", code)), ..of("confirmed") }
            }
            MessageBody::Denied(_) => Self { redirect_to: failed(), ..of("denied") },
            MessageBody::Expired => Self { redirect_to: failed(), ..of("expired") },
        }
    }

    /// As a text of its own.
    pub(super) fn text(&self) -> String {
        // A struct of texts and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
