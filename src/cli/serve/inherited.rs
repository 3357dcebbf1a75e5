//! Sockets that the service manager has opened and hands over (systemd.socket(5), sd_listen_fds(3)): they stay open over a
//! restart, so nobody is refused meanwhile.

use std::fmt;
use std::io;

use listenfd::ListenFd;
use tokio::net::TcpListener;

const PUBLIC: &str = "public";
const ADMIN: &str = "admin";

/// What was handed over.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    pub(super) public: Option<TcpListener>,
    pub(super) admin: Option<TcpListener>,
}

/// Why what was handed over cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// Nobody knows what it is for.
    Name(String),
    /// More than one is for the same.
    Twice(&'static str),
    /// It is no TCP socket that listens.
    Socket { name: String, error: io::Error },
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "a socket was handed over under the name \"{}\"", name.escape_debug()),
            Self::Twice(name) => write!(f, "more than one socket was handed over under the name \"{name}\""),
            Self::Socket { name, error } => {
                write!(f, "the socket \"{name}\" that was handed over cannot be used: {error}")
            }
        }
    }
}

impl Unusable {
    pub(super) fn cure(&self) -> &'static str {
        match self {
            Self::Name(_) => "write FileDescriptorName=public, or admin, into the .socket unit",
            Self::Twice(_) => {
                "keep one ListenStream= in the .socket unit: [::]:8080 takes IPv4 as well (BindIPv6Only=both)"
            }
            Self::Socket { .. } => {
                "write ListenStream= with an address and a port into the .socket unit, and leave Accept= out"
            }
        }
    }
}

impl Inherited {
    /// Takes what is meant for this process, by name; one without a name is the public one. Must be called inside a tokio
    /// runtime, and once.
    pub(super) fn take() -> Result<Self, Unusable> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut handed = ListenFd::from_env();
        let mut inherited = Self::default();
        for index in 0..handed.len() {
            let name = match names.next().unwrap_or_default() {
                // What systemd calls a socket that has no name.
                "" | "unknown" if handed.len() == 1 => PUBLIC,
                name => name,
            };
            let (place, known) = match name {
                PUBLIC => (&mut inherited.public, PUBLIC),
                ADMIN => (&mut inherited.admin, ADMIN),
                unknown => return Err(Unusable::Name(unknown.to_owned())),
            };
            let unusable = |error| Unusable::Socket { name: known.to_owned(), error };
            if let Some(listener) = handed.take_tcp_listener(index).and_then(listening).map_err(unusable)?
                && place.replace(listener).is_some()
            {
                return Err(Unusable::Twice(known));
            }
        }
        Ok(inherited)
    }
}

fn listening(handed: Option<std::net::TcpListener>) -> io::Result<Option<TcpListener>> {
    let Some(socket) = handed else { return Ok(None) };
    if !rustix::net::sockopt::socket_acceptconn(&socket)? {
        return Err(io::Error::other("it does not listen"));
    }
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket).map(Some)
}
