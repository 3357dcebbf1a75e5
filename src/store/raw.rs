use crate::domain::{Recorded, SceneId};
use crate::vault::{NoVault, Vault};

use super::{StoreError, codec};

/// A record as it is stored, whatever version of the schema it was written in: what the log's proofs are about, and what
/// is carried from one store to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// Its place in the log; the first is 1.
    pub seq: u64,
    /// Type tag, schema version, time, scene and payload, as the codec lays them out.
    pub body: Vec<u8>,
}

impl RawRecord {
    /// What it says without the keys of persons: what is sealed reads as forgotten.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where this program cannot make sense of it.
    pub fn decode(&self) -> Result<Recorded, StoreError> {
        self.decode_with(&NoVault)
    }

    /// What it says, with what is sealed in it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where this program cannot make sense of it.
    pub fn decode_with(&self, vault: &dyn Vault) -> Result<Recorded, StoreError> {
        Self::decode_body(self.seq, None, &self.body, vault)
    }

    /// The same of a body that is only borrowed; `before` is the scene of the record before, since it is often the same.
    pub(super) fn decode_body(
        seq: u64,
        before: Option<&SceneId>,
        body: &[u8],
        vault: &dyn Vault,
    ) -> Result<Recorded, StoreError> {
        codec::decode_body(seq, before, body, vault)
            .map_err(|what| StoreError::Damaged(format!("record {seq}: {what}").into()))
    }
}
