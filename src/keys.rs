//! The keys that are never in the store, and the values derived from them.
//!
//! The journal keeps no secret: a login's code, its picture's address and its access token are MACs over scene,
//! incarnation and purpose under a key in `[keys] path`, so they are the same again after a restart and worth nothing to
//! whoever reads the log.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::random_bytes;
use crate::domain::{AppId, Digest, Incarnation, OpenId, SceneId};

const DERIVATION_KEY: &str = "derivation.key";
const KEY_BYTES: usize = 32;

/// What a derived value is for; values for different purposes have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The one-time authorization code.
    Code,
    /// The address of the original page's QR picture.
    Picture,
    /// The access token that a redemption gives.
    AccessToken,
    /// The link that who scanned is given, to confirm or to deny.
    Confirm,
    /// The number that the page shows, and the two beside it on the phone.
    Number,
    /// What tells the menus of one session from those of another in the conversation.
    Menu,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Code => b"code",
            Self::Picture => b"picture",
            Self::AccessToken => b"access-token",
            Self::Confirm => b"confirm",
            Self::Number => b"number",
            Self::Menu => b"menu",
        }
    }
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Somebody else could read them.
    #[error("{0} can be read by other users")]
    TooOpen(PathBuf),
    /// There is none, where none may be made.
    #[error("there is no key {0}")]
    Missing(PathBuf),
    /// A file that should hold a key holds something else.
    #[error("{0} is not a key of {KEY_BYTES} bytes")]
    NotAKey(PathBuf),
    /// A file that should hold a key for id tokens holds something else.
    #[error("{0} is not a private key in PKCS #8, as PEM")]
    NotASigningKey(PathBuf),
    /// The system refuses.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

impl KeysError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        match self {
            Self::TooOpen(path) => format!("chmod go-rwx {}", path.display()),
            Self::Missing(_) => "put the key back from its backup".into(),
            Self::NotAKey(_) => {
                "put the right file back from its backup; with a new one, what rests on the old is worth nothing".into()
            }
            Self::NotASigningKey(_) => {
                "put the right file back from its backup, or remove it: then another is made, and websites fetch it"
                    .into()
            }
            Self::Io { .. } => "see that [keys] path exists or can be made, and belongs to this user".into(),
        }
    }
}

/// HMAC-SHA-256 (RFC 2104) that has taken in its key, which is half of the work over a short message: begun once, and cloned
/// for each.
pub(crate) type Keyed = Hmac<Sha256>;

/// Takes `key` in.
pub(crate) fn keyed(key: &SecretBox<[u8; KEY_BYTES]>) -> Keyed {
    Hmac::new_from_slice(key.expose_secret()).expect("HMAC takes keys of any length")
}

/// The keys of one daemon.
pub struct Keys {
    derivation: Keyed,
    is_new: bool,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// Reads the keys under `path`; makes the folder (mode 0700) and what is missing in it.
    ///
    /// # Errors
    /// [`KeysError`], with its cure.
    pub fn open_or_create(path: &Path) -> Result<Self, KeysError> {
        make_folder(path)?;
        let file = path.join(DERIVATION_KEY);
        let is_new = !file.exists();
        Ok(Self { derivation: keyed(&read_or_make(&file)?), is_new })
    }

    /// Whether the keys were made just now: whatever was derived from earlier ones is worth nothing any more.
    pub fn are_new(&self) -> bool {
        self.is_new
    }

    /// Keys that exist only in memory: everything derived from them ends with the process.
    pub fn ephemeral() -> Self {
        Self { derivation: keyed(&SecretBox::new(Box::new(random_bytes()))), is_new: true }
    }

    /// The value for `purpose` in this life of `scene`, as 43 URL-safe characters.
    pub fn derive(&self, purpose: Purpose, scene: &SceneId, incarnation: Incarnation) -> String {
        URL_SAFE_NO_PAD.encode(self.derive_bytes(purpose, scene, incarnation))
    }

    /// The same as bytes.
    pub fn derive_bytes(&self, purpose: Purpose, scene: &SceneId, incarnation: Incarnation) -> [u8; 32] {
        self.mac(&[purpose.label(), scene.as_str().as_bytes(), &incarnation.0.to_be_bytes()]).0
    }

    /// A keyed hash of something that must not stand in the journal itself, such as an address.
    pub fn pseudonym(&self, kind: &str, value: &[u8]) -> Digest {
        self.mac(&[b"pseudonym", kind.as_bytes(), value])
    }

    /// The name of a person that clients of other sectors do not share, as 43 URL-safe characters: a pairwise subject
    /// identifier (OpenID Connect Core §8.1). It lasts as long as the key.
    pub fn subject(&self, sector: &str, app_id: &AppId, openid: &OpenId) -> String {
        let parts = [b"subject", sector.as_bytes(), app_id.as_str().as_bytes(), openid.as_str().as_bytes()];
        URL_SAFE_NO_PAD.encode(self.mac(&parts).0)
    }

    /// Over the parts, each behind its length, so that no two lists of parts look alike.
    fn mac(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.derivation.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Digest(mac.finalize().into_bytes().into())
    }
}

/// The secret half of the key that signs the log's checkpoints.
pub struct CheckpointKey(SecretBox<[u8; KEY_BYTES]>);

impl std::fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CheckpointKey(…)")
    }
}

impl CheckpointKey {
    /// Reads the key in the file `path`.
    ///
    /// # Errors
    /// [`KeysError`], with its cure; [`KeysError::Missing`] where there is none.
    pub fn open(path: &Path) -> Result<Self, KeysError> {
        if path.exists() { Ok(Self(read_or_make(path)?)) } else { Err(KeysError::Missing(path.to_owned())) }
    }

    /// The same; makes the key where there is none.
    ///
    /// # Errors
    /// [`KeysError`], with its cure.
    pub fn open_or_create(path: &Path) -> Result<Self, KeysError> {
        Ok(Self(read_or_make(path)?))
    }

    /// The seed of an Ed25519 key; not for logs.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }
}

/// Makes the folder of the keys (mode 0700) where there is none, and refuses one that others can read.
///
/// # Errors
/// [`KeysError`], with its cure.
pub fn make_folder(path: &Path) -> Result<(), KeysError> {
    let io = |error| KeysError::Io { path: path.to_owned(), error };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
    refuse_if_open(path)
}

/// SHA-256 of a random secret, to be kept in its place.
pub fn sha256(secret: &[u8]) -> Digest {
    Digest(Sha256::digest(secret).into())
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn same_secret(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn refuse_if_open(path: &Path) -> Result<(), KeysError> {
    let metadata = std::fs::metadata(path).map_err(|error| KeysError::Io { path: path.to_owned(), error })?;
    if metadata.permissions().mode() & 0o077 == 0 { Ok(()) } else { Err(KeysError::TooOpen(path.to_owned())) }
}

/// The key at `path`, made where there is none.
pub(crate) fn read_or_make(path: &Path) -> Result<SecretBox<[u8; KEY_BYTES]>, KeysError> {
    let io = |error| KeysError::Io { path: path.to_owned(), error };
    match read_key(path) {
        Err(KeysError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = SecretBox::new(Box::new(random_bytes()));
            write_key(path, key.expose_secret()).map_err(io)?;
            tracing::info!(path = %path.display(), "made a new key");
            Ok(key)
        }
        read => read,
    }
}

/// The key at `path`.
pub(crate) fn read_key(path: &Path) -> Result<SecretBox<[u8; KEY_BYTES]>, KeysError> {
    let io = |error| KeysError::Io { path: path.to_owned(), error };
    let file = File::open(path).map_err(io)?;
    refuse_if_open(path)?;
    let mut bytes = Vec::with_capacity(KEY_BYTES + 1);
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| KeysError::NotAKey(path.to_owned()))?;
    Ok(SecretBox::new(Box::new(bytes)))
}

/// The text of a key's file.
pub(crate) fn read_text(path: &Path) -> Result<SecretString, KeysError> {
    refuse_if_open(path)?;
    let text = std::fs::read_to_string(path).map_err(|error| KeysError::Io { path: path.to_owned(), error })?;
    Ok(text.into())
}

/// Whole or not at all: written aside, synced, and put in its place.
pub(crate) fn write_key(path: &Path, key: &[u8]) -> std::io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(key)?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> SceneId {
        SceneId::new("sl-0123456789abcdefghijkl").unwrap()
    }

    #[test]
    fn derived_values_are_the_same_after_a_restart_and_differ_by_everything_they_depend_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let first = Keys::open_or_create(&path).unwrap();
        let code = first.derive(Purpose::Code, &scene(), Incarnation(1));
        assert_eq!(code.len(), 43);
        let again = Keys::open_or_create(&path).unwrap();
        assert_eq!(again.derive(Purpose::Code, &scene(), Incarnation(1)), code);
        assert_ne!(again.derive(Purpose::Picture, &scene(), Incarnation(1)), code);
        assert_ne!(again.derive(Purpose::Code, &scene(), Incarnation(2)), code);
        assert_ne!(Keys::ephemeral().derive(Purpose::Code, &scene(), Incarnation(1)), code);
    }

    /// Computed by Python's `hmac`: links that people have, and names that websites know, outlive a new version.
    #[test]
    fn under_one_key_derived_values_are_these_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        make_folder(&path).unwrap();
        write_key(&path.join(DERIVATION_KEY), &std::array::from_fn::<u8, KEY_BYTES, _>(|at| at as u8)).unwrap();
        let keys = Keys::open_or_create(&path).unwrap();
        let code = keys.derive(Purpose::Code, &scene(), Incarnation(1));
        assert_eq!(code, "Kh5Cx9mBVUz3Iqi3tfiLV65qBEYvC0KVMH_qBstI1bU");
        let pseudonym = keys.pseudonym("push", b"x").0;
        assert_eq!(pseudonym[..8], [0x9e, 0x2d, 0x3c, 0x26, 0x15, 0xa8, 0x73, 0x0f]);
        let subject = keys.subject("example.com", &AppId::new("wx1").unwrap(), &OpenId::new("oAlice").unwrap());
        assert_eq!(subject, "bDztjgHvjNwTOF2G5y8wamBzrPtNlQrfPlAzbGi1WQQ");
    }

    #[test]
    fn keys_are_readable_by_their_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        Keys::open_or_create(&path).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join(DERIVATION_KEY))), (0o700, 0o600));

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = Keys::open_or_create(&path).unwrap_err();
        assert!(matches!(error, KeysError::TooOpen(_)));
        assert!(error.cure().starts_with("chmod go-rwx"));
    }

    #[test]
    fn a_checkpoint_key_is_made_only_where_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.key");
        assert!(matches!(CheckpointKey::open(&path), Err(KeysError::Missing(_))));
        let made = CheckpointKey::open_or_create(&path).unwrap();
        assert_eq!(CheckpointKey::open(&path).unwrap().expose(), made.expose());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(CheckpointKey::open(&path), Err(KeysError::TooOpen(_))));
        assert_eq!(format!("{made:?}"), "CheckpointKey(…)");
    }

    #[test]
    fn a_broken_key_is_refused_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        Keys::open_or_create(&path).unwrap();
        std::fs::write(path.join(DERIVATION_KEY), "short").unwrap();
        assert!(matches!(Keys::open_or_create(&path), Err(KeysError::NotAKey(_))));
    }
}
