//! Request heads that are kept: copied, so that they keep nothing else alive.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};

/// What is said between the client and the next server only (RFC 9110 §7.6.1), or to open a WebSocket (RFC 6455 §4.1).
const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    header::UPGRADE,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_PROTOCOL,
];

/// The head with memory of its own. A server's parser makes header values that share its read buffer, all 8 KiB of it, and
/// a session may keep its head for hours.
pub(super) fn compact(mut parts: Parts) -> Parts {
    for name in HOP_BY_HOP {
        parts.headers.remove(name);
    }
    let mut headers = HeaderMap::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        if let (Ok(name), Ok(copy)) =
            (HeaderName::from_bytes(name.as_str().as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            headers.append(name, copy);
        }
    }
    parts.headers = headers;
    // The target's path is all of a request that comes to a server, and where it was parsed before, it can be again.
    if let Some(Ok(path)) = parts.uri.path_and_query().map(|path| PathAndQuery::try_from(path.as_str())) {
        parts.uri = Uri::from(path);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_head_says_what_the_request_said() {
        let request = http::Request::get("http://localhost/echo/0/a/websocket?t=1")
            .header("Origin", "https://www.example.com")
            .header("Cookie", "a=b")
            .header("Cookie", "c=d")
            .header("X-Own", "\u{e9}")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .extension(7_u8);
        let parts = compact(request.body(()).unwrap().into_parts().0);
        assert_eq!(parts.uri, "/echo/0/a/websocket?t=1");
        assert_eq!(parts.headers["origin"], "https://www.example.com");
        assert_eq!(parts.headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=b", "c=d"]);
        assert_eq!(parts.headers["x-own"].as_bytes(), "\u{e9}".as_bytes());
        assert_eq!(parts.headers.len(), 4);
        assert_eq!(parts.extensions.get(), Some(&7_u8));
    }
}
