//! One session as a machine: what it owes the client and the service, and when it ends. Pure: no I/O, no async, no clock.
//!
//! A session is *open* until one side closes it, then *closing*: receivers get what still waits and then, each of them,
//! the same close frame. It *ends* when a receiver is lost, or when it had none for the disconnect delay; nothing is left
//! of it then. The caller owns the delay's timer: [`Session::detach`] names a moment, and
//! [`Session::delay_elapsed`] does nothing if the moment has passed.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::frame::{CloseReason, Frame, Payload};
use super::head::Head;
use super::message::{self, Message};
use super::outbox::{Framing, Full, Outbox};

/// Names the time since a receiver left, so that a timer of an earlier time is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Absence(u64);

/// Why a receiver cannot be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttachError {
    /// Another one is.
    Busy,
    /// The session has ended; its id is free for a new one.
    Ended,
}

/// What the service finds when it looks for a message.
#[derive(Debug)]
pub(super) enum Inbox {
    /// This message.
    Message(Message),
    /// None yet.
    Empty,
    /// None any more.
    Closed,
}

/// The session takes nothing more from the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session is closed")]
pub struct Closed;

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closing(CloseReason),
    Ended,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    phase: Phase,
    /// Whether some receiver was given the open frame.
    greeted: bool,
    attached: bool,
    absences: u64,
    outbox: Outbox,
    inbox: VecDeque<Message>,
    inbox_bytes: usize,
    /// Whether the service has found nothing since the last message came: it is done with what came before.
    idle: bool,
    max_waiting_bytes: usize,
}

impl Session {
    /// A new session, without a receiver, in which at most so many bytes may wait in each direction.
    pub(super) fn new(framing: Framing, max_waiting_bytes: usize) -> Self {
        Self {
            phase: Phase::Open,
            greeted: framing == Framing::Raw,
            attached: false,
            absences: 0,
            outbox: Outbox::new(framing, max_waiting_bytes),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            idle: false,
            max_waiting_bytes,
        }
    }

    /// A receiver has come.
    pub(super) fn attach(&mut self) -> Result<(), AttachError> {
        if self.phase == Phase::Ended {
            return Err(AttachError::Ended);
        }
        if std::mem::replace(&mut self.attached, true) {
            return Err(AttachError::Busy);
        }
        self.absences += 1;
        Ok(())
    }

    /// The receiver was served and has left; the disconnect delay begins.
    pub(super) fn detach(&mut self) -> Absence {
        self.attached = false;
        Absence(self.absences)
    }

    /// The disconnect delay of this absence is over. Whether that ended the session.
    pub(super) fn delay_elapsed(&mut self, absence: Absence) -> bool {
        if self.attached || absence != Absence(self.absences) {
            return false;
        }
        self.end();
        true
    }

    /// The session ends at once: its receiver was lost.
    pub(super) fn end(&mut self) {
        // What the client has sent before it went is still the service's to read.
        self.phase = Phase::Ended;
        self.attached = false;
        self.outbox.clear();
    }

    /// The next frame for the receiver, where there is one to send now. After a close frame there will be no other.
    pub(super) fn next_frame(&mut self) -> Option<Frame> {
        if self.phase == Phase::Ended {
            return Some(Frame::Close(CloseReason::INTERRUPTED));
        }
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(Frame::Open);
        }
        if let Some(messages) = self.outbox.take() {
            return Some(messages);
        }
        match &self.phase {
            Phase::Closing(reason) => Some(Frame::Close(reason.clone())),
            Phase::Open | Phase::Ended => None,
        }
    }

    /// The service sends a text. One that no longer fits closes the session.
    pub(super) fn send(&mut self, text: &str) -> Result<(), Closed> {
        self.push(|outbox| outbox.push(text))
    }

    /// The service sends bytes, which only a raw session carries.
    pub(super) fn send_binary(&mut self, bytes: Bytes) -> Result<(), Closed> {
        if !self.outbox.is_raw() {
            return Err(Closed);
        }
        self.push(|outbox| outbox.push_binary(bytes))
    }

    fn push(&mut self, push: impl FnOnce(&mut Outbox) -> Result<(), Full>) -> Result<(), Closed> {
        if self.phase != Phase::Open {
            return Err(Closed);
        }
        push(&mut self.outbox).map_err(|Full| {
            self.close(CloseReason::TOO_MUCH_WAITS);
            Closed
        })
    }

    /// The client has sent messages, all in this request where it is kept. They are lost on a session that is closing; if
    /// they no longer fit, they close it.
    pub(super) fn deliver(&mut self, payloads: Vec<Payload>, request: Option<Arc<Head>>) {
        if self.phase != Phase::Open {
            return;
        }
        let messages = message::of_request(payloads, request);
        let bytes = messages.iter().map(Message::weight).sum::<usize>();
        if self.inbox_bytes.saturating_add(bytes) > self.max_waiting_bytes {
            self.close(CloseReason::TOO_MUCH_WAITS);
            return;
        }
        self.idle = false;
        self.inbox_bytes += bytes;
        self.inbox.extend(messages);
    }

    /// The service looks for a message.
    pub(super) fn take(&mut self) -> Inbox {
        match self.inbox.pop_front() {
            Some(message) => {
                self.inbox_bytes -= message.weight();
                Inbox::Message(message)
            }
            None if self.phase == Phase::Open => {
                self.idle = true;
                Inbox::Empty
            }
            None => Inbox::Closed,
        }
    }

    /// Whether a receiver is there.
    pub(super) fn is_attached(&self) -> bool {
        self.attached
    }

    /// Whether the service has worked on all that came, or will not.
    pub(super) fn is_read(&self) -> bool {
        self.idle || self.phase != Phase::Open
    }

    /// Closes the session from this side: what waits for the service is thrown away, what waits for the client is not.
    /// The first reason stays.
    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing(reason);
            self.inbox = VecDeque::new();
            self.inbox_bytes = 0;
        }
    }

    /// Whether neither side has closed it.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame::encode;
    use super::*;

    fn opened() -> Session {
        let mut session = Session::new(Framing::SockJs, 1000);
        session.attach().unwrap();
        assert_eq!(session.next_frame(), Some(Frame::Open));
        session
    }

    fn message(session: &mut Session) -> Message {
        match session.take() {
            Inbox::Message(message) => message,
            other => panic!("{other:?} instead of a message"),
        }
    }

    fn texts(texts: &[&str]) -> Vec<Payload> {
        texts.iter().map(|&text| Payload::Text(text.to_owned())).collect()
    }

    fn request(cookie: &str) -> Arc<Head> {
        let request = http::Request::post("/0/a/xhr_send").header("cookie", cookie).body(()).unwrap();
        Arc::new(Head::pack(request.into_parts().0, std::convert::identity))
    }

    fn go_away() -> CloseReason {
        CloseReason::new(3000, "Go away!")
    }

    #[test]
    fn it_opens_once() {
        let mut session = opened();
        assert_eq!(session.next_frame(), None);
        session.detach();
        session.attach().unwrap();
        assert_eq!(session.next_frame(), None, "the second receiver is not greeted again");
    }

    #[test]
    fn one_receiver_at_a_time() {
        let mut session = opened();
        assert_eq!(session.attach(), Err(AttachError::Busy));
        session.detach();
        assert_eq!(session.attach(), Ok(()), "the second one did not harm the session");
    }

    #[test]
    fn waiting_messages_share_a_frame_and_keep_their_order() {
        let mut session = opened();
        for message in ["a", "b", "c"] {
            session.send(message).unwrap();
        }
        assert_eq!(session.next_frame().unwrap().text(), r#"a["a","b","c"]"#);
        assert_eq!(session.next_frame(), None);
    }

    #[test]
    fn what_waits_goes_before_the_close_frame_which_every_later_receiver_gets() {
        let mut session = opened();
        session.send("last").unwrap();
        session.close(go_away());
        session.close(CloseReason::NORMAL);
        assert_eq!(session.send("too late"), Err(Closed));
        assert_eq!(session.next_frame().unwrap().text(), r#"a["last"]"#);
        for _ in 0..3 {
            assert_eq!(session.next_frame(), Some(Frame::Close(go_away())));
            session.detach();
            session.attach().unwrap();
        }
    }

    #[test]
    fn a_session_closed_before_its_first_receiver_still_opens() {
        let mut session = Session::new(Framing::SockJs, 1000);
        session.close(go_away());
        session.attach().unwrap();
        assert_eq!(session.next_frame(), Some(Frame::Open));
        assert_eq!(session.next_frame(), Some(Frame::Close(go_away())));
    }

    #[test]
    fn it_ends_without_a_receiver_but_not_by_an_older_timer() {
        let mut session = opened();
        let first = session.detach();
        session.attach().unwrap();
        assert!(!session.delay_elapsed(first), "somebody reads");
        let second = session.detach();
        assert!(!session.delay_elapsed(first), "somebody has read since");
        assert!(session.delay_elapsed(second));
        assert_eq!(session.attach(), Err(AttachError::Ended));
        assert!(matches!(session.take(), Inbox::Closed));
    }

    #[test]
    fn what_the_client_said_before_it_went_is_still_read() {
        let mut session = opened();
        session.deliver(texts(&["bye"]), None);
        session.end();
        assert_eq!(message(&mut session).text(), "bye");
        assert!(matches!(session.take(), Inbox::Closed));
    }

    #[test]
    fn nothing_is_read_from_a_session_that_this_side_closed() {
        let mut session = opened();
        session.deliver(texts(&["a"]), None);
        session.close(go_away());
        session.deliver(texts(&["b"]), None);
        assert!(matches!(session.take(), Inbox::Closed));
    }

    #[test]
    fn a_client_that_does_not_read_or_a_service_that_does_not_is_closed_not_waited_for() {
        let mut session = opened();
        while session.send("0123456789").is_ok() {}
        assert!(!session.is_open());
        assert!(session.next_frame().unwrap().text().len() <= 1000);
        assert_eq!(session.next_frame(), Some(Frame::Close(CloseReason::TOO_MUCH_WAITS)));

        let mut session = opened();
        session.deliver(texts(&[""; 30]), None);
        assert!(session.is_open());
        session.deliver(texts(&[""; 30]), None);
        assert!(!session.is_open());
        assert!(matches!(session.take(), Inbox::Closed));
    }

    #[test]
    fn what_came_is_read_once_the_service_wants_more() {
        let mut session = opened();
        session.take();
        assert!(session.is_read());
        session.deliver(texts(&["a"]), None);
        message(&mut session);
        assert!(!session.is_read(), "it may be at work on it");
        session.take();
        assert!(session.is_read());
        session.deliver(texts(&["b"]), None);
        session.close(go_away());
        assert!(session.is_read(), "nobody will");
    }

    #[test]
    fn messages_of_one_request_share_it() {
        let mut session = Session::new(Framing::SockJs, 1000);
        session.deliver(texts(&["a", "b"]), Some(request("x")));
        session.deliver(texts(&["c"]), None);
        let [a, b, c] = [(); 3].map(|()| message(&mut session));
        assert_eq!([a.text(), b.text(), c.text()], ["a", "b", "c"]);
        assert_eq!(a.request().unwrap().headers["cookie"], "x");
        assert!(std::ptr::eq(a.request().unwrap(), b.request().unwrap()));
        assert!(c.request().is_none());
        assert_eq!(session.inbox_bytes, 0);
    }

    #[test]
    fn a_request_that_waits_counts_until_its_last_message_is_taken() {
        let mut session = Session::new(Framing::SockJs, 1000);
        let long = "x".repeat(450);
        session.deliver(texts(&["", ""]), Some(request(&long)));
        let waiting = session.inbox_bytes;
        assert!((500..1000).contains(&waiting), "{waiting}");
        message(&mut session);
        assert_eq!(session.inbox_bytes, waiting - message::OVERHEAD);
        message(&mut session);
        assert_eq!(session.inbox_bytes, 0);
        session.deliver(texts(&[""]), Some(request(&long)));
        assert!(session.is_open());
        session.deliver(texts(&[""]), Some(request(&long)));
        assert!(!session.is_open(), "two heads are too much, whatever their messages");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Attach,
        Next,
        Detach,
        Send(String),
        Close,
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Attach),
            6 => Just(Step::Next),
            3 => Just(Step::Detach),
            6 => "[a-z]{0,3}".prop_map(Step::Send),
            1 => Just(Step::Close),
        ]
    }

    proptest! {
        #[test]
        fn every_message_that_was_taken_arrives_once_and_in_order(steps in prop::collection::vec(any_step(), 0..60)) {
            let mut session = Session::new(Framing::SockJs, 100_000);
            let (mut attached, mut sent, mut frames) = (false, vec![], vec![]);
            for step in steps {
                match step {
                    Step::Attach => attached |= session.attach().is_ok(),
                    Step::Next if attached => frames.extend(session.next_frame()),
                    Step::Detach if attached => { session.detach(); attached = false; }
                    Step::Send(message) => if session.send(&message).is_ok() { sent.push(encode(&message)); },
                    Step::Close => session.close(CloseReason::NORMAL),
                    Step::Next | Step::Detach => (),
                }
            }
            if !attached { session.attach().unwrap(); }
            while !matches!(frames.last(), Some(Frame::Close(_))) {
                let Some(frame) = session.next_frame() else { break };
                frames.push(frame);
            }
            prop_assert_eq!(&frames[0], &Frame::Open);
            prop_assert_eq!(frames.iter().filter(|frame| **frame == Frame::Open).count(), 1);
            let first_close = frames.iter().position(|frame| matches!(frame, Frame::Close(_))).unwrap_or(frames.len());
            prop_assert!(frames[first_close..].iter().all(|frame| matches!(frame, Frame::Close(_))));
            let arrived: Vec<String> = frames.into_iter().filter_map(|frame| match frame {
                Frame::Messages(messages) => Some(messages),
                _ => None,
            }).flatten().collect();
            prop_assert_eq!(arrived, sent);
        }
    }
}
