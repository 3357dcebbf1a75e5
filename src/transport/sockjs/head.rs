//! Request heads that are kept, packed.
//!
//! A server's parser makes header values that share its read buffer, all 8 KiB of it, and even with memory of its own a
//! map of headers takes several times what the headers say. A session may keep its head for hours and never look at it.

use std::sync::OnceLock;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Extensions, Method, Version};

/// What is said between the client and the next server only (RFC 9110 §7.6.1), to open a WebSocket (RFC 6455 §4.1), or of
/// this one answer's form.
const OF_THE_MOMENT: [HeaderName; 13] = [
    header::ACCEPT_ENCODING,
    header::CACHE_CONTROL,
    header::PRAGMA,
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

/// A request's head without what concerns its connection, or its answer, only.
pub(super) struct Head {
    method: Method,
    version: Version,
    /// Lines: the target, then `name:value` each. No part of a head that was parsed has a line break in it.
    lines: Box<[u8]>,
    extensions: Extensions,
    unpacked: OnceLock<Box<Parts>>,
}

impl Head {
    /// `keep` says what is kept of the extensions.
    pub(super) fn pack(parts: Parts, keep: fn(Extensions) -> Extensions) -> Self {
        let Parts { method, uri, version, headers, extensions, .. } = parts;
        let mut lines = uri.path_and_query().map_or("", |target| target.as_str()).as_bytes().to_vec();
        for (name, value) in headers.iter().filter(|(name, _)| !OF_THE_MOMENT.contains(name)) {
            lines.push(b'\n');
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.push(b':');
            lines.extend_from_slice(value.as_bytes());
        }
        Self { method, version, lines: lines.into(), extensions: keep(extensions), unpacked: OnceLock::new() }
    }

    /// What keeping it costs. Extensions cannot be weighed; the listener and middleware make them, not the client.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.lines.len()
    }

    /// The head as it came. Unpacked once, and kept from then on.
    pub(super) fn parts(&self) -> &Parts {
        self.unpacked.get_or_init(|| Box::new(self.unpack()))
    }

    /// What is kept of the extensions.
    pub(super) fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    fn unpack(&self) -> Parts {
        let mut lines = self.lines.split(|byte| *byte == b'\n');
        let mut parts = http::Request::new(()).into_parts().0;
        parts.method = self.method.clone();
        parts.version = self.version;
        parts.extensions = self.extensions.clone();
        // What was parsed before can be parsed again.
        parts.uri = lines.next().and_then(|target| target.try_into().ok()).unwrap_or_default();
        let mut headers = HeaderMap::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let value = HeaderValue::from_bytes(line.get(colon + 1..).unwrap_or_default());
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) {
                headers.append(name, value);
            }
        }
        parts.headers = headers;
        parts
    }
}

#[cfg(test)]
mod tests {
    use std::convert::identity;

    use super::*;

    #[test]
    fn a_kept_head_says_what_the_request_said() {
        let request = http::Request::get("http://localhost/echo/0/a/websocket?t=1")
            .header("Origin", "https://www.example.com:8080")
            .header("Cookie", "a=b")
            .header("Cookie", "c=d")
            .header("X-Own", "\u{e9}")
            .header("X-Empty", "")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .version(Version::HTTP_10)
            .extension(7_u8);
        let head = Head::pack(request.body(()).unwrap().into_parts().0, identity);
        let parts = head.parts();
        assert_eq!((&parts.method, parts.version), (&Method::GET, Version::HTTP_10));
        assert_eq!(parts.uri, "/echo/0/a/websocket?t=1");
        assert_eq!(parts.headers["origin"], "https://www.example.com:8080");
        assert_eq!(parts.headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=b", "c=d"]);
        assert_eq!(parts.headers["x-own"].as_bytes(), "\u{e9}".as_bytes());
        assert_eq!(parts.headers["x-empty"], "");
        assert_eq!(parts.headers.len(), 5);
        assert_eq!(parts.extensions.get(), Some(&7_u8));
    }

    #[test]
    fn a_head_weighs_what_it_says() {
        let weight = |cookie: &str| {
            let request = http::Request::get("/").header("Cookie", cookie).body(()).unwrap();
            Head::pack(request.into_parts().0, |_| Extensions::new()).weight()
        };
        assert_eq!(weight(&"x".repeat(1000)) - weight(""), 1000);
    }
}
