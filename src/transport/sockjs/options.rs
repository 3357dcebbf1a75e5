use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use http::request::Parts;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Which web pages may use the service: what their `Origin` header says (RFC 6454 §7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every page of the world; right only where nothing that a cookie or an address proves is at stake.
    #[default]
    All,
    /// Pages of these origins, each written as browsers send it: `https://www.example.com`, without a final slash, with
    /// the port unless it is the scheme's own. A page's own server is not implied: name it, too.
    ///
    /// Browsers name no origin when a page loads a script or a frame, nor when it asks its own server with GET. So every page
    /// can open a session by `jsonp` and hear what it is told, but only these pages can say something in one.
    List(Vec<String>),
}

impl AllowedOrigins {
    /// Whether a page of this origin may use the service.
    pub fn allow(&self, origin: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::List(origins) => origins.iter().any(|allowed| allowed.as_bytes() == origin),
        }
    }
}

/// Which requests are taken, judged by their heads. By default every one is.
#[derive(Clone, Default)]
pub struct Admission(Option<Arc<Judge>>);

type Judge = dyn Fn(&Parts) -> bool + Send + Sync;

impl Admission {
    /// Only those of which `judge` says so. It runs while the request waits, so it must be quick.
    pub fn when(judge: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(judge)))
    }

    /// Whether this request is taken.
    pub fn admits(&self, request: &Parts) -> bool {
        self.0.as_ref().is_none_or(|judge| judge(request))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Admission::when(..)" } else { "Admission::default()" })
    }
}

/// Where sessions have their places from, which may be others' as well.
#[derive(Clone)]
pub struct Places(Arc<Take>);

type Take = dyn Fn(&Extensions) -> Option<Place> + Send + Sync;

/// A session's place, until it is dropped.
pub(super) type Place = Box<dyn Any + Send + Sync>;

impl Places {
    /// What `take` gives for a request with these extensions, such as who asks; of those that came with it, the ones that
    /// [`Options::extensions`] keeps. It runs while others wait, so it must be quick.
    pub fn by<P: Send + Sync + 'static>(take: impl Fn(&Extensions) -> Option<P> + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |request| take(request).map(|place| Box::new(place) as Place)))
    }

    /// The places of this semaphore, whoever asks.
    pub fn of(semaphore: Arc<Semaphore>) -> Self {
        Self::by(move |_| semaphore.clone().try_acquire_owned().ok())
    }

    pub(super) fn take(&self, request: &Extensions) -> Option<Place> {
        (self.0)(request)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places(..)")
    }
}

/// How the service behaves. Make it with [`Default`] and change what differs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which pages may use it. Others get no CORS headers, so that browsers keep the answers from them, and 403 for whatever
    /// belongs to a session: a message is heard even where its answer is not read.
    pub allowed_origins: AllowedOrigins,
    /// Whether WebSockets are offered; where not, their paths are not found and `/info` says so.
    pub websocket: bool,
    /// Whether raw WebSockets may bring messages that are no text; where not, such a message ends the connection with 1003,
    /// as it does on all others.
    pub binary: bool,
    /// Where browsers get SockJS's client from, for the iframe pages that some of its transports need: a URL that begins
    /// with `/` or `http`. It must be the version that the pages themselves use. What it serves runs with this server's
    /// origin, so there is no default, and without it the iframe pages are not found.
    pub client_script: Option<String>,
    /// Which WebSocket handshakes are taken. Others get 403, upon which clients try their next transport. `/info` offers
    /// WebSockets all the same: clients ask it before there is anything to judge.
    pub admit_websocket: Admission,
    /// Whether a message that comes in a request of its own keeps that request's head, for
    /// [`Message::request`](super::Message::request). The head waits with its messages and counts as they do.
    pub keep_requests: bool,
    /// What is kept of a request's extensions for [`Connection::request`](super::Connection::request); by default all. The
    /// router puts some there that are of no use to a service, and take half a KiB for as long as the session lives.
    pub extensions: fn(Extensions) -> Extensions,
    /// Whether session URLs set the cookie `JSESSIONID`, which some load balancers need for sticky sessions.
    pub cookie_needed: bool,
    /// How often a waiting receiver gets a heartbeat, counted from when it came, so that proxies do not take it for dead.
    /// At least 1 ms.
    pub heartbeat_interval: Duration,
    /// How long a WebSocket's peer may stay silent after a heartbeat before it counts as gone (3000). It may be longer than
    /// [`heartbeat_interval`](Self::heartbeat_interval): the first heartbeat without an answer counts.
    pub pong_timeout: Duration,
    /// How long a session lives without a receiver: the time that a client has to poll again.
    pub disconnect_delay: Duration,
    /// How long a client may take to let one frame out of our buffers, over a WebSocket or in a streaming response. One that
    /// takes longer is lost.
    pub write_timeout: Duration,
    /// How long a client may take to send a request's body; past it, 408. A server around that is less patient fails the body
    /// with [`TimedOut`](std::io::ErrorKind::TimedOut), which is answered in the same way.
    pub body_timeout: Duration,
    /// After how many bytes a streaming response ends, so that browsers can free what they keep of it; its beginning, which
    /// is there for the browsers' sake, is not counted.
    pub response_limit: usize,
    /// A place for each session that may be open at once; without one, whoever wants a session is told
    /// `c[1013,"Too many sessions"]`.
    pub places: Places,
    /// The longest body of a request, and the longest WebSocket message, in bytes. A session past it is closed with 1009, and
    /// the request answered with 413.
    pub max_message_bytes: usize,
    /// How many bytes may wait in a session, in each direction: outwards as JSON, inwards with a few bytes for the keeping
    /// of each message, and the heads of requests where they are kept. A session past it is closed with 1008.
    pub max_waiting_bytes: usize,
    /// How many bytes are read from a WebSocket at once, from 16 on. One that waits keeps a buffer of this size.
    pub websocket_read_bytes: usize,
    /// Once it is cancelled, every session is closed with 1012 `Service restart`, and whoever wants a new one gets 503.
    pub shutdown: CancellationToken,
    /// Counts all tasks of the service. Whoever cancels [`shutdown`](Self::shutdown) closes it and waits for it, with a
    /// deadline.
    pub tasks: TaskTracker,
}

impl Default for Options {
    /// What sockjs-node has for its defaults, where it has the option, and limits that fit small messages.
    fn default() -> Self {
        Self {
            allowed_origins: AllowedOrigins::All,
            websocket: true,
            binary: false,
            client_script: None,
            admit_websocket: Admission::default(),
            keep_requests: false,
            extensions: std::convert::identity,
            cookie_needed: false,
            heartbeat_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(10),
            disconnect_delay: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            response_limit: 128 << 10,
            places: Places::of(Arc::new(Semaphore::new(10_000))),
            max_message_bytes: 64 << 10,
            max_waiting_bytes: 256 << 10,
            websocket_read_bytes: 1024,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }
}
