//! Which resource a path names. Pure.

/// Paths are matched as they came: an escaped character is never decoded, so `%2F` is part of an id and no separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// The prefix itself.
    Greeting,
    /// What a client asks first.
    Info,
    /// A page for the client's own frames.
    Iframe,
    /// A WebSocket without SockJS.
    RawWebSocket,
    /// A session's resource. The server id before the session's is for load balancers only and ignored.
    Session {
        /// The session's id.
        id: &'a str,
        /// What to do with it.
        transport: Transport,
    },
}

/// The resources of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// SockJS over a WebSocket.
    WebSocket,
    /// A poll: one frame.
    Xhr,
    /// Frames, one after the other.
    XhrStreaming,
    /// Messages from the client.
    XhrSend,
    /// Frames as server-sent events.
    EventSource,
    /// Frames as scripts in an endless page.
    HtmlFile,
    /// A poll: one frame as a script.
    Jsonp,
    /// Messages from a form.
    JsonpSend,
}

impl<'a> Route<'a> {
    /// The resource of a path below the prefix, with or without a slash at its end.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix('/').unwrap_or(path);
        if path.is_empty() {
            return Some(Self::Greeting);
        }
        let mut parts = path.strip_suffix('/').unwrap_or(path).split('/');
        let parts = (parts.next()?, parts.next(), parts.next(), parts.next());
        match parts {
            ("info", None, None, None) => Some(Self::Info),
            ("websocket", None, None, None) => Some(Self::RawWebSocket),
            (page, None, None, None) if is_iframe(page) => Some(Self::Iframe),
            (server, Some(id), Some(transport), None) if is_id(server) && is_id(id) => {
                Some(Self::Session { id, transport: Transport::named(transport)? })
            }
            _ => None,
        }
    }

    /// The methods that the resource knows, as `Allow` names them.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Greeting | Self::Iframe | Self::RawWebSocket => "GET",
            Self::Info => "OPTIONS, GET",
            Self::Session { transport, .. } => match transport {
                Transport::WebSocket | Transport::EventSource | Transport::HtmlFile | Transport::Jsonp => "GET",
                Transport::Xhr | Transport::XhrStreaming | Transport::XhrSend => "OPTIONS, POST",
                Transport::JsonpSend => "POST",
            },
        }
    }

    /// Whether a page must be allowed to use the resource: where something is said or heard.
    pub(super) fn needs_origin(self) -> bool {
        matches!(self, Self::RawWebSocket | Self::Session { .. })
    }

    /// Whether the resource is a WebSocket.
    pub(super) fn is_websocket(self) -> bool {
        matches!(self, Self::RawWebSocket | Self::Session { transport: Transport::WebSocket, .. })
    }

    /// Whether the resource knows the method.
    pub(super) fn allows(self, method: &http::Method) -> bool {
        self.methods().split(", ").any(|allowed| allowed == method.as_str())
    }
}

impl Transport {
    fn named(name: &str) -> Option<Self> {
        match name {
            "websocket" => Some(Self::WebSocket),
            "xhr" => Some(Self::Xhr),
            "xhr_streaming" => Some(Self::XhrStreaming),
            "xhr_send" => Some(Self::XhrSend),
            "eventsource" => Some(Self::EventSource),
            "htmlfile" => Some(Self::HtmlFile),
            "jsonp" => Some(Self::Jsonp),
            "jsonp_send" => Some(Self::JsonpSend),
            _ => None,
        }
    }
}

/// `iframe.html` and what clients put between, such as `iframe-1.1.2.html`.
fn is_iframe(page: &str) -> bool {
    let version = page.strip_prefix("iframe").and_then(|rest| rest.strip_suffix(".html"));
    let may_be = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_');
    version.is_some_and(|version| version.bytes().all(may_be))
}

fn is_id(part: &str) -> bool {
    !part.is_empty() && !part.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str) -> Option<Route<'_>> {
        Some(Route::Session { id, transport: Transport::Xhr })
    }

    #[test]
    fn one_slash_at_the_end_is_taken_and_no_more() {
        assert_eq!(Route::of(""), Some(Route::Greeting));
        assert_eq!(Route::of("/"), Some(Route::Greeting));
        assert_eq!(Route::of("/info"), Some(Route::Info));
        assert_eq!(Route::of("/info/"), Some(Route::Info));
        assert_eq!(Route::of("/a/b/xhr/"), session("b"));
        for path in ["//", "///", "/info//", "//info", "/a/b/xhr//", "/Info", "/infos", "/a", "/a/a", "/a/a/"] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }

    #[test]
    fn iframe_pages_have_many_names() {
        for name in
            ["iframe.html", "iframe-.html", "iframe-a.html", "iframe-0.1.2.html", "iframe-0.1.2abc-dirty.2144.html"]
        {
            assert_eq!(Route::of(&format!("/{name}")), Some(Route::Iframe), "{name}");
        }
        for name in
            ["iframe", "iframe.htm", "iframe.xml", "iframe.HTML", "IFRAME.HTML", "iframe-A.html", "iframe-/.html"]
        {
            assert_eq!(Route::of(&format!("/{name}")), None, "{name}");
        }
    }

    #[test]
    fn only_a_whole_path_is_a_websocket() {
        assert!(Route::of("/websocket").unwrap().is_websocket());
        assert!(Route::of("/a/b/websocket/").unwrap().is_websocket());
        assert!(!Route::of("/a/websocket/xhr").unwrap().is_websocket());
        assert_eq!(Route::of("/a/websocket"), None);
    }

    #[test]
    fn ids_are_any_text_without_slashes_and_dots() {
        for id in ["a", "_", "1", "abcdefgh_i-j%20", "%2F", "%2e"] {
            assert_eq!(Route::of(&format!("/{id}/{id}/xhr")), session(id), "{id}");
        }
        let wrong = ["", "a./a", "a/a.", "./.", "/", "//", "a/", "/a", "a/a/a", "a/a/a/a", "."];
        for path in wrong {
            assert_eq!(Route::of(&format!("/{path}/xhr")), None, "{path}");
        }
        for path in ["/xhr", "/xhr_streaming", "/eventsource", "/htmlfile", "/jsonp", "/jsonp_send", "/a/b/XHR"] {
            assert_eq!(Route::of(path), None, "{path}");
        }
        assert_eq!(Route::of("/a/b/unknown"), None);
    }
}
