//! A process that others may end, and somebody watches meanwhile.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bench::error::BenchError;

/// How often it is looked whether it still runs.
const LOOK: Duration = Duration::from_millis(50);

/// A process that ends, at the latest, with this.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Mostly it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The daemon's process, as long as it is meant to run. Clone it freely: the clones mean the same one.
#[derive(Clone, Default)]
pub(super) struct Life(Arc<Mutex<Option<Running>>>);

impl Life {
    /// From now on this one is meant to run.
    pub(super) fn begin(&self, process: Child) {
        *self.lock() = Some(Running(process));
    }

    /// From now on none is; whoever takes it makes it end.
    pub(super) fn take(&self) -> Option<Running> {
        self.lock().take()
    }

    /// How the one that is meant to run has ended, where it has.
    pub(super) fn ended(&self) -> io::Result<Option<ExitStatus>> {
        self.lock().as_mut().map_or(Ok(None), |running| running.0.try_wait())
    }

    /// Waits until one that is meant to run has ended.
    pub(super) async fn until_ended(&self) -> BenchError {
        loop {
            match self.ended() {
                Ok(None) => tokio::time::sleep(LOOK).await,
                Ok(Some(status)) => return BenchError::Died(status.to_string()),
                Err(error) => return BenchError::machine("the daemon's process cannot be looked at")(error),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
