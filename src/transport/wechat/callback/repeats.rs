//! WeChat's repetitions: a push is worked on once, and every delivery of it gets the same answer, byte for byte.
//!
//! A push that is not answered within 5 s comes again, twice more, while the first is still being worked on, or after a
//! restart. A delivery that finds its push at work waits with the others; one that comes later finds the answer in the
//! recall. Where the answer came when no delivery waited for it any more, the person is told by a message of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::answer::Answer;
use crate::domain::{OpenId, SceneId, Timestamp};
use crate::recall::{Entered, Keep, Key, Recall};

/// Most pushes at work at a time.
const MOST_AT_WORK: usize = 4096;

/// How long after the answer came a further delivery may still fetch it.
const REDELIVERY: Duration = Duration::from_secs(6);

/// How long an answer waits until it is in the file: a restart in between would lose it.
const WRITING: Duration = Duration::from_millis(250);

/// The push could not be worked on: WeChat is asked to deliver it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotDone;

/// What the work on a push has led to.
pub(super) struct Done {
    pub(super) answer: Answer,
    /// What is told to the person where no delivery fetched the answer; sends by itself.
    pub(super) if_late: Option<futures_util::future::BoxFuture<'static, ()>>,
}

/// Whether a delivery is the first of its push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Its work began with this delivery.
    First,
    /// It was known.
    Again,
}

/// Remembers what was answered. Clone it freely.
#[derive(Clone)]
pub(crate) struct Repeats(Arc<Inner>);

struct Inner {
    recall: Recall,
    tasks: TaskTracker,
    at_work: Mutex<HashMap<Key, AtWork>>,
}

#[derive(Clone)]
struct AtWork {
    outcome: watch::Receiver<Option<Result<Answer, NotDone>>>,
    is_fetched: Arc<AtomicBool>,
}

/// Takes a push out of those at work, also where its work panics.
struct Leave(Arc<Inner>, Key);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.at_work().remove(&self.1);
    }
}

/// Whom a push is about.
#[derive(Clone)]
pub(super) struct About {
    pub(super) openid: OpenId,
    /// The login, where it is about one.
    pub(super) scene: Option<SceneId>,
}

impl Repeats {
    /// Nothing is at work.
    pub(crate) fn new(recall: Recall, tasks: TaskTracker) -> Self {
        Self(Arc::new(Inner { recall, tasks, at_work: Mutex::default() }))
    }

    /// The answer to the push about somebody named `key`: remembered until `until`, or what comes of `work`. Work that was begun goes on
    /// where this is cancelled.
    ///
    /// # Errors
    /// [`NotDone`]; nothing is remembered then.
    pub(super) async fn once(
        &self,
        key: Key,
        about: About,
        until: Timestamp,
        work: impl Future<Output = Result<Done, NotDone>> + Send + 'static,
    ) -> (Turn, Result<Answer, NotDone>) {
        let (turn, at_work) = {
            let mut at_work = self.0.at_work();
            if let Some(known) = at_work.get(&key) {
                (Turn::Again, known.clone())
            } else if let Some(answer) = self.0.recall.find(&key) {
                return (Turn::Again, Ok(Answer::from_remembered(&answer, about.openid.as_str())));
            } else if at_work.len() >= MOST_AT_WORK {
                return (Turn::First, Err(NotDone));
            } else {
                let (tell, outcome) = watch::channel(None);
                let begun = AtWork { outcome, is_fetched: Arc::default() };
                at_work.insert(key, begun.clone());
                let leave = Leave(self.0.clone(), key);
                self.0.tasks.spawn(leave.work(about, until, work, tell, begun.is_fetched.clone()).boxed());
                (Turn::First, begun)
            }
        };
        (turn, at_work.answer().await)
    }
}

impl Inner {
    fn at_work(&self) -> MutexGuard<'_, HashMap<Key, AtWork>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A delivery that comes after the next restart wants the same answer; where it cannot be remembered, the scan has its
    /// effect once all the same.
    async fn remember(&self, key: Key, about: &About, until: Timestamp, answer: &Answer) {
        let kept = match self.recall.enter(key, &answer.to_remembered(about.openid.as_str()), until, Keep::Written) {
            // Found from now on; that it is in the file is not waited for where the disk is slow.
            Ok(Entered::New(kept)) => tokio::time::timeout(WRITING, kept.done()).await.unwrap_or(Ok(())),
            Ok(Entered::There(_)) => Ok(()),
            Err(not_kept) => Err(not_kept),
        };
        if kept.is_err() {
            let scene = about.scene.as_ref().map(tracing::field::display);
            tracing::warn!(scene, "a reply to WeChat could not be remembered: a repetition may get another");
        }
    }
}

impl Leave {
    async fn work(
        self,
        about: About,
        until: Timestamp,
        work: impl Future<Output = Result<Done, NotDone>>,
        tell: watch::Sender<Option<Result<Answer, NotDone>>>,
        is_fetched: Arc<AtomicBool>,
    ) {
        match work.await {
            Err(not_done) => drop(tell.send_replace(Some(Err(not_done)))),
            Ok(Done { answer, if_late }) => {
                self.0.remember(self.1, &about, until, &answer).await;
                tell.send_replace(Some(Ok(answer)));
                if let Some(say) = if_late {
                    // A delivery that waits wakes up by now; another may still come.
                    let is_awaited = tell.receiver_count() > 1;
                    if !is_awaited {
                        tokio::time::sleep(REDELIVERY).await;
                    }
                    if !is_awaited && !is_fetched.load(Ordering::SeqCst) {
                        say.await;
                    }
                }
            }
        }
    }
}

impl AtWork {
    /// A work that ended without a word panicked: the same delivered again may do better.
    async fn answer(mut self) -> Result<Answer, NotDone> {
        let outcome = self.outcome.wait_for(Option::is_some).await.map_or(None, |outcome| outcome.clone());
        self.is_fetched.store(true, Ordering::SeqCst);
        outcome.unwrap_or(Err(NotDone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use futures_util::FutureExt;
    use std::sync::atomic::AtomicUsize;

    const UNTIL: Duration = Duration::from_secs(600);

    fn alice() -> About {
        About { openid: OpenId::new("oAlice").unwrap(), scene: None }
    }

    struct World {
        _folder: tempfile::TempDir,
        repeats: Repeats,
        until: Timestamp,
        works: Arc<AtomicUsize>,
        said: Arc<AtomicUsize>,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let recall = Recall::open(folder.path(), Clock::system()).unwrap();
            let repeats = Repeats::new(recall, TaskTracker::new());
            let until = Clock::system().now().after(UNTIL);
            Self { _folder: folder, repeats, until, works: Arc::default(), said: Arc::default() }
        }

        /// Works for `wait`, and answers how often work was begun.
        fn work(&self, wait: Duration) -> impl Future<Output = Result<Done, NotDone>> + Send + use<> {
            let (works, said) = (self.works.clone(), self.said.clone());
            async move {
                let number = works.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::time::sleep(wait).await;
                let say = async move {
                    said.fetch_add(1, Ordering::SeqCst);
                };
                Ok(Done {
                    answer: Answer::new(super::super::answer::Form::Xml, format!("{number}")),
                    if_late: Some(say.boxed()),
                })
            }
        }

        async fn deliver(&self, wait: Duration) -> Option<Answer> {
            let delivery = self.repeats.once([1; 16], alice(), self.until, self.work(wait));
            tokio::time::timeout(Duration::from_secs(5), delivery).await.ok()?.1.ok()
        }

        fn count(&self) -> (usize, usize) {
            (self.works.load(Ordering::SeqCst), self.said.load(Ordering::SeqCst))
        }
    }

    #[tokio::test]
    async fn every_delivery_of_a_push_gets_the_first_ones_answer() {
        let world = World::new();
        let first = world.deliver(Duration::ZERO).await.unwrap();
        assert_eq!(world.deliver(Duration::ZERO).await.unwrap(), first);
        let both = tokio::join!(world.deliver(Duration::ZERO), world.deliver(Duration::ZERO));
        assert_eq!(both, (Some(first.clone()), Some(first)));
        assert_eq!(world.count(), (1, 0));
    }

    /// Lets time pass, and timers fire, without waiting for it. In between it runs as it does: the recall has a thread.
    async fn pass(seconds: u64) {
        for _ in 0..seconds {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(1)).await;
            tokio::time::resume();
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_delivery_that_finds_its_push_at_work_waits_for_it() {
        let world = World::new();
        let (first, ()) = tokio::join!(world.deliver(Duration::from_secs(8)), pass(6));
        assert_eq!(first, None, "WeChat waits 5 s");
        let (second, ()) = tokio::join!(world.deliver(Duration::ZERO), pass(3));
        assert!(second.is_some());
        pass(30).await;
        assert_eq!(world.count(), (1, 0), "it was worked on twice, or told twice");
    }

    #[tokio::test]
    async fn an_answer_that_no_delivery_fetched_is_told_by_a_message_of_its_own() {
        let world = World::new();
        let (first, ()) = tokio::join!(world.deliver(Duration::from_secs(8)), pass(9));
        assert_eq!(first, None);
        while world.count() == (1, 0) {
            pass(1).await;
        }
        assert_eq!(world.count(), (1, 1));
    }

    #[tokio::test]
    async fn what_could_not_be_done_and_what_panicked_is_worked_on_again() {
        let world = World::new();
        for _ in 0..2 {
            let failing = async { Err(NotDone) };
            assert_eq!(world.repeats.once([1; 16], alice(), world.until, failing).await, (Turn::First, Err(NotDone)));
            let panicking = async { panic!("on purpose") };
            assert_eq!(world.repeats.once([1; 16], alice(), world.until, panicking).await.1, Err(NotDone));
        }
        assert!(world.deliver(Duration::ZERO).await.is_some());
    }
}
