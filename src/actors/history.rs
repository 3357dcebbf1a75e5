//! The read-only port to the journal, for those who show what has happened.

use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::{AccountName, OpenId, PersonHandle, Recorded, SceneId};
use crate::store::EventStore;

pub use crate::store::{Beginning, Follow, Head, RawRecord, StoreError};

/// What has happened, to read and to follow.
#[derive(Clone)]
pub struct History(Arc<dyn EventStore>);

impl History {
    pub(super) fn new(store: Arc<dyn EventStore>) -> Self {
        Self(store)
    }

    /// By what an account's records name a person.
    pub fn person(&self, account: &AccountName, openid: &OpenId) -> PersonHandle {
        self.0.person(account, openid)
    }

    /// Reads from the sequence `from` on, and then follows.
    pub fn follow(&self, from: u64) -> Follow {
        Follow::new(self.0.clone(), from)
    }

    /// All events of one session, which the store finds without reading the rest; none where it is unknown.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    pub async fn session(&self, scene: &SceneId) -> Result<Vec<Recorded>, StoreError> {
        self.0.stream(scene).await
    }

    /// The sessions that go on, and those that ended so lately that somebody may still ask for them; the oldest first. Among them
    /// is what is no session: it has no events that began one.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    pub async fn lately(&self) -> Result<Vec<SceneId>, StoreError> {
        self.0.unretired_scenes().await
    }

    /// All events of these sessions, in the order of the scenes.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    pub async fn sessions(&self, scenes: Vec<SceneId>) -> Result<Vec<Vec<Recorded>>, StoreError> {
        self.0.streams(scenes).await
    }

    /// Up to `limit` records as they are stored, from the sequence `from` on.
    ///
    /// # Errors
    /// [`StoreError`] where the medium fails or is damaged.
    pub async fn read_raw(&self, from: u64, limit: usize) -> Result<Vec<RawRecord>, StoreError> {
        self.0.read_raw(from, limit).await
    }

    /// Where the journal begins.
    pub fn beginning(&self) -> Beginning {
        self.0.beginning()
    }

    /// How far the journal is durable, and whether it still can be written.
    pub fn head(&self) -> watch::Receiver<Head> {
        self.0.head()
    }
}
