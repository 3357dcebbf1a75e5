//! Which resource a path names. Pure.

/// Paths are matched as they came: an escaped character is never decoded, so `%2F` is part of an id and no separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// The prefix itself.
    Greeting,
    /// What a client asks first.
    Info,
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
    /// Messages from the client.
    XhrSend,
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
            (server, Some(id), Some(transport), None) if is_id(server) && is_id(id) => {
                Some(Self::Session { id, transport: Transport::named(transport)? })
            }
            _ => None,
        }
    }

    /// The methods that the resource knows, as `Allow` names them.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Greeting | Self::Session { transport: Transport::WebSocket, .. } => "GET",
            Self::Info => "OPTIONS, GET",
            Self::Session { transport: Transport::Xhr | Transport::XhrSend, .. } => "OPTIONS, POST",
        }
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
            "xhr_send" => Some(Self::XhrSend),
            _ => None,
        }
    }
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
    fn ids_are_any_text_without_slashes_and_dots() {
        for id in ["a", "_", "1", "abcdefgh_i-j%20", "%2F", "%2e"] {
            assert_eq!(Route::of(&format!("/{id}/{id}/xhr")), session(id), "{id}");
        }
        let wrong = ["", "a./a", "a/a.", "./.", "/", "//", "a/", "/a", "a/a/a", "a/a/a/a", "."];
        for path in wrong {
            assert_eq!(Route::of(&format!("/{path}/xhr")), None, "{path}");
        }
        assert_eq!(Route::of("/xhr"), None);
        assert_eq!(Route::of("/a/b/unknown"), None);
    }
}
