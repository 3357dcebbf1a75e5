use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

use crate::clock::random_bytes;
use crate::domain::{AccountName, OpenId, PersonHandle, Timestamp};
use crate::keys::keyed;

use super::cipher::{self, Secret};
use super::unused::Watch;
use super::{Forgetting, Handle, OpenVault, Place, Vault, VaultError};

/// A vault in memory, for tests: all its keys follow from one seed, so two with the same seed open what the other sealed.
/// What it forgets, it forgets for itself and its clones.
#[derive(Clone)]
pub struct MemoryVault(Arc<Inner>);

struct Inner {
    seed: Secret,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    made: HashSet<Handle>,
    destroyed: HashSet<Handle>,
    ledger: HashSet<(PersonHandle, Timestamp)>,
    watch: Watch,
    is_behind: bool,
    fails: bool,
    syncs: usize,
}

impl Default for MemoryVault {
    fn default() -> Self {
        Self::with_seed(random_bytes())
    }
}

impl MemoryVault {
    /// With keys that follow from `seed`.
    pub fn with_seed(seed: [u8; 32]) -> Self {
        Self(Arc::new(Inner { seed: SecretBox::new(Box::new(seed)), content: Mutex::default() }))
    }

    /// To open a store with.
    pub fn opener(&self) -> impl OpenVault + use<> {
        let vault: Arc<dyn Vault> = Arc::new(self.clone());
        || Ok(vault)
    }

    /// From now on neither a sync nor a forgetting succeeds, or again they do.
    pub fn fail(&self, fails: bool) {
        self.content().fails = fails;
    }

    /// How many syncs there have been.
    pub fn syncs(&self) -> usize {
        self.content().syncs
    }

    fn key(&self, handle: Handle) -> Secret {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.seed.expose_secret()).expect("HMAC takes keys of any length");
        mac.update(&handle.0);
        SecretBox::new(Box::new(mac.finalize().into_bytes().into()))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for MemoryVault {
    fn person(&self, account: &AccountName, openid: &OpenId) -> PersonHandle {
        cipher::person(&keyed(&self.0.seed), account, openid)
    }

    fn seal(&self, handle: Handle, place: Place<'_>, clear: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut content = self.content();
        let is_new = content.made.insert(handle);
        content.is_behind |= is_new;
        content.watch.note(handle);
        drop(content);
        Ok(cipher::seal(&self.key(handle), handle, place, clear))
    }

    fn open(&self, handle: Handle, place: Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        if self.content().destroyed.contains(&handle) {
            return Ok(None);
        }
        Ok(cipher::open(&self.key(handle), handle, place, sealed))
    }

    fn is_new(&self) -> bool {
        false
    }

    fn is_behind(&self) -> bool {
        self.content().is_behind
    }

    fn sync(&self) -> Result<(), VaultError> {
        let mut content = self.content();
        if content.fails {
            return Err(VaultError::Failed);
        }
        content.syncs += 1;
        content.is_behind = false;
        Ok(())
    }

    fn forget(&self, forgetting: Forgetting<'_>) -> Result<usize, VaultError> {
        let mut content = self.content();
        if content.fails {
            return Err(VaultError::Failed);
        }
        content.ledger.insert((forgetting.person, forgetting.at));
        let person = Handle::of_person(forgetting.person);
        let handles = forgetting.scenes.iter().copied().chain([person]);
        Ok(handles.filter(|handle| content.destroyed.insert(*handle)).count())
    }

    fn watch(&self) {
        self.content().watch.begin();
    }

    fn destroy_unused(&self, handles: &[Handle]) -> Result<usize, VaultError> {
        let mut content = self.content();
        if content.fails {
            return Err(VaultError::Failed);
        }
        let unused = content.watch.unused(handles);
        let unused = unused.into_iter().filter(|handle| content.made.remove(handle));
        let unused: Vec<Handle> = unused.collect();
        content.destroyed.extend(&unused);
        Ok(unused.len())
    }

    fn has_forgotten(&self, person: PersonHandle, at: Timestamp) -> Result<bool, VaultError> {
        Ok(self.content().ledger.contains(&(person, at)))
    }
}
