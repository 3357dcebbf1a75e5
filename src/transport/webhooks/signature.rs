//! The signature of Standard Webhooks, version 1: HMAC-SHA-256 over id, time and body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// Signs for one website.
pub(super) struct Signer(SecretSlice<u8>);

impl Signer {
    /// With the bytes behind a secret `whsec_…` in base64. The configuration has seen that they are some.
    pub(super) fn new(secret: &SecretString) -> Self {
        let text = secret.expose_secret();
        let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
        Self(STANDARD.decode(encoded).unwrap_or_default().into())
    }

    /// What stands in `webhook-signature`, for this `webhook-id` and `webhook-timestamp` (Unix time in seconds).
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use standardwebhooks::Webhook;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The example of the specification.
    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        let body = r#"{"test": 2432232314}"#;
        let signature = Signer::new(&SECRET.into()).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn somebody_elses_library_takes_it_and_nothing_that_was_altered() {
        let now = crate::clock::Clock::system().now().as_micros() / 1_000_000;
        let (id, body) = ("msg_1", r#"{"type":"login.confirmed"}"#);
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", id.parse().unwrap());
        headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
        headers.insert("webhook-signature", Signer::new(&SECRET.into()).sign(id, now, body).parse().unwrap());
        let theirs = Webhook::new(SECRET).unwrap();
        assert!(theirs.verify(body.as_bytes(), &headers).is_ok());
        assert!(theirs.verify(body.replace("confirmed", "denied").as_bytes(), &headers).is_err());
    }
}
