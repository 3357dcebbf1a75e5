use std::sync::Arc;

use crate::domain::{AccountName, OpenId, PersonHandle, Timestamp};

use super::{Forgetting, Handle, Place, Vault, VaultError};

/// No keys at all: whatever was sealed reads as forgotten, and nothing can be sealed. For those who look at records, and
/// not at persons.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoVault;

impl NoVault {
    /// To open a store with.
    ///
    /// # Errors
    /// Never.
    pub fn opened() -> Result<Arc<dyn Vault>, VaultError> {
        Ok(Arc::new(Self))
    }
}

impl Vault for NoVault {
    fn person(&self, _: &AccountName, _: &OpenId) -> PersonHandle {
        PersonHandle([0; 16])
    }

    fn seal(&self, _: Handle, _: Place<'_>, _: &[u8]) -> Result<Vec<u8>, VaultError> {
        Err(VaultError::NoKeys)
    }

    fn open(&self, _: Handle, _: Place<'_>, _: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(None)
    }

    fn is_new(&self) -> bool {
        false
    }

    fn is_behind(&self) -> bool {
        false
    }

    fn sync(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn forget(&self, _: Forgetting<'_>) -> Result<usize, VaultError> {
        Err(VaultError::NoKeys)
    }

    fn watch(&self) {}

    fn destroy_unused(&self, _: &[Handle]) -> Result<usize, VaultError> {
        Err(VaultError::NoKeys)
    }

    fn has_forgotten(&self, _: PersonHandle, _: Timestamp) -> Result<bool, VaultError> {
        Ok(true)
    }
}
