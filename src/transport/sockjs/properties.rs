//! What must hold of everything that comes over the wire: said once, for the tests and for the fuzzer (see `fuzz/`).

use super::callback::callback;
use super::frame::{Frame, decode, decode_text, encode, script_string};
use super::route::Route;
use super::transports::{eventsource, jsonp};

/// Any bytes as a body, as a form, as a WebSocket message.
///
/// # Panics
/// Where something does not hold.
pub fn frames(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = [
        decode(data).ok(),
        decode_text(&text).ok(),
        jsonp::messages("text/plain", data).ok(),
        jsonp::messages("application/x-www-form-urlencoded", data).ok(),
        Some(vec![text.clone().into_owned()]),
    ];
    if let Some(messages) = &found[0] {
        assert_eq!(serde_json::from_slice::<Vec<String>>(data).ok().as_ref(), Some(messages));
    }
    for messages in found.into_iter().flatten() {
        survive(&messages);
    }
}

/// Messages come back as they were, and stay in what they are wrapped into.
fn survive(messages: &[String]) {
    let frame = Frame::Messages(messages.iter().map(|message| encode(message)).collect());
    let text = frame.text();
    let json = text.strip_prefix('a').unwrap_or_default();
    assert_eq!(decode(json.as_bytes()).as_deref(), Ok(messages));
    assert!(!text.contains(|c: char| c < ' ' || ('\u{2028}'..='\u{2029}').contains(&c)), "a line would end");
    let script = script_string(&text);
    assert!(!script.contains('<'), "a script would end");
    assert_eq!(serde_json::from_str::<String>(&script).ok().as_ref(), Some(&text));
    let event = eventsource::wrap(&frame);
    let data = event.strip_prefix("data: ").and_then(|event| event.strip_suffix("\r\n\r\n")).unwrap_or_default();
    assert!(!data.contains(['\r', '\n', '\0']), "an event would end");
    assert_eq!(data.replace("%25", "%"), text);
}

/// Any bytes as a request's target, below the prefix.
///
/// # Panics
/// Where something does not hold.
pub fn paths(data: &[u8]) {
    let target = String::from_utf8_lossy(data);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let route = Route::of(path);
    if let Some(Route::Session { id, .. }) = route {
        assert!(!id.is_empty() && !id.contains(['/', '.']));
        assert_eq!(path.trim_end_matches('/').split('/').rev().nth(1), Some(id));
    }
    if let Some(route) = route {
        assert!(!path.ends_with("//"), "one slash at the end is taken, and no more");
        assert!(!route.methods().is_empty());
    }
    if !path.is_empty() && !path.ends_with('/') {
        assert_eq!(route, Route::of(&format!("{path}/")));
    }
    if let Ok(name) = callback(Some(query)) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        assert!(name.len() <= 32 && !name.is_empty() && name.chars().all(is_plain), "{name} is more than a name");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_messages_or_refused(data in prop::collection::vec(any::<u8>(), 0..200)) {
            frames(&data);
        }

        #[test]
        fn what_is_almost_json_is_messages_or_refused(
            data in r#"(d=)?[\[\]",{} ]{0,3}("(\\u[0-9a-fd]{4}|\\["\\/bfnrt]|[<>%&+=é\x{2028}\x{1f600}a-c])*",?){0,4}[\[\]",}x]{0,2}"#,
        ) {
            frames(data.as_bytes());
        }

        #[test]
        fn any_bytes_are_a_path_or_none(data in prop::collection::vec(any::<u8>(), 0..100)) {
            paths(&data);
        }

        #[test]
        fn what_is_almost_a_path_is_one_or_none(
            data in r"(/([a-z0-9.%_-]{0,5}|xhr|xhr_send|jsonp|websocket|info|iframe[a-z.]{0,4}\.html)){0,5}/{0,2}(\?(c|callback|d)=[a-z%0-9(<.]{0,40})?",
        ) {
            paths(data.as_bytes());
        }
    }
}
