//! What is done to a store beside which no daemon runs.

use std::sync::Arc;

use crate::actors::{Forgetting, Forgot, NotForgotten};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{AccountName, OpenId};
use crate::store::{self, EventStore, OpenError};
use crate::vault;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Nobody was forgotten, or not wholly.
    #[error(transparent)]
    Forget(#[from] NotForgotten),
}

impl OfflineError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        match self {
            Self::Open(error) => error.cure(),
            Self::Forget(error) => error.cure(),
        }
    }
}

/// Forgets a person in the store of `config`.
///
/// # Errors
/// [`OfflineError`].
pub async fn forget(config: &Config, account: &AccountName, openid: &OpenId) -> Result<Forgot, OfflineError> {
    let (path, keys) = (config.store.path.clone(), config.keys.path.clone());
    let open = move || store::open_existing(path, move || vault::open_existing(&keys));
    let opened = tokio::task::spawn_blocking(open).await;
    let path = config.store.path.clone();
    let journal = opened.map_err(|panicked| OpenError::Unusable { path, reason: panicked.to_string() })??;
    let journal = Arc::new(journal);
    let forgetting = Forgetting::new(journal.clone(), journal.vault(), Clock::system(), None);
    let forgot = async {
        forgetting.finish().await?;
        forgetting.forget(account, openid).await
    }
    .await;
    journal.close().await;
    Ok(forgot?)
}
