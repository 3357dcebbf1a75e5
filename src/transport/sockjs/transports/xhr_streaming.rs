//! `POST /S/T/xhr_streaming`: a frame is a line.

use bytes::Bytes;

use super::super::answer::JAVASCRIPT;
use super::super::frame::Frame;
use super::stream::Form;

/// Some browsers show nothing of a response before they have this much of it.
const PRELUDE: [u8; 2049] = {
    let mut prelude = [b'h'; 2049];
    prelude[2048] = b'\n';
    prelude
};

pub(in super::super) fn form() -> Form {
    static LINES: [u8; 2049] = PRELUDE;
    Form { content_type: JAVASCRIPT, prelude: Bytes::from_static(&LINES), wrap }
}

fn wrap(frame: &Frame) -> String {
    let mut line = frame.text();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_line() {
        assert_eq!(form().prelude, format!("{}\n", "h".repeat(2048)));
        assert_eq!(wrap(&Frame::Open), "o\n");
    }
}
