//! Which sessions there are, and how each begins and ends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use http::Extensions;
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::frame::{CloseReason, Payload};
use super::head::Head;
use super::live::{Live, Receiver};
use super::options::{Options, Place};
use super::outbox::Framing;
use super::service::{Connection, Service};
use super::session::{AttachError, Session};

/// Why a receiver is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReceiveError {
    /// Another one receives for the session.
    Busy,
    /// A new session would be one too many.
    Full,
    /// A new session would come during the shutdown.
    Stopping,
}

/// There is no session of this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unknown;

/// All sessions of one router.
pub(super) struct Sessions {
    pub(super) options: Options,
    service: Arc<dyn Service>,
    /// Sessions by id. One without a receiver has a disconnect delay running, so none stays for ever.
    table: Mutex<HashMap<Arc<str>, Arc<Live>>>,
    /// Bounds the sockets that are only told why they cannot stay.
    pub(super) farewells: Arc<Semaphore>,
}

/// How long a request waits for what is about to happen: that the service works on its messages, or that a connection that
/// was dropped is noticed.
const MOMENT: Duration = Duration::from_millis(50);

/// Most sockets at a time that are told why they cannot stay; more are refused with a status.
const FAREWELLS: usize = 64;

impl Sessions {
    pub(super) fn new(options: Options, service: Arc<dyn Service>) -> Self {
        let farewells = Arc::new(Semaphore::new(FAREWELLS));
        Self { options, service, table: Mutex::default(), farewells }
    }

    /// A place for one more session, which this request opens, if there is one.
    pub(super) fn reserve(&self, request: &Extensions) -> Result<Place, ReceiveError> {
        if self.options.shutdown.is_cancelled() {
            return Err(ReceiveError::Stopping);
        }
        self.options.places.take(request).ok_or(ReceiveError::Full)
    }

    /// Opens a session that only this receiver can ever reach: a WebSocket's, whose id means nothing.
    pub(super) fn open_unlisted(self: &Arc<Self>, framing: Framing, place: Place, request: Head) -> Receiver {
        let live = self.open(framing, place, request);
        // A session that nobody else knows cannot be busy.
        let _ = live.lock().session.attach();
        Receiver::new(self.clone(), None, live)
    }

    /// Waits, but not long, where somebody receives for the session of this id. A client that asks again has perhaps just
    /// dropped its connection: the server is then about to notice.
    pub(super) async fn until_free(&self, id: &str) {
        let live = self.lock().get(id).cloned();
        if let Some(live) = live.filter(|live| live.lock().session.is_attached()) {
            let _ = timeout(MOMENT, live.until(|session| !session.is_attached())).await;
        }
    }

    /// Attaches a receiver to the session of this id, and opens it where there is none.
    pub(super) fn receive(self: &Arc<Self>, id: &str, request: Head) -> Result<Receiver, ReceiveError> {
        let id: Arc<str> = Arc::from(id);
        let mut table = self.lock();
        let live = match table.entry(id.clone()) {
            Entry::Occupied(mut entry) => match attach(entry.get()) {
                Ok(()) => entry.get().clone(),
                Err(AttachError::Busy) => return Err(ReceiveError::Busy),
                // It has just ended and is about to be forgotten.
                Err(AttachError::Ended) => {
                    let place = self.reserve(request.extensions())?;
                    entry.insert(self.open(Framing::SockJs, place, request));
                    let _ = attach(entry.get());
                    entry.get().clone()
                }
            },
            Entry::Vacant(entry) => {
                let place = self.reserve(request.extensions())?;
                let live = entry.insert(self.open(Framing::SockJs, place, request));
                let _ = attach(live);
                live.clone()
            }
        };
        drop(table);
        Ok(Receiver::new(self.clone(), Some(id), live))
    }

    /// Hands messages to the session of this id, with the request that brought them where it is kept. Waits until the
    /// service has worked on them, but not long: what it says to them at once is then there for a poll that follows.
    pub(super) async fn deliver(
        &self,
        id: &str,
        messages: Vec<Payload>,
        request: Option<Arc<Head>>,
    ) -> Result<(), Unknown> {
        let live = self.lock().get(id).cloned().ok_or(Unknown)?;
        live.deliver(messages, request);
        // On this worker, the service is next.
        yield_now().await;
        if !live.lock().session.is_read() {
            let _ = timeout(MOMENT, live.until(Session::is_read)).await;
        }
        Ok(())
    }

    /// Closes the session of this id, if there is one.
    pub(super) fn close(&self, id: &str, reason: CloseReason) {
        let live = self.lock().get(id).cloned();
        if let Some(live) = live {
            live.close(reason);
        }
    }

    /// The session's receiver has left in good order: the session ends unless another comes in time.
    pub(super) fn wait_for_return(self: &Arc<Self>, id: Arc<str>, live: &Arc<Live>) {
        let mut inner = live.lock();
        let absence = inner.session.detach();
        let (sessions, session) = (self.clone(), live.clone());
        let delay = self.options.tasks.spawn(FutureExt::boxed(async move {
            // Nobody can come back to a server that goes, so the shutdown need not wait for it.
            tokio::select! {
                () = tokio::time::sleep(sessions.options.disconnect_delay) => (),
                () = sessions.options.shutdown.cancelled() => (),
            }
            let ended = session.lock().session.delay_elapsed(absence);
            if ended {
                session.end();
                sessions.forget(&id, &session);
            }
        }));
        inner.delay = Some(delay.abort_handle());
    }

    /// Takes an ended session out of the table, unless its id has a new one already.
    pub(super) fn forget(&self, id: &str, live: &Arc<Live>) {
        let mut table = self.lock();
        if table.get(id).is_some_and(|listed| Arc::ptr_eq(listed, live)) {
            table.remove(id);
        }
    }

    fn open(&self, framing: Framing, place: Place, request: Head) -> Arc<Live> {
        let live = Arc::new(Live::new(Session::new(framing, self.options.max_waiting_bytes), place));
        let closing = CloseAtEnd(live.clone());
        let mut serving = self.service.serve(Connection::new(request, live.clone()));
        let shutdown = self.options.shutdown.clone();
        self.options.tasks.spawn(FutureExt::boxed(async move {
            tokio::select! {
                () = &mut serving => (),
                () = shutdown.cancelled() => {
                    closing.0.close(CloseReason::RESTART);
                    serving.await;
                }
            }
            drop(closing);
        }));
        live
    }

    /// May be taken first, and a session's lock then; never the other way round.
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Live>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn attach(live: &Live) -> Result<(), AttachError> {
    let mut inner = live.lock();
    inner.session.attach()?;
    if let Some(delay) = inner.delay.take() {
        delay.abort();
    }
    Ok(())
}

/// Closes a session when its service's future goes, also by a panic.
struct CloseAtEnd(Arc<Live>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        let panicked = std::thread::panicking();
        self.0.close(if panicked { CloseReason::FAILED } else { CloseReason::NORMAL });
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::Places;
    use super::*;

    fn sessions(places: usize) -> Arc<Sessions> {
        sessions_of(&Arc::new(Semaphore::new(places)))
    }

    fn sessions_of(places: &Arc<Semaphore>) -> Arc<Sessions> {
        let service = |mut connection: Connection| async move { while connection.recv().await.is_some() {} };
        let places = Places::of(places.clone());
        Arc::new(Sessions::new(Options { places, ..Options::default() }, Arc::new(service)))
    }

    fn request() -> Head {
        Head::pack(http::Request::new(()).into_parts().0, std::convert::identity)
    }

    async fn settled(sessions: &Sessions) {
        sessions.options.tasks.close();
        sessions.options.tasks.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_nobody_reads_costs_nothing_afterwards() {
        let places = Arc::new(Semaphore::new(10));
        let sessions = sessions_of(&places);
        let mut receiver = sessions.receive("a", request()).unwrap();
        receiver.next().await;
        receiver.served();
        tokio::time::sleep(Duration::from_millis(4999)).await;
        assert_eq!(sessions.lock().len(), 1);
        settled(&sessions).await;
        assert_eq!(sessions.lock().len(), 0);
        assert_eq!(places.available_permits(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_receiver_ends_its_session_at_once() {
        let places = Arc::new(Semaphore::new(10));
        let sessions = sessions_of(&places);
        let began = tokio::time::Instant::now();
        drop(sessions.receive("a", request()).unwrap());
        let place = sessions.reserve(&Extensions::new()).unwrap();
        drop(sessions.open_unlisted(Framing::Raw, place, request()));
        assert_eq!(sessions.lock().len(), 0);
        settled(&sessions).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(places.available_permits(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn polling_keeps_one_timer_at_most() {
        let sessions = sessions(10);
        for _ in 0..100 {
            sessions.receive("a", request()).unwrap().served();
            yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(sessions.options.tasks.len(), 2, "the service and the disconnect delay");
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_no_more_sessions_than_allowed() {
        let sessions = sessions(1);
        let receiver = sessions.receive("a", request()).unwrap();
        assert_eq!(sessions.receive("a", request()).err(), Some(ReceiveError::Busy));
        assert_eq!(sessions.receive("b", request()).err(), Some(ReceiveError::Full));
        assert_eq!(sessions.reserve(&Extensions::new()).err(), Some(ReceiveError::Full));
        drop(receiver);
        settled(&sessions).await;
        assert!(sessions.receive("b", request()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_does_not_wait_for_absent_clients() {
        let sessions = sessions(10);
        sessions.receive("a", request()).unwrap().served();
        let began = tokio::time::Instant::now();
        sessions.options.shutdown.cancel();
        settled(&sessions).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(sessions.receive("b", request()).err(), Some(ReceiveError::Stopping));
    }
}
