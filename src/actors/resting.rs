//! The sessions that rest, by scene and by when something happens to them by itself. Pure.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use crate::domain::SceneId;

/// What is known of each, and when it is due.
pub(super) struct Resting<T> {
    by_scene: HashMap<SceneId, (T, Instant)>,
    by_time: BTreeSet<(Instant, SceneId)>,
}

impl<T> Default for Resting<T> {
    fn default() -> Self {
        Self { by_scene: HashMap::new(), by_time: BTreeSet::new() }
    }
}

impl<T> Resting<T> {
    /// Lays one to rest until it is due.
    pub(super) fn insert(&mut self, scene: SceneId, session: T, due: Instant) {
        self.by_time.insert((due, scene.clone()));
        if let Some((_, earlier)) = self.by_scene.insert(scene.clone(), (session, due))
            && earlier != due
        {
            self.by_time.remove(&(earlier, scene));
        }
    }

    /// Takes the session of a scene, if it rests.
    pub(super) fn remove(&mut self, scene: &SceneId) -> Option<T> {
        let (scene, (session, due)) = self.by_scene.remove_entry(scene)?;
        self.by_time.remove(&(due, scene));
        Some(session)
    }

    /// Takes the next one that is due by now.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<T> {
        if self.next_due()? > now {
            return None;
        }
        let (_, scene) = self.by_time.pop_first()?;
        self.by_scene.remove(&scene).map(|(session, _)| session)
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.by_scene.values().map(|(session, _)| session)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn scene(number: u8) -> SceneId {
        SceneId::new(format!("sl-{number:022}")).unwrap()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, u64),
        Remove(u8),
        Pass(u64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..8u8, 0..50u64).prop_map(|(number, wait)| Step::Insert(number, wait)),
            (0..8u8).prop_map(Step::Remove),
            (0..30u64).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #[test]
        fn each_is_due_once_in_its_time_or_taken_before(steps in prop::collection::vec(any_step(), 0..80)) {
            let mut now = Instant::now();
            let (mut resting, mut expected) = (Resting::default(), HashMap::<u8, Instant>::new());
            for step in steps {
                match step {
                    Step::Insert(number, wait) => {
                        let due = now + Duration::from_secs(wait);
                        resting.insert(scene(number), number, due);
                        expected.insert(number, due);
                    }
                    Step::Remove(number) => {
                        prop_assert_eq!(resting.remove(&scene(number)).is_some(), expected.remove(&number).is_some());
                    }
                    Step::Pass(seconds) => {
                        now += Duration::from_secs(seconds);
                        let mut last = None;
                        while let Some(number) = resting.pop_due(now) {
                            let due = expected.remove(&number).expect("it was taken before");
                            prop_assert!(due <= now && last.is_none_or(|last| last <= due));
                            last = Some(due);
                        }
                        prop_assert!(expected.values().all(|due| *due > now));
                    }
                }
                prop_assert_eq!(resting.next_due(), expected.values().min().copied());
                prop_assert_eq!(resting.iter().count(), expected.len());
                prop_assert_eq!(resting.by_time.len(), expected.len());
            }
        }
    }
}
