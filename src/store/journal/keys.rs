//! The keys' sync, on a thread of its own: so the log's goes on beside it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::store::medium::MediumError;
use crate::vault::{Vault, VaultError};

/// The writer's end. The thread ends with it.
pub(super) struct KeySync {
    ask: SyncSender<()>,
    answers: Receiver<Result<(), VaultError>>,
}

/// The thread's end.
pub(super) struct KeyThread {
    vault: Arc<dyn Vault>,
    asked: Receiver<()>,
    answer: SyncSender<Result<(), VaultError>>,
}

impl KeySync {
    pub(super) fn new(vault: Arc<dyn Vault>) -> (Self, KeyThread) {
        let ((ask, asked), (answer, answers)) = (sync_channel(1), sync_channel(1));
        (Self { ask, answers }, KeyThread { vault, asked, answer })
    }

    /// Does `work` while the keys are synced that were made before; returns when both are done.
    pub(super) fn beside(&self, work: impl FnOnce() -> Result<(), MediumError>) -> Result<(), MediumError> {
        let gone = || MediumError::from("the keys' sync panicked");
        self.ask.send(()).map_err(|_| gone())?;
        let worked = work();
        let synced = self.answers.recv().map_err(|_| gone())?;
        worked?;
        synced.map_err(|error| error.to_string().into())
    }
}

impl KeyThread {
    pub(super) fn run(self) {
        while self.asked.recv().is_ok() {
            if self.answer.send(self.vault.sync()).is_err() {
                return;
            }
        }
    }
}
