//! The encryption of WeChat's messages: AES-256 in CBC mode, with padding to 32 bytes and a layout of its own.
//!
//! What is encrypted is `random (16 bytes) ‖ length (u32, big endian) ‖ message ‖ app id`; key and initialisation vector both come
//! from the 43 characters of the EncodingAESKey. Nothing here is authenticated: whoever decrypts has verified
//! [`signature`](super::signature) before, so that nobody can ask what is wrong with a ciphertext of their own making.
//!
//! Source: <https://developers.weixin.qq.com/doc/subscription/guide/dev/push/encryption.html>.

use aes::Aes256;
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD};
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
use secrecy::{ExposeSecret, SecretBox};

const KEY_BYTES: usize = 32;
const IV_BYTES: usize = 16;
/// What stands before a message: as many random bytes, and four of its length.
const RANDOM_BYTES: usize = 16;
const HEAD_BYTES: usize = RANDOM_BYTES + 4;
/// Padding goes up to this, twice the block of AES: so the cipher's own unpadding refuses what WeChat sends.
const PAD_TO: usize = 32;

/// 43 characters hold 258 bits, and WeChat's own sample keys have something in the last two.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The key of one account: what its EncodingAESKey stands for.
pub struct AesKey(SecretBox<[u8; KEY_BYTES]>);

impl std::fmt::Debug for AesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AesKey(…)")
    }
}

/// Why a ciphertext says nothing. Its signature was right, so key or account are wrong, or somebody else knows the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// Not base64 of whole blocks.
    #[error("the ciphertext is not base64 of whole blocks")]
    Ciphertext,
    /// What comes out has not the layout that WeChat gives it.
    #[error("what the key makes of the ciphertext is no message")]
    Layout,
    /// It was encrypted for another account.
    #[error("the message is for another app id")]
    OtherAccount,
}

impl AesKey {
    /// Reads an EncodingAESKey: 43 characters of base64. `None` where it is none.
    pub fn new(encoding_aes_key: &str) -> Option<Self> {
        let bytes = KEY_BASE64.decode(encoding_aes_key).ok()?;
        Some(Self(SecretBox::new(Box::new(bytes.try_into().ok()?))))
    }

    /// The message in `ciphertext` (base64), if it is for the account with this app id.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub fn decrypt(&self, ciphertext: &str, app_id: &str) -> Result<Vec<u8>, DecryptError> {
        let mut bytes = STANDARD.decode(ciphertext).map_err(|_| DecryptError::Ciphertext)?;
        if bytes.is_empty() || !bytes.len().is_multiple_of(PAD_TO) {
            return Err(DecryptError::Ciphertext);
        }
        let (key, iv) = self.key_and_iv();
        let cipher = cbc::Decryptor::<Aes256>::new(key.into(), iv.into());
        cipher.decrypt_padded::<NoPadding>(&mut bytes).map_err(|_| DecryptError::Ciphertext)?;
        let message = message_in(&bytes, app_id)?;
        bytes.truncate(message.end);
        bytes.drain(..message.start);
        Ok(bytes)
    }

    /// Encrypts `message` for the account with this app id, into base64. `random` must be unpredictable.
    pub fn encrypt(&self, message: &[u8], app_id: &str, random: [u8; RANDOM_BYTES]) -> String {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = [&random[..], &length, message, app_id.as_bytes()].concat();
        let padding = PAD_TO - bytes.len() % PAD_TO;
        let padded = bytes.len() + padding;
        bytes.resize(padded, u8::try_from(padding).unwrap_or(u8::MAX));
        let (key, iv) = self.key_and_iv();
        let cipher = cbc::Encryptor::<Aes256>::new(key.into(), iv.into());
        let encrypted = cipher.encrypt_padded::<NoPadding>(&mut bytes, padded);
        STANDARD.encode(encrypted.expect("whole blocks need no padding"))
    }

    fn key_and_iv(&self) -> (&[u8; KEY_BYTES], &[u8; IV_BYTES]) {
        let key = self.0.expose_secret();
        let (iv, _) = key.split_first_chunk().expect("an initialisation vector is shorter than a key");
        (key, iv)
    }
}

/// Where the message stands in what was decrypted.
fn message_in(padded: &[u8], app_id: &str) -> Result<std::ops::Range<usize>, DecryptError> {
    let padding = usize::from(*padded.last().ok_or(DecryptError::Layout)?);
    let is_padding = (1..=PAD_TO).contains(&padding);
    let end = padded.len().checked_sub(padding).filter(|_| is_padding).ok_or(DecryptError::Layout)?;
    let (plain, padding_bytes) = padded.split_at(end);
    if padding_bytes.iter().any(|byte| usize::from(*byte) != padding) {
        return Err(DecryptError::Layout);
    }
    let length = plain.get(RANDOM_BYTES..HEAD_BYTES).and_then(|length| length.try_into().ok());
    let length = u32::from_be_bytes(length.ok_or(DecryptError::Layout)?) as usize;
    let message = HEAD_BYTES..HEAD_BYTES.checked_add(length).ok_or(DecryptError::Layout)?;
    match plain.get(message.end..) {
        None | Some([]) => Err(DecryptError::Layout),
        Some(tail) if tail != app_id.as_bytes() => Err(DecryptError::OtherAccount),
        Some(_) => Ok(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::wechat::signature::{is_authentic, sign};
    use proptest::prelude::*;
    use serde_json::Value;

    const ENCODING: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    const APP_ID: &str = "wxb11529c136998cb6";

    fn vectors(of: &str) -> Vec<Value> {
        let text = include_str!("../../../tests/fixtures/wechat-vectors.json");
        let vectors: Value = serde_json::from_str(text).unwrap();
        vectors[of].as_array().unwrap().clone()
    }

    fn key() -> AesKey {
        AesKey::new(ENCODING).unwrap()
    }

    #[test]
    fn every_published_message_is_read() {
        for vector in vectors("crypto") {
            let text = |name: &str| vector[name].as_str().unwrap();
            let message = AesKey::new(text("aes_key")).unwrap().decrypt(text("ciphertext"), text("appid"));
            assert_eq!(message.as_deref(), Ok(text("plaintext").as_bytes()), "{}", text("id"));
        }
    }

    #[test]
    fn every_published_message_is_written_again_byte_for_byte() {
        for vector in vectors("crypto") {
            let text = |name: &str| vector[name].as_str().unwrap();
            let random = text("random").as_bytes().try_into().unwrap();
            let key = AesKey::new(text("aes_key")).unwrap();
            let written = key.encrypt(text("plaintext").as_bytes(), text("appid"), random);
            assert_eq!(written, text("ciphertext"), "{}", text("id"));
        }
    }

    #[test]
    fn every_published_signature_fits() {
        let mut seen = 0;
        for vector in vectors("crypto") {
            let Some(signature) = vector["msg_signature"].as_str() else { continue };
            let part = |name: &str| vector[name].as_str().unwrap();
            let parts = ["token", "timestamp", "nonce", "ciphertext"].map(part);
            assert!(is_authentic(&parts, signature), "{}", part("id"));
            seen += 1;
        }
        for vector in vectors("signatures") {
            let parts: Vec<&str> = vector["parts"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(sign(&parts), vector["sha1"].as_str().unwrap(), "{}", vector["id"]);
            seen += 1;
        }
        assert!(seen > 15, "only {seen} signatures were found");
    }

    #[test]
    fn a_key_has_43_characters_of_base64() {
        for bad in ["", &ENCODING[1..], &format!("{ENCODING}A"), &format!("{ENCODING}="), &ENCODING.replace('c', "-")] {
            assert!(AesKey::new(bad).is_none(), "{bad}");
        }
        assert_eq!(format!("{:?}", key()), "AesKey(…)");
    }

    #[test]
    fn what_is_no_ciphertext_fails_cleanly() {
        let blocks = |count: usize| STANDARD.encode(vec![0; 16 * count]);
        for bad in ["".to_owned(), "YWJj".into(), "%".into(), blocks(1), blocks(3)] {
            assert_eq!(key().decrypt(&bad, APP_ID), Err(DecryptError::Ciphertext), "{bad}");
        }
        assert_eq!(key().decrypt(&blocks(2), APP_ID), Err(DecryptError::Layout));
    }

    #[test]
    fn a_message_for_another_account_is_refused() {
        let written = key().encrypt(b"<xml></xml>", "wxsomeoneelse00000", [7; 16]);
        assert_eq!(key().decrypt(&written, APP_ID), Err(DecryptError::OtherAccount));
        let without = key().encrypt(b"<xml></xml>", "", [7; 16]);
        assert_eq!(key().decrypt(&without, ""), Err(DecryptError::Layout), "nobody's message");
    }

    #[test]
    fn a_length_beyond_the_message_is_refused() {
        for length in [12, 1000, u32::MAX - 10, u32::MAX] {
            let mut plain = [&[7; 16][..], &length.to_be_bytes(), b"<xml></xml>"].concat();
            plain.resize(64, 33);
            assert_eq!(message_in(&plain, APP_ID), Err(DecryptError::Layout), "a pad of 33");
            plain.truncate(32);
            plain[31] = 1;
            assert_eq!(message_in(&plain, APP_ID), Err(DecryptError::Layout), "{length}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(message in proptest::collection::vec(any::<u8>(), 0..200), random: [u8; 16]) {
            let written = key().encrypt(&message, APP_ID, random);
            prop_assert_eq!(key().decrypt(&written, APP_ID), Ok(message));
        }

        #[test]
        fn nothing_that_somebody_makes_up_panics(blocks in 1_usize..5, seed: [u8; 32]) {
            let bytes: Vec<u8> = seed.iter().copied().cycle().take(blocks * 32).collect();
            let _ = key().decrypt(&STANDARD.encode(bytes), APP_ID);
        }
    }
}
