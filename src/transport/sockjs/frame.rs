//! What goes over the wire: frames to the client, JSON arrays of strings from it. Pure.

use std::borrow::Cow;
use std::fmt::{self, Write};

use bytes::Bytes;
use serde_json::error::Category;

/// Why a session was closed, as the client gets to see it: `c[code,"reason"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The code: the protocol's own are those of RFC 6455 §7.4.1 and 2010; services use 3000 to 4999.
    pub code: u16,
    /// The reason, for people.
    pub text: Cow<'static, str>,
}

impl CloseReason {
    /// The service's future ended by itself.
    pub const NORMAL: Self = Self::fixed(1000, "Normal closure");
    /// The session ended while somebody was about to read from it.
    pub const INTERRUPTED: Self = Self::fixed(1002, "Connection interrupted");
    /// A message is longer than the options allow.
    pub const TOO_BIG: Self = Self::fixed(1009, "Message too big");
    /// More waits for the client, or of the client, than the options allow.
    pub const TOO_MUCH_WAITS: Self = Self::fixed(1008, "Too many messages wait");
    /// The service panicked.
    pub const FAILED: Self = Self::fixed(1011, "Internal error");
    /// The server is about to end.
    pub const RESTART: Self = Self::fixed(1012, "Service restart");
    /// There are as many sessions as the options allow.
    pub const TOO_MANY_SESSIONS: Self = Self::fixed(1013, "Too many sessions");
    /// Another request receives for the session already.
    pub const STILL_OPEN: Self = Self::fixed(2010, "Another connection still open");
    /// A WebSocket's peer stayed silent after a heartbeat.
    pub const SILENT: Self = Self::fixed(3000, "No response from heartbeat");

    /// A reason of the caller's own.
    pub fn new(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into() }
    }

    const fn fixed(code: u16, text: &'static str) -> Self {
        Self { code, text: Cow::Borrowed(text) }
    }
}

/// What one message holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// Text: all that SockJS itself knows.
    Text(String),
    /// Bytes, which only a raw WebSocket can carry.
    Binary(Bytes),
}

impl Payload {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// What people say is nobody's to log.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Self::Text(_)) { "text" } else { "binary" };
        write!(f, "Payload({kind}, {} bytes)", self.len())
    }
}

/// One frame to the client, before a transport wraps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The session is open: once, first.
    Open,
    /// Nothing, so that something is sent.
    Heartbeat,
    /// Messages in order, each the JSON text that [`encode`] made.
    Messages(Vec<String>),
    /// Messages in order, as they are: only on a raw WebSocket.
    Raw(Vec<Payload>),
    /// The session is closed.
    Close(CloseReason),
}

impl Frame {
    /// The frame's text. Raw messages have no frame, so theirs is empty.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Open => "o".to_owned(),
            Self::Heartbeat => "h".to_owned(),
            Self::Messages(messages) => {
                let mut text = String::with_capacity(messages.iter().map(|json| json.len() + 1).sum::<usize>() + 2);
                text.push_str("a[");
                for (index, json) in messages.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    text.push_str(json);
                }
                text.push(']');
                text
            }
            Self::Raw(_) => String::new(),
            Self::Close(CloseReason { code, text }) => format!("c[{code},{}]", encode(text)),
        }
    }
}

/// A message as a JSON string, with everything escaped that some browser or proxy was seen to damage: control characters
/// (U+0000-001F), U+200C-200F, U+2028-202F, U+2060-206F and U+FFF0-FFFF. Nothing else is, beyond what JSON itself demands
/// (RFC 8259 §7); the escapes that have a short form use it.
pub(super) fn encode(message: &str) -> String {
    let mut json = String::with_capacity(message.len() + 2);
    json.push('"');
    for character in message.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\t' => json.push_str("\\t"),
            '\n' => json.push_str("\\n"),
            '\u{c}' => json.push_str("\\f"),
            '\r' => json.push_str("\\r"),
            '\0'..='\u{1f}'
            | '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{ffff}' => {
                // Writing to a String cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

/// A frame as a JavaScript string that may stand in a `<script>` element: without `<`, which could end it.
pub(super) fn script_string(frame: &str) -> String {
    encode(frame).replace('<', "\\u003c")
}

/// Why something that the client sent is not a list of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// Nothing at all, or JSON that is no array of strings.
    #[error("Payload expected.")]
    Payload,
    /// No JSON.
    #[error("Broken JSON encoding.")]
    Json,
}

/// The messages in a body: a JSON array of strings.
///
/// Nested values are refused at their first bracket, so that depth costs nothing. An escaped surrogate without its other
/// half is no text (RFC 8259 §8.2 leaves it to the receiver) and counts as broken JSON: silently changing a message would
/// be worse than refusing it.
pub(super) fn decode(body: &[u8]) -> Result<Vec<String>, DecodeError> {
    if body.is_empty() {
        return Err(DecodeError::Payload);
    }
    parse(body)
}

/// The messages in a WebSocket message: a JSON array of strings, or one JSON string. An empty one holds none.
pub(super) fn decode_text(text: &str) -> Result<Vec<String>, DecodeError> {
    let text = text.trim_ascii();
    match text.as_bytes().first() {
        None => Ok(vec![]),
        Some(b'"') => parse(text.as_bytes()).map(|message| vec![message]),
        Some(_) => parse(text.as_bytes()),
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(json).map_err(|error| match error.classify() {
        Category::Data => DecodeError::Payload,
        Category::Syntax | Category::Eof | Category::Io => DecodeError::Json,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn messages(messages: &[&str]) -> Frame {
        Frame::Messages(messages.iter().map(|message| encode(message)).collect())
    }

    #[test]
    fn frames_have_the_texts_that_clients_know() {
        assert_eq!(Frame::Open.text(), "o");
        assert_eq!(Frame::Heartbeat.text(), "h");
        assert_eq!(messages(&["x"]).text(), r#"a["x"]"#);
        assert_eq!(messages(&["a", "", "b\"c"]).text(), r#"a["a","","b\"c"]"#);
        assert_eq!(Frame::Close(CloseReason::new(3000, "Go away!")).text(), r#"c[3000,"Go away!"]"#);
    }

    #[test]
    fn exactly_the_dangerous_characters_are_escaped() {
        let dangerous = [0..0x20, 0x200c..0x2010, 0x2028..0x2030, 0x2060..0x2070, 0xfff0..0x1_0000];
        for character in (0..0x11_0000_u32).filter_map(char::from_u32) {
            let json = encode(&character.to_string());
            let expected = match character {
                '\u{8}' => r#""\b""#.to_owned(),
                '\t' => r#""\t""#.to_owned(),
                '\n' => r#""\n""#.to_owned(),
                '\u{c}' => r#""\f""#.to_owned(),
                '\r' => r#""\r""#.to_owned(),
                '"' => r#""\"""#.to_owned(),
                '\\' => r#""\\""#.to_owned(),
                _ if dangerous.iter().any(|range| range.contains(&u32::from(character))) => {
                    format!("\"\\u{:04x}\"", u32::from(character))
                }
                _ => format!("\"{character}\""),
            };
            assert_eq!(json, expected);
        }
    }

    #[test]
    fn bodies_are_arrays_of_strings_or_refused_by_name() {
        assert_eq!(decode(br#"["a","\u0041\u00e9\ud83d\ude00"]"#).unwrap(), ["a", "Aé😀"]);
        assert_eq!(decode(b" [ ] ").unwrap(), [""; 0]);
        for body in ["", "\"abc\"", "{}", "1", "null", "[1]", "[[]]", "[null]"] {
            assert_eq!(decode(body.as_bytes()), Err(DecodeError::Payload), "{body}");
        }
        for body in ["[\"x", "x", "[\"a\",]", "[\"a\"]x", "['a']", " ", "[\"\u{1}\"]"] {
            assert_eq!(decode(body.as_bytes()), Err(DecodeError::Json), "{body}");
        }
        assert_eq!(decode(b"[\"\xff\"]"), Err(DecodeError::Json), "not UTF-8");
        assert_eq!(decode(br#"["\ud800"]"#), Err(DecodeError::Json), "half a character");
        assert!(decode("[".repeat(1 << 20).as_bytes()).is_err(), "depth is no danger");
    }

    #[test]
    fn a_websocket_may_also_say_one_string_or_nothing() {
        assert_eq!(decode_text("").unwrap(), [""; 0]);
        assert_eq!(decode_text(r#""a""#).unwrap(), ["a"]);
        assert_eq!(decode_text(r#"["a","b"]"#).unwrap(), ["a", "b"]);
        assert!(decode_text(r#""a"#).is_err());
        assert!(decode_text("{}").is_err());
    }

    #[test]
    fn a_frame_in_a_script_cannot_end_the_script() {
        assert_eq!(script_string("o"), r#""o""#);
        assert_eq!(script_string(&messages(&["x"]).text()), r#""a[\"x\"]""#);
        let hostile = messages(&["</script><!--\u{2028}"]).text();
        assert_eq!(script_string(&hostile), r#""a[\"\u003c/script>\u003c!--\\u2028\"]""#);
    }

    #[test]
    fn what_people_say_is_not_logged() {
        let payloads = [Payload::Text("secret".into()), Payload::Binary("secret".into())];
        assert_eq!(format!("{payloads:?}"), "[Payload(text, 6 bytes), Payload(binary, 6 bytes)]");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(texts in prop::collection::vec(any::<String>(), 0..8)) {
            let frame = Frame::Messages(texts.iter().map(|text| encode(text)).collect()).text();
            prop_assert_eq!(decode(frame.strip_prefix('a').unwrap().as_bytes()).unwrap(), texts);
        }
    }
}
