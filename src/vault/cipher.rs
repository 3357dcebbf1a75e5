//! The two uses of AES-256-GCM-SIV (RFC 8452): what is sealed for the log, and keys that are wrapped for the table.
//!
//! Nonces are derived from the place, so they are not stored, and no place is used twice under one key but by a record that
//! is written once more after it was lost. Where that other record should say something else, this cipher still tells no
//! more than whether both say the same.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use hmac::Mac;
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest as _, Sha256};

use crate::domain::{AccountName, OpenId, PersonHandle};
use crate::keys::Keyed;

use super::{Field, Handle, Place, first_16};

pub(super) const KEY_BYTES: usize = 32;
/// A key and the tag that says it is whole.
pub(super) const WRAPPED_BYTES: usize = KEY_BYTES + 16;

/// A key, forgotten by the memory with its owner.
pub(super) type Secret = SecretBox<[u8; KEY_BYTES]>;

fn cipher(key: &Secret) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key.expose_secret()).expect("the key has the cipher's length"))
}

impl Place<'_> {
    /// Everything that a ciphertext is bound to, unmistakably.
    fn bytes(&self, handle: Handle) -> Vec<u8> {
        let field = match self.field {
            Field::OpenId => 1,
            Field::Visitor => 2,
            Field::UnionId => 3,
        };
        let mut bytes = Vec::with_capacity(96);
        bytes.extend_from_slice(b"scan-login sealed 1");
        bytes.push(field);
        bytes.extend_from_slice(&self.scene_seq.to_be_bytes());
        bytes.extend_from_slice(&handle.0);
        bytes.extend_from_slice(self.scene.as_str().as_bytes());
        bytes
    }
}

fn nonce(place: &[u8]) -> Nonce {
    let hash = Sha256::digest(place);
    Nonce::assume_unique_for_key(std::array::from_fn(|at| hash[at]))
}

/// Seals `clear` for its place.
pub(super) fn seal(key: &Secret, handle: Handle, place: Place<'_>, clear: &[u8]) -> Vec<u8> {
    let place = place.bytes(handle);
    let mut bytes = Vec::with_capacity(clear.len() + 16);
    bytes.extend_from_slice(clear);
    let sealed = cipher(key).seal_in_place_append_tag(nonce(&place), Aad::from(&place), &mut bytes);
    sealed.expect("what is sealed is far below the cipher's limit");
    bytes
}

/// Opens it again; `None` where it was sealed under another key, or for another place.
pub(super) fn open(key: &Secret, handle: Handle, place: Place<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
    let place = place.bytes(handle);
    let mut bytes = sealed.to_vec();
    let length = cipher(key).open_in_place(nonce(&place), Aad::from(&place), &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

/// The key of an epoch, ready to wrap.
#[derive(Clone)]
pub(super) struct Wrapper(Arc<LessSafeKey>);

impl Wrapper {
    pub(super) fn new(key: &Secret) -> Self {
        Self(Arc::new(cipher(key)))
    }

    pub(super) fn wrap(&self, handle: Handle, key: &Secret) -> [u8; WRAPPED_BYTES] {
        let mut bytes = [0; WRAPPED_BYTES];
        let (body, tag) = bytes.split_at_mut(KEY_BYTES);
        body.copy_from_slice(key.expose_secret());
        let sealed = self.0.seal_in_place_separate_tag(Self::nonce(handle), Aad::from(handle.0), body);
        tag.copy_from_slice(sealed.expect("a key is far below the cipher's limit").as_ref());
        bytes
    }

    /// `None` where it is torn, or of another epoch.
    pub(super) fn unwrap(&self, handle: Handle, wrapped: &[u8]) -> Option<Secret> {
        let mut bytes = <[u8; WRAPPED_BYTES]>::try_from(wrapped).ok()?;
        let key = self.0.open_in_place(Self::nonce(handle), Aad::from(handle.0), &mut bytes).ok()?;
        let secret = SecretBox::init_with_mut(|secret: &mut [u8; KEY_BYTES]| secret.copy_from_slice(key));
        bytes.fill(0);
        Some(secret)
    }

    /// What says that a table of these properties belongs to this key.
    pub(super) fn mark(&self, properties: &[u8]) -> [u8; 16] {
        let nonce = Nonce::assume_unique_for_key([0xff; 12]);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(properties), &mut []);
        first_16(tag.expect("nothing is below the cipher's limit").as_ref())
    }

    fn nonce(handle: Handle) -> Nonce {
        Nonce::assume_unique_for_key(std::array::from_fn(|at| handle.0[at]))
    }
}

/// HMAC-SHA-256 under the blinding key, cut to 16 bytes. No account's name has a zero in it.
pub(super) fn person(blind: &Keyed, account: &AccountName, openid: &OpenId) -> PersonHandle {
    let mut mac = blind.clone();
    for part in [b"person\0".as_slice(), account.as_str().as_bytes(), b"\0", openid.as_str().as_bytes()] {
        mac.update(part);
    }
    PersonHandle(first_16(&mac.finalize().into_bytes()))
}

/// Tells a destroyed key from one that was made later under the same handle; says nothing of either.
pub(super) fn fingerprint(key: &Secret) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(b"scan-login destroyed key");
    hasher.update(key.expose_secret());
    first_16(&hasher.finalize())
}
