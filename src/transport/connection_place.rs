//! The place that a connection holds, and how it changes hands when places are scarce.
//!
//! WeChat's pushes and the websites' back ends come in by the same listener as all browsers, so the places of HTTP must not be
//! held by who only waits: a browser that waits for its login takes one of the sockets' places instead, and of the connections
//! that are kept open for a next request, the one that has been idle the longest goes when somebody waits to be let in.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::problem::Problem;

/// Who has been let in, or answered, less than so long ago may be about to ask: requests follow their connections.
pub(super) const FIRST_WORD: Duration = Duration::from_millis(500);

/// While nobody leaves, the next one is asked to after so long.
const ASK_NEXT: Duration = Duration::from_millis(20);

/// A place among `places`. While there is none, those who do not need theirs are asked to leave by `wanted`.
pub(super) async fn take(places: &Arc<Semaphore>, wanted: &Notify) -> Result<OwnedSemaphorePermit, AcquireError> {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Ok(place);
    }
    let mut place = pin!(places.clone().acquire_owned());
    loop {
        wanted.notify_one();
        if let Ok(place) = tokio::time::timeout(ASK_NEXT, place.as_mut()).await {
            return place;
        }
    }
}

/// The place of one connection, for as long as it lasts. The server puts it into every request's extensions.
#[derive(Clone, Debug)]
pub(super) struct ConnectionPlace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    held: Mutex<Held>,
    /// Somebody waits to be let in.
    wanted: Arc<Notify>,
}

#[derive(Debug)]
struct Held {
    place: OwnedSemaphorePermit,
    /// Since when nothing is asked; `None` while something is.
    idle_since: Option<Instant>,
    /// It is one of the sockets': nobody else waits for it.
    is_waiting: bool,
}

/// Something is asked, until this is dropped.
pub(super) struct Busy(ConnectionPlace);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.held().idle_since = Some(Instant::now());
    }
}

impl ConnectionPlace {
    pub(super) fn new(place: OwnedSemaphorePermit, wanted: &Arc<Notify>) -> Self {
        let held = Mutex::new(Held { place, idle_since: Some(Instant::now()), is_waiting: false });
        Self(Arc::new(Inner { held, wanted: wanted.clone() }))
    }

    /// A request has come.
    pub(super) fn is_asked(&self) -> Busy {
        self.held().idle_since = None;
        Busy(self.clone())
    }

    /// The browser is about to wait: its connection is one of the `sockets` from now on. It stays so, since who has waited once
    /// will wait again.
    ///
    /// # Errors
    /// A 503, where all of those are taken: nobody waits in the place of somebody's request.
    pub(super) fn wait_among(&self, sockets: &Arc<Semaphore>) -> Result<(), Problem> {
        let mut held = self.held();
        if !held.is_waiting {
            held.place = sockets.clone().try_acquire_owned().map_err(|_| Problem::from(crate::actors::Unavailable))?;
            held.is_waiting = true;
        }
        Ok(())
    }

    /// Drives the `connection` until it ends, or until its place is wanted and it does not need it.
    pub(super) async fn until_unneeded<C: Future>(&self, mut connection: Pin<&mut C>) -> Option<C::Output> {
        // Asked in the order in which they became idle.
        let mut asked = pin!(None::<Notified<'_>>);
        let ended = poll_fn(|context| {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(Some(ended));
            }
            if !self.is_idle() {
                asked.set(None);
                return Poll::Pending;
            }
            if asked.is_none() {
                asked.set(Some(self.0.wanted.notified()));
            }
            match asked.as_mut().as_pin_mut() {
                Some(asked) => asked.poll(context).map(|()| None),
                None => Poll::Pending,
            }
        });
        let ended = ended.await;
        if ended.is_some() {
            return ended;
        }
        let idle = self.held().idle_since.map_or(Duration::ZERO, |since| since.elapsed());
        // In a box, because every connection would keep room for it.
        Box::pin(tokio::time::timeout(FIRST_WORD.saturating_sub(idle), connection)).await.ok()
    }

    fn is_idle(&self) -> bool {
        let held = self.held();
        held.idle_since.is_some() && !held.is_waiting
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connected(places: &Arc<Semaphore>, wanted: &Arc<Notify>) -> ConnectionPlace {
        ConnectionPlace::new(places.clone().acquire_owned().await.unwrap(), wanted)
    }

    /// Lets the connection last until it is asked to leave.
    fn lasts(place: &ConnectionPlace) -> tokio::task::JoinHandle<bool> {
        let place = place.clone();
        tokio::spawn(async move {
            let connection = pin!(std::future::pending::<()>());
            place.until_unneeded(connection).await.is_none()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_idle_the_longest_leaves_when_somebody_waits_to_be_let_in() {
        let (places, wanted) = (Arc::new(Semaphore::new(3)), Arc::new(Notify::new()));
        let (first, second) = (connected(&places, &wanted).await, connected(&places, &wanted).await);
        let busy = connected(&places, &wanted).await;
        let _asked = busy.is_asked();
        let [first, second, busy] = [first, second, busy].map(|place| lasts(&place));
        tokio::time::sleep(FIRST_WORD).await;
        drop(take(&places, &wanted).await.unwrap());
        assert!(first.await.unwrap(), "the first is asked");
        assert!(!second.is_finished() && !busy.is_finished(), "and nobody else");
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_only_just_come_is_heard_first() {
        let (places, wanted) = (Arc::new(Semaphore::new(1)), Arc::new(Notify::new()));
        let place = connected(&places, &wanted).await;
        let (began, lasting) = (Instant::now(), lasts(&place));
        drop(place);
        drop(take(&places, &wanted).await.unwrap());
        assert!(lasting.await.unwrap());
        assert_eq!(began.elapsed().as_millis() / 10, FIRST_WORD.as_millis() / 10);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_holds_one_of_the_sockets_and_is_not_asked_to_leave() {
        let (places, sockets) = (Arc::new(Semaphore::new(2)), Arc::new(Semaphore::new(1)));
        let wanted = Arc::new(Notify::new());
        let waits = connected(&places, &wanted).await;
        waits.wait_among(&sockets).unwrap();
        waits.wait_among(&sockets).unwrap();
        assert_eq!((places.available_permits(), sockets.available_permits()), (2, 0), "once, and in the other's place");
        let other = connected(&places, &wanted).await;
        other.wait_among(&sockets).unwrap_err();
        assert_eq!(places.available_permits(), 1, "it has what it had");
        let lasting = lasts(&waits);
        wanted.notify_one();
        tokio::time::sleep(FIRST_WORD * 2).await;
        assert!(!lasting.is_finished());
    }
}
