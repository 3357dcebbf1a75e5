//! The journal's checkpoints: what they are about, who asks for one, and the last.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Checkpointer, Setup};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::EventStore;
use crate::transport::admin::{Sign, SignedHead, Unsigned};

/// How long signing the journal's last head may take when the daemon stops.
const LAST_CHECKPOINT: Duration = Duration::from_secs(2);

/// The head that an orderly end leaves is signed, where that does not take long.
pub(super) async fn sign_the_end(checkpointer: &Arc<Checkpointer>) {
    match tokio::time::timeout(LAST_CHECKPOINT, checkpointer.checkpoint()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "no last checkpoint could be signed; the next start signs one"),
        Err(_) => tracing::info!("no last checkpoint was signed, since that takes long; the next start signs one"),
    }
}

/// What the checkpoints are about, and where they are kept.
pub fn audit_setup(config: &Config, store: Arc<dyn EventStore>, clock: &Clock) -> Setup {
    let url = config.server.public_url.as_str();
    Setup {
        store,
        folder: config.store.path.clone(),
        keys: config.keys.path.clone(),
        key: config.keys.checkpoint_key_file.clone(),
        site: url.split_once("://").map_or(url, |(_, site)| site).to_owned(),
        clock: clock.clone(),
    }
}

/// What signs the head for `audit checkpoint`.
pub(super) fn signing(checkpointer: Arc<Checkpointer>) -> Sign {
    Arc::new(move || {
        let checkpointer = checkpointer.clone();
        Box::pin(async move {
            match checkpointer.checkpoint().await {
                Ok(checkpoint) => Ok(SignedHead { checkpoint, verifier_key: checkpointer.verifier_key() }),
                Err(error) => Err(Unsigned { what: error.to_string(), cure: error.cure() }),
            }
        })
    })
}
