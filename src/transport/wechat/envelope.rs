//! Opens what WeChat pushes in its three modes, and seals what goes back the same way. Pure.
//!
//! - plain: the message in clear; `signature` says that WeChat called, and nothing about the body.
//! - compatible: the message in clear and the ciphertext of it beside; only the ciphertext counts here.
//! - safe: the ciphertext alone.
//!
//! Source: <https://developers.weixin.qq.com/doc/subscription/guide/dev/push/encryption.html>.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::crypto::{AesKey, DecryptError};
use super::message::{self, Format, Push, PushError};
use super::query::CallbackQuery;
use super::reply::CData;
use super::signature::sign;
use crate::config::{Account, Encryption};
use crate::domain::{AppId, Digest, Timestamp};
use crate::keys::sha256;

/// What one account opens pushes with.
#[derive(Debug)]
pub struct Envelopes {
    token: SecretString,
    app_id: AppId,
    weakest: Encryption,
    /// The current key, and behind it the one before.
    keys: Vec<AesKey>,
}

/// A push that WeChat sent.
#[derive(Debug)]
pub struct Opened {
    /// What it says.
    pub push: Push,
    /// How what goes back has to be sealed; `None` where the push came in clear, and nobody signed its body.
    pub seal: Option<Seal>,
    clear: Vec<u8>,
}

impl Opened {
    /// SHA-256 of the message in clear.
    pub fn digest(&self) -> Digest {
        sha256(&self.clear)
    }
}

/// In which envelope a push came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    format: Format,
    /// Which of the keys opened it: during a rotation both sides must use the same.
    key: usize,
}

impl Seal {
    /// How the envelope is written.
    pub fn format(self) -> Format {
        self.format
    }
}

/// Why a call is not taken. It has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Not WeChat's word, or weaker than the account takes: 403. With what is to be said in the log.
    NotAuthentic(&'static str),
    /// Not what WeChat sends: 400.
    Malformed(&'static str),
}

impl From<PushError> for Rejected {
    fn from(PushError::Malformed(what): PushError) -> Self {
        Self::Malformed(what)
    }
}

const FORGED: Rejected = Rejected::NotAuthentic("callbacks come that are not signed with the account's token");
const TOO_WEAK: Rejected =
    Rejected::NotAuthentic("messages come in plain mode: set 安全模式 in the account's console, or `encryption` here");
const HALF_OPEN: Rejected = Rejected::NotAuthentic(
    "messages come in compatible mode: set 安全模式 in the account's console, or `encryption` here",
);
const NO_KEY: Rejected =
    Rejected::NotAuthentic("messages come encrypted, and the account has no encoding_aes_key here");
const NO_SIGNATURE: Rejected = Rejected::NotAuthentic("messages come encrypted, and nothing in the query signs them");
const OTHER_ACCOUNT: Rejected = Rejected::NotAuthentic("messages come that were encrypted for another app id");

impl Envelopes {
    /// What `account` opens pushes with.
    ///
    /// # Panics
    /// For an account that no configuration was read for: there, a key has 43 letters and digits.
    pub fn of(account: &Account) -> Self {
        let keys = [&account.encoding_aes_key, &account.previous_encoding_aes_key].into_iter().flatten();
        let key = |key: &SecretString| AesKey::new(key.expose_secret()).expect("the configuration checked the key");
        Self {
            token: account.token.clone(),
            app_id: account.app_id.clone(),
            weakest: account.encryption,
            keys: keys.map(key).collect(),
        }
    }

    /// Whether the verification of the server is WeChat's. Its `echostr` is in clear in every mode.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn judge_verification(&self, query: &CallbackQuery) -> Result<(), Rejected> {
        if query.is_signed(self.token.expose_secret()) { Ok(()) } else { Err(FORGED) }
    }

    /// What can be judged of a push before its body is read.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn judge_head(&self, query: &CallbackQuery) -> Result<(), Rejected> {
        match (query.is_encrypted(), self.weakest) {
            (true, _) if self.keys.is_empty() => Err(NO_KEY),
            (true, _) => Ok(()),
            (false, Encryption::Plain) => self.judge_verification(query),
            (false, _) if query.is_signed(self.token.expose_secret()) => Err(TOO_WEAK),
            (false, _) => Err(FORGED),
        }
    }

    /// Reads a push.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn open(&self, query: &CallbackQuery, body: &[u8]) -> Result<Opened, Rejected> {
        self.judge_head(query)?;
        let document = message::read(body)?;
        if !query.is_encrypted() {
            if document.encrypted().is_some() && !document.has_clear() {
                return Err(NO_SIGNATURE);
            }
            return Ok(Opened { push: document.into_push()?, seal: None, clear: body.to_vec() });
        }
        let ciphertext = document.encrypted().ok_or(Rejected::Malformed("no Encrypt"))?;
        // Before anything is decrypted: so nobody can find out what a ciphertext of their own making decrypts to.
        if !query.signs(self.token.expose_secret(), ciphertext) {
            return Err(FORGED);
        }
        if self.weakest == Encryption::Safe && document.has_clear() {
            return Err(HALF_OPEN);
        }
        let (key, clear) = self.decrypt(ciphertext)?;
        let push = message::read(&clear)?.into_push()?;
        Ok(Opened { push, seal: Some(Seal { format: document.format(), key }), clear })
    }

    /// Tries the keys one after the other, as their order is.
    fn decrypt(&self, ciphertext: &str) -> Result<(usize, Vec<u8>), Rejected> {
        let mut failed = DecryptError::Layout;
        for (index, key) in self.keys.iter().enumerate() {
            match key.decrypt(ciphertext, self.app_id.as_str()) {
                Ok(message) => return Ok((index, message)),
                // A key that fits, and the wrong account, is more than a key that does not fit.
                Err(error) if failed != DecryptError::OtherAccount => failed = error,
                Err(_) => {}
            }
        }
        Err(match failed {
            DecryptError::OtherAccount => OTHER_ACCOUNT,
            DecryptError::Ciphertext => Rejected::Malformed("Encrypt is not base64 of whole blocks"),
            DecryptError::Layout => {
                Rejected::Malformed("Encrypt cannot be decrypted: is encoding_aes_key the account's?")
            }
        })
    }

    /// Puts a reply into the envelope that its push came in. `random` must be unpredictable.
    pub fn seal(&self, reply: &str, seal: Seal, now: Timestamp, nonce: &str, random: [u8; 16]) -> String {
        let key = &self.keys[seal.key];
        let encrypted = key.encrypt(reply.as_bytes(), self.app_id.as_str(), random);
        let timestamp = now.as_seconds();
        let signature = sign(&[self.token.expose_secret(), &timestamp.to_string(), nonce, &encrypted]);
        match seal.format {
            // Neither base64 nor hex has anything in it that would end its CDATA.
            Format::Xml => format!(
                "<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>\
                 <TimeStamp>{timestamp}</TimeStamp><Nonce>{}</Nonce></xml>",
                CData(nonce),
            ),
            Format::Json => {
                json!({"Encrypt": encrypted, "MsgSignature": signature, "TimeStamp": timestamp, "Nonce": nonce})
                    .to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests;
