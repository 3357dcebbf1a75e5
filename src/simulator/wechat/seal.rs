//! How a push leaves WeChat: signed, and encrypted where the account asks for it.

use form_urlencoded::Serializer;
use url::Url;

use super::crypto::signature;
use super::message::Message;
use super::{DataFormat, SimulatedAccount, SimulatedEncryption};
use crate::clock::random_bytes;
use crate::domain::{OpenId, Timestamp};

/// Query and body of a push, ready to be delivered; every delivery of it carries the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Behind the `?` of the callback URL.
    pub query: String,
    /// XML or JSON, as the account has it.
    pub body: String,
}

/// What is signed beside the token.
struct Stamp {
    timestamp: String,
    nonce: String,
}

impl Stamp {
    fn new(now: Timestamp) -> Self {
        let nonce = u32::from_le_bytes(random_bytes()) % 2_000_000_000;
        Self { timestamp: now.as_seconds().to_string(), nonce: nonce.to_string() }
    }

    fn query(&self, token: &str) -> Serializer<'static, String> {
        let mut query = Serializer::new(String::new());
        query
            .append_pair("signature", &signature(&[token, &self.timestamp, &self.nonce]))
            .append_pair("timestamp", &self.timestamp)
            .append_pair("nonce", &self.nonce);
        query
    }
}

impl SimulatedAccount {
    /// As WeChat pushes `clear`, which this person did.
    pub(super) fn seal(&self, clear: &str, openid: &OpenId, now: Timestamp) -> Sealed {
        let stamp = Stamp::new(now);
        let mut query = stamp.query(&self.token);
        query.append_pair("openid", openid.as_str());
        let Some(key) = self.message_key() else { return Sealed { query: query.finish(), body: clear.to_owned() } };
        let encrypted = key.encrypt(clear.as_bytes(), self.app_id.as_str(), random_bytes());
        let msg_signature = signature(&[&self.token, &stamp.timestamp, &stamp.nonce, &encrypted]);
        query.append_pair("encrypt_type", "aes").append_pair("msg_signature", &msg_signature);
        Sealed { query: query.finish(), body: self.envelope(clear, encrypted) }
    }

    /// The query of a plain push of now, which says nothing about its body.
    pub(super) fn signed_query(&self, openid: &OpenId, now: Timestamp) -> String {
        Stamp::new(now).query(&self.token).append_pair("openid", openid.as_str()).finish()
    }

    fn envelope(&self, clear: &str, encrypted: String) -> String {
        if self.encryption == SimulatedEncryption::Safe {
            let envelope = Message::default().text("ToUserName", &*self.original_id).text("Encrypt", encrypted);
            return envelope.write(self.format);
        }
        match self.format {
            DataFormat::Xml => {
                let fields = clear.strip_suffix("</xml>").unwrap_or(clear);
                format!("{fields}<Encrypt><![CDATA[{encrypted}]]></Encrypt>\n</xml>")
            }
            DataFormat::Json => {
                let fields = clear.strip_suffix('}').unwrap_or(clear);
                format!("{fields},\"Encrypt\":\"{encrypted}\"}}")
            }
        }
    }

    /// The call with which the console verifies the URL. Its `echostr` is in clear in every mode.
    pub(super) fn verification(&self, echo: &str, now: Timestamp) -> Url {
        self.called(&Stamp::new(now).query(&self.token).append_pair("echostr", echo).finish())
    }

    /// The callback URL with a query; what it had before stays in front.
    pub(super) fn called(&self, query: &str) -> Url {
        let mut url = self.callback_url.clone();
        let before = url.query().filter(|before| !before.is_empty()).map(|before| format!("{before}&"));
        url.set_query(Some(&(before.unwrap_or_default() + query)));
        url
    }

    pub(super) fn media_type(&self) -> &'static str {
        match self.format {
            DataFormat::Xml => "text/xml",
            DataFormat::Json => "application/json",
        }
    }
}

#[cfg(test)]
mod tests;
