//! WeChat's signatures and encryption, from WeChat's side.
//!
//! Its own: not the code that the daemon checks with, so that a mistake there shows.

use std::fmt;

use aes::Aes256;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use data_encoding::HEXLOWER;
use sha1::{Digest, Sha1};

/// 43 characters say 258 bits, of which 256 count: WeChat's own sample keys have some of the others set.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

const KEY_CHARS: usize = 43;

/// Of the padding, which is PKCS#7 with twice the block of AES.
const BLOCK: usize = 32;

const RANDOM_BYTES: usize = 16;

/// The random bytes and the length in front of a message.
const HEAD: usize = RANDOM_BYTES + 4;

/// `signature` or `msg_signature`: the hex SHA-1 of the parts, sorted by their bytes and joined.
pub(super) fn signature(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    HEXLOWER.encode(&Sha1::digest(sorted.concat()))
}

/// What an EncodingAESKey says.
pub(super) struct MessageKey([u8; 32]);

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageKey(…)")
    }
}

/// An EncodingAESKey that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an EncodingAESKey has 43 characters of base64")]
pub(super) struct KeyError;

/// Why something encrypted cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecryptError {
    /// Not base64, not whole blocks, or with a padding or a length that cannot be: made with another key.
    #[error("not encrypted with this key")]
    Unreadable,
    /// For another app id.
    #[error("encrypted for another account")]
    OtherAccount,
}

impl MessageKey {
    pub(super) fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() != KEY_CHARS {
            return Err(KeyError);
        }
        let bytes = LENIENT.decode(format!("{text}=")).map_err(|_| KeyError)?;
        bytes.try_into().map(Self).map_err(|_| KeyError)
    }

    fn iv(&self) -> [u8; 16] {
        std::array::from_fn(|place| self.0[place])
    }

    /// The base64 text of `Encrypt`. `random` is 16 bytes that make equal messages look different.
    pub(super) fn encrypt(&self, message: &[u8], app_id: &str, random: [u8; RANDOM_BYTES]) -> String {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut text = [&random[..], &length, message, app_id.as_bytes()].concat();
        let padding = BLOCK - text.len() % BLOCK;
        text.resize(text.len() + padding, u8::try_from(padding).unwrap_or(u8::MAX));
        let cipher = cbc::Encryptor::<Aes256>::new(&self.0.into(), &self.iv().into());
        STANDARD.encode(cipher.encrypt_padded_vec::<NoPadding>(&text))
    }

    /// The message in `encrypted`.
    pub(super) fn decrypt(&self, encrypted: &str, app_id: &str) -> Result<Vec<u8>, DecryptError> {
        let bytes = STANDARD.decode(encrypted).map_err(|_| DecryptError::Unreadable)?;
        if bytes.len() % BLOCK != 0 {
            return Err(DecryptError::Unreadable);
        }
        let cipher = cbc::Decryptor::<Aes256>::new(&self.0.into(), &self.iv().into());
        let text = cipher.decrypt_padded_vec::<NoPadding>(&bytes).map_err(|_| DecryptError::Unreadable)?;
        let (message, tail) = parts(&text).ok_or(DecryptError::Unreadable)?;
        if tail != app_id.as_bytes() {
            return Err(DecryptError::OtherAccount);
        }
        Ok(message.to_vec())
    }
}

/// The message and the app id.
fn parts(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let padding = usize::from(*text.last()?);
    if !(1..=BLOCK).contains(&padding) {
        return None;
    }
    let (text, padded) = text.split_at_checked(text.len().checked_sub(padding)?)?;
    if padded.iter().any(|byte| usize::from(*byte) != padding) {
        return None;
    }
    let (head, rest) = text.split_at_checked(HEAD)?;
    let length = u32::from_be_bytes(head[RANDOM_BYTES..].try_into().ok()?);
    rest.split_at_checked(usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests;
