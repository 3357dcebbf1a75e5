use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::error::Failure;
use crate::cli::source::SourceError;
use crate::domain::{Recorded, SceneId};
use crate::store::EventStore;

/// Holds the index against the log: it must have each record of a session, and nothing else. Only sessions of which
/// something is still to come are in memory.
pub(super) struct IndexCheck {
    store: Arc<dyn EventStore>,
    /// What the index has of a session, from the last to the next that must come.
    coming: HashMap<SceneId, Vec<u64>>,
}

impl IndexCheck {
    pub(super) fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store, coming: HashMap::new() }
    }

    /// Takes the next records of the log.
    pub(super) async fn take(&mut self, records: &[Recorded]) -> Result<(), Failure> {
        self.look_up(records).await?;
        for record in records {
            let missing = || Failure::Index { scene: record.scene.clone(), seq: record.seq };
            let coming = self.coming.get_mut(&record.scene).ok_or_else(missing)?;
            if coming.pop_if(|next| *next == record.seq).is_none() {
                return Err(missing());
            }
            if coming.is_empty() {
                self.coming.remove(&record.scene);
            }
        }
        Ok(())
    }

    async fn look_up(&mut self, records: &[Recorded]) -> Result<(), Failure> {
        let unknown = records.iter().map(|record| &record.scene).filter(|scene| !self.coming.contains_key(scene));
        let scenes: Vec<SceneId> = unknown.collect::<HashSet<_>>().into_iter().cloned().collect();
        let found = self.store.indexed(scenes.clone()).await.map_err(SourceError::Read)?;
        for (scene, mut sequences) in scenes.into_iter().zip(found) {
            sequences.reverse();
            self.coming.insert(scene, sequences);
        }
        Ok(())
    }

    /// The log has its end here.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.coming.into_iter().find_map(|(scene, coming)| Some((scene, *coming.last()?))) {
            Some((scene, seq)) => Err(Failure::IndexSurplus { scene, seq }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::BoxFuture;
    use tokio::sync::watch;

    use super::*;
    use crate::domain::{AccountName, DenyReason, Event, OpenId, PersonHandle, Timestamp};
    use crate::store::{Append, Head, MemoryMedium, RawRecord, StoreError};

    const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

    /// A store whose index says something else of one session.
    struct Hurt {
        inner: Arc<dyn EventStore>,
        scene: SceneId,
        says: Vec<u64>,
    }

    impl EventStore for Hurt {
        fn append(
            &self,
            scene: &SceneId,
            expected: u32,
            at: Timestamp,
            events: Vec<Event>,
        ) -> BoxFuture<'static, Result<Append, StoreError>> {
            self.inner.append(scene, expected, at, events)
        }

        fn stream(&self, scene: &SceneId) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>> {
            self.inner.stream(scene)
        }

        fn read(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>> {
            self.inner.read(from, limit)
        }

        fn read_raw(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<RawRecord>, StoreError>> {
            self.inner.read_raw(from, limit)
        }

        fn person(&self, account: &AccountName, openid: &OpenId) -> PersonHandle {
            self.inner.person(account, openid)
        }

        fn unretired(&self) -> BoxFuture<'static, Result<Vec<Vec<Recorded>>, StoreError>> {
            self.inner.unretired()
        }

        fn indexed(&self, scenes: Vec<SceneId>) -> BoxFuture<'static, Result<Vec<Vec<u64>>, StoreError>> {
            let (hurt, says) = (self.scene.clone(), self.says.clone());
            let honest = self.inner.indexed(scenes.clone());
            Box::pin(async move {
                let honest = honest.await?.into_iter();
                Ok(scenes
                    .iter()
                    .zip(honest)
                    .map(|(scene, all)| if *scene == hurt { says.clone() } else { all })
                    .collect())
            })
        }

        fn retire(&self, scene: &SceneId) {
            self.inner.retire(scene);
        }

        fn head(&self) -> watch::Receiver<Head> {
            self.inner.head()
        }

        fn close(&self) -> BoxFuture<'static, ()> {
            self.inner.close()
        }
    }

    fn scene(name: &str) -> SceneId {
        SceneId::new(format!("sl-{name:0>22}")).unwrap()
    }

    /// What is found where the index says this of the session `a`, whose records are 1, 3 and 4 of five.
    async fn found(says: &[u64]) -> String {
        let inner: Arc<dyn EventStore> = Arc::new(MemoryMedium::new().open().unwrap());
        for (seq, (name, expected)) in [("a", 0), ("b", 0), ("a", 1), ("a", 2), ("b", 1)].into_iter().enumerate() {
            let at = START.after(Duration::from_secs(seq as u64));
            inner.append(&scene(name), expected, at, vec![Event::Denied(DenyReason::User)]).await.unwrap();
        }
        inner.retire(&scene("a"));
        let records = inner.read(1, 5).await.unwrap();
        let mut check = IndexCheck::new(Arc::new(Hurt { inner, scene: scene("a"), says: says.to_vec() }));
        for batch in records.chunks(2) {
            if let Err(failure) = check.take(batch).await {
                return failure.to_string();
            }
        }
        check.finish().err().map_or_else(String::new, |failure| failure.to_string())
    }

    #[tokio::test]
    async fn whatever_the_index_has_lost_or_added_is_named() {
        assert_eq!(found(&[1, 3, 4]).await, "");
        for (says, told) in [
            (&[][..], "it does not have record 1"),
            (&[3, 4], "it does not have record 1"),
            (&[1, 3], "it does not have record 4"),
            (&[1, 2, 3, 4], "it does not have record 3"),
            (&[1, 3, 4, 5], "it has record 5, which is another's or is not there"),
            (&[1, 3, 4, 9], "it has record 9, which is another's or is not there"),
        ] {
            let found = found(says).await;
            assert!(found.contains(told) && found.contains(scene("a").as_str()), "{says:?}: {found}");
        }
    }
}
