//! The keys of what identifies a person, and sealing with them.
//!
//! The log cannot forget: its records stay, and what sled removes stays in its file for long. So what identifies a person
//! stands in a record only as a ciphertext, under a random key of that person (openid) or scene (the visitor's address and
//! browser), and to forget is to destroy that key. The keys lie in a table outside the store, each wrapped under the key of
//! an *epoch*. To forget, all others are wrapped anew under the next epoch's key, and the old epoch's files are destroyed:
//! so whatever a disk keeps of the old table opens nothing.
//!
//! ```text
//! blind.key            HMAC key of the handles by which a person is found
//! vault-{epoch}.key    what the epoch's table is wrapped under; an epoch counts from when this file is there
//! vault-{epoch}.tab    slots of 64 bytes: handle ‖ wrapped key
//! vault-{epoch}.log    the slots that the table has but is not synced with yet
//! forgotten            the ledger: whose keys were destroyed, and when
//! ```

mod cipher;
mod epoch;
mod file;
mod growth;
mod ledger;
mod log;
mod memory;
mod none;
mod restored;
mod table;
mod unused;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::domain::{AccountName, OpenId, PersonHandle, SceneId, Timestamp};
use crate::keys::KeysError;

pub use file::FileVault;
pub use memory::MemoryVault;
pub use none::NoVault;
pub use restored::{FORGOTTEN, forgotten, join_forgotten};

/// Where the key of a person or scene lies.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle([u8; 16]);

impl Handle {
    /// The person's whom a record names so.
    pub fn of_person(person: PersonHandle) -> Self {
        Self(person.0)
    }

    /// The scene's, for what is known of its visitor.
    pub fn of_scene(scene: &SceneId) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"scan-login visitor of ");
        hasher.update(scene.as_str());
        Self(first_16(&hasher.finalize()))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(…)")
    }
}

/// Where a ciphertext stands. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The record's scene.
    pub scene: &'a SceneId,
    /// The record's place among the events of its scene.
    pub scene_seq: u32,
    /// Which part of the record it is.
    pub field: Field,
}

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Who scanned.
    OpenId,
    /// The visitor's address and browser.
    Visitor,
    /// Who scanned, as all accounts of the owner know them.
    UnionId,
}

/// Somebody whose keys are to be destroyed.
#[derive(Clone, Copy, Debug)]
pub struct Forgetting<'a> {
    /// The person.
    pub person: PersonHandle,
    /// The scenes that the person scanned.
    pub scenes: &'a [Handle],
    /// When it was asked for: with the person, the name of this forgetting in the ledger.
    pub at: Timestamp,
}

/// Keeps the keys, and seals with them. The store is given one when it is opened.
pub trait Vault: Send + Sync + 'static {
    /// The keyed hash by which an account's records name this person.
    fn person(&self, account: &AccountName, openid: &OpenId) -> PersonHandle;

    /// Seals `clear` under the key of `handle`, which is made where there is none; it is durable after [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`VaultError`]; nothing was sealed.
    fn seal(&self, handle: Handle, place: Place<'_>, clear: &[u8]) -> Result<Vec<u8>, VaultError>;

    /// Opens what [`seal`](Self::seal) made; `None` where the key is no longer there.
    ///
    /// # Errors
    /// [`VaultError`] where it cannot be told whether it is there.
    fn open(&self, handle: Handle, place: Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, VaultError>;

    /// Whether it was made just now, so that nothing that was sealed before opens.
    fn is_new(&self) -> bool;

    /// Whether there are keys that are not durable yet.
    fn is_behind(&self) -> bool;

    /// Makes all keys durable that were made before the call. A failure is final, as a log's is.
    ///
    /// # Errors
    /// [`VaultError`].
    fn sync(&self) -> Result<(), VaultError>;

    /// Destroys the keys of a person and of the scenes, and writes so in the ledger; says how many there were.
    /// To be called again where it failed or was interrupted.
    ///
    /// # Errors
    /// [`VaultError`].
    fn forget(&self, forgetting: Forgetting<'_>) -> Result<usize, VaultError>;

    /// From now on it is noted which keys are used to seal with, for [`destroy_unused`](Self::destroy_unused).
    fn watch(&self);

    /// Destroys those of these keys that were not used since [`watch`](Self::watch); says how many there were. The ledger does
    /// not tell of them: no record is left that they could open.
    ///
    /// # Errors
    /// [`VaultError`]; to be called again, behind another `watch`.
    fn destroy_unused(&self, handles: &[Handle]) -> Result<usize, VaultError>;

    /// Whether the ledger has this forgetting.
    ///
    /// # Errors
    /// [`VaultError`] where it cannot be read.
    fn has_forgotten(&self, person: PersonHandle, at: Timestamp) -> Result<bool, VaultError>;
}

/// Opens a vault. A store calls it once it has its lock, since two processes must not use one vault.
pub trait OpenVault: FnOnce() -> Result<Arc<dyn Vault>, VaultError> {}

impl<F: FnOnce() -> Result<Arc<dyn Vault>, VaultError>> OpenVault for F {}

/// The daemon's vault in `folder`; what is missing there is made.
///
/// # Errors
/// [`VaultError`], with its cure.
pub fn open_or_create(folder: &Path) -> Result<Arc<dyn Vault>, VaultError> {
    Ok(Arc::new(FileVault::open_or_create(folder)?))
}

/// The vault in `folder`; where there is none, everybody counts as forgotten.
///
/// # Errors
/// [`VaultError`], with its cure.
pub fn open_existing(folder: &Path) -> Result<Arc<dyn Vault>, VaultError> {
    if FileVault::is_in(folder) { open_or_create(folder) } else { Ok(Arc::new(NoVault)) }
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// One of the keys beside the table.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A table is not what its key was made for.
    #[error("{0} does not belong to the key beside it")]
    Broken(PathBuf),
    /// A key was lost without which the others are worth nothing.
    #[error("{0} is missing, and keys that are worth nothing without it lie beside it")]
    Incomplete(PathBuf),
    /// The system refuses.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// There are no keys to seal with.
    #[error("the store was opened without the keys that this needs")]
    NoKeys,
    /// A sync failed before: what was written since may not be there.
    #[error("the keys could not be made durable; nothing is sealed until a restart")]
    Failed,
}

impl VaultError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        match self {
            Self::Keys(error) => error.cure(),
            Self::Broken(_) | Self::Incomplete(_) => {
                "put the folder of the keys back from its backup; without it, who logged in counts as \
                                forgotten (move the files vault-* away for that)"
                    .into()
            }
            Self::Io { .. } | Self::Failed => {
                "see to the disk of [keys] path (space, health, owner); start again".into()
            }
            Self::NoKeys => "give the configuration that `scan-login serve` runs with".into(),
        }
    }
}

fn first_16(bytes: &[u8]) -> [u8; 16] {
    std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests;
