//! Signed notes with Ed25519, as <https://c2sp.org/signed-note> has them.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The signature type of Ed25519 over the note's text.
const ED25519_TYPE: u8 = 0x01;
/// What begins a line with a signature.
const DASH: &str = "\u{2014} ";
/// More than any note of a log has.
const MOST_SIGNATURES: usize = 64;

/// The bytes that a signing key is made of (RFC 8032's private key).
pub const SEED_BYTES: usize = 32;

/// Why a note is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text has not the form of a note.
    #[error("this is no signed note: {0}")]
    Malformed(&'static str),
    /// Somebody else signed it.
    #[error("it is not signed by {0}")]
    OtherKey(String),
    /// It names our key, and the text is another.
    #[error("the signature of {0} does not fit the text")]
    Forged(String),
    /// A verifier key that cannot be read.
    #[error("this is no verifier key of Ed25519: it reads NAME+HASH+KEY")]
    NotAVerifier,
    /// A name that no key can have.
    #[error("`{}` cannot be a key's name: it must not be empty, nor have a space or a plus sign", .0.escape_debug())]
    BadName(String),
}

/// Who can sign.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}

impl Signer {
    /// The key that this seed makes, under a name.
    ///
    /// # Errors
    /// [`NoteError::BadName`].
    ///
    /// # Panics
    /// Never: all 32 bytes are a seed.
    pub fn from_seed(name: &str, seed: &[u8; SEED_BYTES]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("all 32 bytes are a seed");
        let public = pair.public_key().as_ref().try_into().expect("the public key has 32 bytes");
        Ok(Self { pair, verifier: Verifier::new(name, public)? })
    }

    /// Who can verify what it signs.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The note of this text, which must end with a line's end.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] where it is no text of a note.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        well_formed(text)?;
        let signature = self.pair.sign(text.as_bytes());
        let line = STANDARD.encode([&self.verifier.id[..], signature.as_ref()].concat());
        Ok(format!("{text}\n{DASH}{} {line}\n", self.verifier.name))
    }
}

/// Who can tell whether a key signed: a name and a public key.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

impl Verifier {
    fn new(name: &str, public: [u8; 32]) -> Result<Self, NoteError> {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(NoteError::BadName(name.to_owned()));
        }
        let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519_TYPE]).chain_update(public).finalize();
        Ok(Self { name: name.to_owned(), id: [hash[0], hash[1], hash[2], hash[3]], public })
    }

    /// The name that signature lines give.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key under another name: a key signs for each log under the log's own name.
    ///
    /// # Errors
    /// [`NoteError::BadName`].
    pub fn named(&self, name: &str) -> Result<Self, NoteError> {
        Self::new(name, self.public)
    }
}

/// `NAME+HASH+KEY`, as tools for signed notes take it.
impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519_TYPE][..], &self.public].concat());
        write!(f, "{}+{:08x}+{key}", self.name, u32::from_be_bytes(self.id))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({self})")
    }
}

impl FromStr for Verifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        // The key itself may hold plus signs, as base64 has them.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::NotAVerifier);
        };
        let key = STANDARD.decode(key).map_err(|_| NoteError::NotAVerifier)?;
        let Some((&ED25519_TYPE, public)) = key.split_first() else { return Err(NoteError::NotAVerifier) };
        let verifier = Self::new(name, public.try_into().map_err(|_| NoteError::NotAVerifier)?)?;
        let is_its_id = id.len() == 8 && u32::from_str_radix(id, 16).is_ok_and(|id| id.to_be_bytes() == verifier.id);
        if is_its_id { Ok(verifier) } else { Err(NoteError::NotAVerifier) }
    }
}

/// A note, of which nothing is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    /// Name, key id and what the key made.
    signatures: Vec<(String, [u8; 4], Vec<u8>)>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed;
        let separator = note.rfind("\n\n").ok_or(malformed("it has no empty line before its signatures"))?;
        let (text, lines) = (&note[..=separator], &note[separator + 2..]);
        well_formed(text)?;
        let lines = lines.strip_suffix('\n').ok_or(malformed("its last line has no end"))?;
        let signatures = lines.split('\n').map(signature).collect::<Option<Vec<_>>>();
        let signatures = signatures.ok_or(malformed("a line of its signatures is none"))?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(malformed("it has too many signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text without looking at who signed it.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The text, where this key signed it. Other keys' signatures say nothing.
    ///
    /// # Errors
    /// [`NoteError::OtherKey`] and [`NoteError::Forged`].
    pub fn verified_text(&self, verifier: &Verifier) -> Result<&str, NoteError> {
        let mut is_signed = false;
        for (name, id, signature) in &self.signatures {
            if *name != verifier.name || *id != verifier.id {
                continue;
            }
            UnparsedPublicKey::new(&ED25519, verifier.public)
                .verify(self.text.as_bytes(), signature)
                .map_err(|_| NoteError::Forged(verifier.to_string()))?;
            is_signed = true;
        }
        if is_signed { Ok(&self.text) } else { Err(NoteError::OtherKey(verifier.to_string())) }
    }
}

fn signature(line: &str) -> Option<(String, [u8; 4], Vec<u8>)> {
    let (name, signature) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = STANDARD.decode(signature).ok()?;
    let (id, signature) = bytes.split_first_chunk()?;
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+');
    (is_name && !signature.is_empty()).then(|| (name.to_owned(), *id, signature.to_vec()))
}

fn well_formed(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("its text does not end with a line's end"));
    }
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Malformed("its text has control characters"));
    }
    Ok(())
}
