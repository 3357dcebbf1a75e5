//! `GET /S/T/eventsource`: a frame is an event (HTML §9.2).

use bytes::Bytes;

use super::super::answer::EVENT_STREAM;
use super::super::frame::Frame;
use super::stream::Form;

pub(in super::super) fn form() -> Form {
    // Opera needed an empty line before it believed.
    Form { content_type: EVENT_STREAM, prelude: Bytes::from_static(b"\r\n"), wrap }
}

/// Clients undo percent-encoding in what they get, so a percent sign must be encoded. A frame has no line breaks.
pub(in super::super) fn wrap(frame: &Frame) -> String {
    format!("data: {}\r\n\r\n", frame.text().replace('%', "%25"))
}

#[cfg(test)]
mod tests {
    use super::super::super::frame::{CloseReason, encode};
    use super::*;

    #[test]
    fn a_frame_is_an_event() {
        assert_eq!(wrap(&Frame::Open), "data: o\r\n\r\n");
        let lines = Frame::Messages(vec![encode("a\r\n\0b")]);
        assert_eq!(wrap(&lines), "data: a[\"a\\r\\n\\u0000b\"]\r\n\r\n");
    }

    #[test]
    fn what_looks_like_percent_encoding_arrives_as_it_was() {
        assert_eq!(wrap(&Frame::Messages(vec![encode("%41 100%")])), "data: a[\"%2541 100%25\"]\r\n\r\n");
        assert_eq!(wrap(&Frame::Close(CloseReason::new(3000, "50%"))), "data: c[3000,\"50%25\"]\r\n\r\n");
    }
}
