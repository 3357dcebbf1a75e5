//! The keys of id tokens, for as long as the daemon runs.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::jose::KeyRing;
use crate::keys::KeysError;

/// How often they are looked at.
const TURN: Duration = Duration::from_secs(60 * 60);

pub(super) async fn open(config: &Config, clock: &Clock) -> Result<KeyRing, KeysError> {
    let ring = KeyRing::new(&config.keys.path, clock.clone());
    turned(&ring).await?;
    Ok(ring)
}

/// Has the keys follow each other while the daemon runs.
pub(super) async fn turn(ring: KeyRing, stopping: CancellationToken) {
    while stopping.run_until_cancelled(tokio::time::sleep(TURN)).await.is_some() {
        if let Err(error) = turned(&ring).await {
            tracing::error!(%error, "the keys of id tokens are not as they should be\n    {}", error.cure());
        }
    }
}

async fn turned(ring: &KeyRing) -> Result<(), KeysError> {
    let ring = ring.clone();
    match tokio::task::spawn_blocking(move || ring.turn()).await {
        Ok(turned) => turned,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
