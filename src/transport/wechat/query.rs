//! The query of every call to the callback URL. Pure.

use std::time::Duration;

use super::signature::is_authentic;
use crate::domain::Timestamp;
use crate::transport::parameters::Parameters;

/// What stands in the query: nothing of it is believed before a signature was checked.
///
/// `openid`, which WeChat adds, is not looked at: no signature covers it.
#[derive(Clone, Debug)]
pub struct CallbackQuery {
    timestamp: String,
    nonce: String,
    signature: Option<String>,
    msg_signature: Option<String>,
    echostr: Option<String>,
    encrypt_type: EncryptType,
}

/// `encrypt_type`, absent or `raw` without encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EncryptType {
    Raw,
    Aes,
}

impl CallbackQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// What is missing or wrong, in a line for people.
    pub fn read(query: Option<&str>) -> Result<Self, &'static str> {
        let query = Parameters::parse(query.unwrap_or_default().as_bytes())
            .map_err(|_| "a parameter of the query is there twice")?;
        let given = |name: &str| query.given(name).map(str::to_owned);
        let encrypt_type = match query.given("encrypt_type") {
            None | Some("raw") => EncryptType::Raw,
            Some("aes") => EncryptType::Aes,
            Some(_) => return Err("encrypt_type is neither raw nor aes"),
        };
        let this = Self {
            timestamp: given("timestamp").ok_or("timestamp is missing")?,
            nonce: given("nonce").ok_or("nonce is missing")?,
            signature: given("signature"),
            msg_signature: given("msg_signature"),
            echostr: given("echostr"),
            encrypt_type,
        };
        match (this.is_encrypted(), &this.signature, &this.msg_signature) {
            (true, _, None) => Err("msg_signature is missing"),
            (false, None, _) => Err("signature is missing"),
            _ => Ok(this),
        }
    }

    /// Whether the body is encrypted. Then only `msg_signature` counts.
    pub fn is_encrypted(&self) -> bool {
        self.encrypt_type == EncryptType::Aes
    }

    /// Whether `signature` is the account's. It says nothing about the body.
    pub fn is_signed(&self, token: &str) -> bool {
        self.signature.as_ref().is_some_and(|given| is_authentic(&[token, &self.timestamp, &self.nonce], given))
    }

    /// Whether `msg_signature` is the account's over this ciphertext.
    pub fn signs(&self, token: &str, ciphertext: &str) -> bool {
        let parts = [token, &self.timestamp, &self.nonce, ciphertext];
        self.msg_signature.as_ref().is_some_and(|given| is_authentic(&parts, given))
    }

    /// `signature` as it came. Timestamp and nonce are signed without a border between them, so it stands for them better
    /// than they do.
    pub fn signature(&self) -> &str {
        self.signature.as_deref().unwrap_or_default()
    }

    /// What the verification of the server wants back.
    pub fn echostr(&self) -> Option<&str> {
        self.echostr.as_deref()
    }

    /// `nonce` as it came.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// When WeChat signed. Ten digits exactly: with another number of them, a border could be moved.
    pub fn signed_at(&self) -> Option<Timestamp> {
        let digits = self.timestamp.len() == 10 && self.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: u64 = digits.then(|| self.timestamp.parse().ok())??;
        Some(Timestamp::from_micros(0).after(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str =
        "signature=f464b24fc39322e44b38aa78f5edd27bd1441696&timestamp=1714036504&nonce=1514711492&openid=oAnybody";

    fn read(query: &str) -> Result<CallbackQuery, &'static str> {
        CallbackQuery::read(Some(query))
    }

    #[test]
    fn a_signed_query_is_read() {
        let query = read(SIGNED).unwrap();
        assert!(query.is_signed("AAAAA") && !query.is_signed("AAAAB"));
        assert!(!query.is_encrypted() && !query.signs("AAAAA", ""));
        assert_eq!(query.signed_at().unwrap().as_seconds(), 1_714_036_504);
        assert!(!read(&format!("{SIGNED}&encrypt_type=raw&msg_signature=")).unwrap().is_encrypted());
    }

    #[test]
    fn with_encryption_the_other_signature_counts() {
        let query = read(&format!("{SIGNED}&encrypt_type=aes&msg_signature=0")).unwrap();
        assert!(query.is_encrypted() && !query.signs("AAAAA", "ciphertext"));
        let without = "timestamp=1&nonce=2&encrypt_type=aes&msg_signature=0";
        assert!(read(without).is_ok(), "signature is not needed then");
        assert_eq!(read(&format!("{SIGNED}&encrypt_type=aes")).unwrap_err(), "msg_signature is missing");
    }

    #[test]
    fn what_is_missing_or_twice_is_told() {
        for name in ["signature", "timestamp", "nonce"] {
            let without = SIGNED.replace(&format!("{name}="), "x=");
            assert!(read(&without).unwrap_err().contains(name), "{name}");
            assert!(read(&format!("{SIGNED}&{name}=1")).is_err(), "{name} twice");
        }
        assert!(read("").is_err() && CallbackQuery::read(None).is_err());
        assert!(read(&format!("{SIGNED}&encrypt_type=rot13")).is_err());
    }

    #[test]
    fn a_timestamp_has_ten_digits() {
        for bad in ["171403650", "17140365041", "-714036504", "171403650x"] {
            assert_eq!(read(&SIGNED.replace("1714036504", bad)).unwrap().signed_at(), None, "{bad}");
        }
    }
}
