use serde::Deserialize;

use super::Around;
use super::error::Failure;
use crate::app;
use crate::audit::{AuditError, Start};
use crate::cli::daemon::{Daemon, DaemonError};
use crate::cli::source::{Source, SourceError};
use crate::clock::Clock;
use crate::config::Config;

/// A signed head, and the key that verifies it.
#[derive(Deserialize)]
pub(super) struct Signed {
    pub(super) checkpoint: String,
    pub(super) verifier_key: String,
}

/// Prints a checkpoint of the head.
pub(super) async fn checkpoint(config: &Config, around: &mut Around<'_>) -> Result<(), Failure> {
    let source = Source::open(config).await?;
    let signed = sign(&source, config).await;
    source.close().await;
    let signed = signed?;
    around.print(&signed.checkpoint)?;
    let _ = writeln!(around.err, "the key that verifies it: {}", signed.verifier_key);
    Ok(())
}

/// The daemon signs; without one, whoever can read the key. Nothing is kept then: the next start signs the same head.
pub(super) async fn sign(source: &Source, config: &Config) -> Result<Signed, Failure> {
    match source {
        Source::Daemon { socket, .. } => {
            let daemon = Daemon::connect(socket).await.map_err(SourceError::from)?;
            let daemon = daemon.ok_or_else(|| SourceError::from(DaemonError::broken("the daemon has stopped")))?;
            let signed = daemon.text("/checkpoint").await.map_err(SourceError::from)?;
            serde_json::from_str(&signed).map_err(Failure::Answer)
        }
        Source::Store(store) => {
            let setup = app::audit_setup(config, store.clone(), &Clock::system());
            let start: Result<Start, AuditError> = Start::look(&setup).await;
            let start = start?;
            let verifier_key = start.verifier_key();
            Ok(Signed { checkpoint: start.fresh(&setup).await?, verifier_key })
        }
    }
}
