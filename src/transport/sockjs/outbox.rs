//! What waits for the client, written as it will be sent. Pure.

use bytes::Bytes;

use super::frame::{Frame, Payload, encode};

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// As JSON, in SockJS's frames.
    SockJs,
    /// As they are: on a raw WebSocket.
    Raw,
}

/// More would wait than may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug)]
pub(super) struct Outbox {
    waiting: Waiting,
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug)]
enum Waiting {
    Json(Vec<String>),
    Raw(Vec<Payload>),
}

impl Outbox {
    pub(super) fn new(framing: Framing, max_bytes: usize) -> Self {
        let waiting = match framing {
            Framing::SockJs => Waiting::Json(Vec::new()),
            Framing::Raw => Waiting::Raw(Vec::new()),
        };
        Self { waiting, bytes: 0, max_bytes }
    }

    pub(super) fn is_raw(&self) -> bool {
        matches!(self.waiting, Waiting::Raw(_))
    }

    pub(super) fn push(&mut self, text: &str) -> Result<(), Full> {
        match &mut self.waiting {
            Waiting::Json(messages) => {
                let json = encode(text);
                // A frame's brackets and commas count as well, so that no frame is longer than the limit.
                let bytes = json.len() + if messages.is_empty() { 3 } else { 1 };
                reserve(&mut self.bytes, bytes, self.max_bytes)?;
                messages.push(json);
                Ok(())
            }
            Waiting::Raw(_) => self.push_raw(Payload::Text(text.to_owned())),
        }
    }

    /// Where this is no raw outbox, nothing is pushed.
    pub(super) fn push_binary(&mut self, bytes: Bytes) -> Result<(), Full> {
        self.push_raw(Payload::Binary(bytes))
    }

    fn push_raw(&mut self, payload: Payload) -> Result<(), Full> {
        if let Waiting::Raw(messages) = &mut self.waiting {
            reserve(&mut self.bytes, payload.len() + size_of::<Payload>(), self.max_bytes)?;
            messages.push(payload);
        }
        Ok(())
    }

    /// All that waits.
    pub(super) fn take(&mut self) -> Option<Frame> {
        self.bytes = 0;
        match &mut self.waiting {
            Waiting::Json(messages) if !messages.is_empty() => Some(Frame::Messages(std::mem::take(messages))),
            Waiting::Raw(messages) if !messages.is_empty() => Some(Frame::Raw(std::mem::take(messages))),
            Waiting::Json(_) | Waiting::Raw(_) => None,
        }
    }

    /// Throws away what waits, and the memory that it took.
    pub(super) fn clear(&mut self) {
        drop(self.take());
    }
}

fn reserve(bytes: &mut usize, more: usize, max: usize) -> Result<(), Full> {
    let sum = bytes.saturating_add(more);
    if sum > max {
        return Err(Full);
    }
    *bytes = sum;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_in_the_frames_of_sockjs() {
        let mut outbox = Outbox::new(Framing::SockJs, 1000);
        assert_eq!(outbox.take(), None);
        outbox.push("a").unwrap();
        outbox.push("\u{2028}").unwrap();
        assert_eq!(outbox.take().unwrap().text(), r#"a["a","\u2028"]"#);
        assert_eq!(outbox.take(), None);
    }

    #[test]
    fn raw_messages_stay_as_they_are() {
        let mut outbox = Outbox::new(Framing::Raw, 1000);
        outbox.push("a\u{2028}").unwrap();
        outbox.push_binary(Bytes::from_static(b"\xff")).unwrap();
        let expected = vec![Payload::Text("a\u{2028}".into()), Payload::Binary(Bytes::from_static(b"\xff"))];
        assert_eq!(outbox.take(), Some(Frame::Raw(expected)));
    }

    #[test]
    fn no_frame_is_longer_than_what_may_wait() {
        let mut outbox = Outbox::new(Framing::SockJs, 20);
        while outbox.push("abc").is_ok() {}
        assert_eq!(outbox.take().unwrap().text(), r#"a["abc","abc","abc"]"#);
        assert_eq!(outbox.push("abcdefghijklmnop"), Err(Full));
        assert_eq!(outbox.push("abcdefghijklmno"), Ok(()), "what was taken waits no more");
        let mut outbox = Outbox::new(Framing::Raw, 100);
        while outbox.push("").is_ok() {}
        assert_eq!(outbox.push_binary(Bytes::new()), Err(Full), "empty messages count as well");
    }
}
