//! A session with the world around it: who waits for it is woken, and its timers run.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::frame::{CloseReason, Frame, Payload};
use super::head::Head;
use super::options::Place;
use super::session::{Closed, Inbox, Session};
use super::table::Sessions;

/// A session that its receiver, its service and the table share.
pub(super) struct Live {
    inner: Mutex<Inner>,
    /// Wakes the one receiver.
    for_receiver: Notify,
    /// Wakes the service.
    pub(super) for_service: Notify,
    /// Wakes the requests that wait until something is so: that the service has read everything, or the receiver is gone.
    for_others: Notify,
    /// Counts the session until nobody holds it any more: its memory is what is limited.
    _place: Place,
}

/// What the lock protects.
pub(super) struct Inner {
    pub(super) session: Session,
    /// The running disconnect delay.
    pub(super) delay: Option<AbortHandle>,
}

impl Live {
    pub(super) fn new(session: Session, place: Place) -> Self {
        Self {
            inner: Mutex::new(Inner { session, delay: None }),
            for_receiver: Notify::new(),
            for_service: Notify::new(),
            for_others: Notify::new(),
            _place: place,
        }
    }

    /// Never held across an await. The table's lock may be held before, but is never taken under this one.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that runs under the lock leaves it half done, so a panic there has harmed nothing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, message: &str) -> Result<(), Closed> {
        let result = self.lock().session.send(message);
        self.wake_after(result)
    }

    pub(super) fn send_binary(&self, message: Bytes) -> Result<(), Closed> {
        let result = self.lock().session.send_binary(message);
        self.wake_after(result)
    }

    pub(super) fn deliver(&self, messages: Vec<Payload>, request: Option<Arc<Head>>) {
        if messages.is_empty() {
            return;
        }
        let mut inner = self.lock();
        inner.session.deliver(messages, request);
        let is_open = inner.session.is_open();
        drop(inner);
        // They are the service's alone, unless they were too many and closed the session.
        if is_open { self.for_service.notify_one() } else { self.wake() }
    }

    /// What waits for the service; others get to know where nothing does.
    pub(super) fn take(&self) -> Inbox {
        let taken = self.lock().session.take();
        if !matches!(taken, Inbox::Message(_)) {
            self.for_others.notify_waiters();
        }
        taken
    }

    /// Waits until this is so of the session.
    pub(super) async fn until(&self, is_so: fn(&Session) -> bool) {
        loop {
            let mut changed = pin!(self.for_others.notified());
            // Counts from here on, so that no wake-up is missed.
            changed.as_mut().enable();
            if is_so(&self.lock().session) {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn close(&self, reason: CloseReason) {
        self.lock().session.close(reason);
        self.wake();
    }

    pub(super) fn end(&self) {
        self.lock().session.end();
        self.wake();
    }

    /// The service has sent something, so it need not be woken unless that closed the session.
    fn wake_after(&self, result: Result<(), Closed>) -> Result<(), Closed> {
        match result {
            Ok(()) => self.for_receiver.notify_one(),
            Err(Closed) => self.wake(),
        }
        result
    }

    /// Both sides look again. Each is one waiter at most, and a wake-up that finds none is kept for it.
    fn wake(&self) {
        self.for_receiver.notify_one();
        self.for_service.notify_one();
        self.for_others.notify_waiters();
    }
}

/// The one receiver of a session: a response, or a WebSocket. Dropping it means that the client was lost, and ends the
/// session at once; [`served`](Self::served) means that it got what it came for, and may come again.
pub(super) struct Receiver {
    sessions: Arc<Sessions>,
    /// Under which id the table has the session, where it has it.
    id: Option<Arc<str>>,
    live: Arc<Live>,
    heartbeat: Interval,
    served: bool,
}

impl Receiver {
    /// For a session that this receiver is attached to.
    pub(super) fn new(sessions: Arc<Sessions>, id: Option<Arc<str>>, live: Arc<Live>) -> Self {
        let mut heartbeat = interval(sessions.options.heartbeat_interval.max(std::time::Duration::from_millis(1)));
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // An interval ticks at once when it is new; the first heartbeat is due a full interval after the receiver came.
        heartbeat.reset();
        Self { sessions, id, live, heartbeat, served: false }
    }

    /// The next frame to send: waits for it, and gives a heartbeat in between. Cancelling this loses no frame. After a
    /// close frame there is no other, so the receiver has been served.
    pub(super) async fn next(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.next_now() {
                return frame;
            }
            tokio::select! {
                () = self.live.for_receiver.notified() => (),
                _ = self.heartbeat.tick() => return Frame::Heartbeat,
            }
        }
    }

    /// The next frame, if there is one already.
    pub(super) fn next_now(&self) -> Option<Frame> {
        self.live.lock().session.next_frame()
    }

    /// The client, over the same connection, has sent messages: they have no other request than the one that opened it.
    pub(super) fn deliver(&self, messages: Vec<Payload>) {
        self.live.deliver(messages, None);
    }

    /// Closes the session from this side.
    pub(super) fn close(&self, reason: CloseReason) {
        self.live.close(reason);
    }

    /// The response has ended in good order; the client has the disconnect delay to come back.
    pub(super) fn served(mut self) {
        let Some(id) = self.id.take() else { return };
        self.served = true;
        self.sessions.wait_for_return(id, &self.live);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if !self.served {
            self.live.end();
            if let Some(id) = &self.id {
                self.sessions.forget(id, &self.live);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::outbox::Framing;
    use super::*;

    /// Who of the receiver and the service is woken by a message of so many bytes, where a hundred may wait.
    fn woken_by(bytes: usize) -> (bool, bool) {
        let live = Live::new(Session::new(Framing::Raw, 100), Box::new(()));
        live.deliver(vec![Payload::Text("x".repeat(bytes))], None);
        let [receiver, service] = [&live.for_receiver, &live.for_service].map(|side| side.notified().now_or_never());
        (receiver.is_some(), service.is_some())
    }

    #[test]
    fn a_message_wakes_whom_it_is_for_and_both_where_it_closes_the_session() {
        assert_eq!(woken_by(10), (false, true));
        assert_eq!(woken_by(1000), (true, true));
    }
}
