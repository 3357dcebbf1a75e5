use super::error::Failure;
use crate::config::Config;
use crate::keys::CheckpointKey;
use crate::tlog::{NoteError, Signer, Verifier};

/// What signatures are verified with: the key that was given, or the public half of the daemon's own.
pub(super) struct Key {
    verifier: Verifier,
    is_given: bool,
}

impl Key {
    pub(super) fn of(given: Option<&Verifier>, config: &Config) -> Result<Self, Failure> {
        if let Some(verifier) = given {
            return Ok(Self { verifier: verifier.clone(), is_given: true });
        }
        let key = CheckpointKey::open(&config.keys.checkpoint_key_file).map_err(Failure::Key)?;
        // Any name will do: each log's own takes its place.
        let signer = Signer::from_seed("log", key.expose());
        let verifier =
            signer.map_err(|error| Failure::Audit(crate::audit::AuditError::Name(error)))?.verifier().clone();
        Ok(Self { verifier, is_given: false })
    }

    /// For the log's own checkpoints: the same key under the name that the log has now.
    pub(super) fn of_log(&self, origin: &str) -> Result<Verifier, NoteError> {
        self.verifier.named(origin)
    }

    /// For a checkpoint that somebody brought: a key that was given counts as it was given.
    pub(super) fn of_given(&self, origin: &str) -> Result<Verifier, NoteError> {
        if self.is_given { Ok(self.verifier.clone()) } else { self.verifier.named(origin) }
    }
}
