//! The accept loop: hyper-util's connections with our limits.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::body::InTime;
use super::client_address::{ClientAddress, X_FORWARDED_FOR};
use super::connection_place::{self, ConnectionPlace, FIRST_WORD, Wanted};
use super::descriptors;
use super::observed::Observed;
use super::throttle::Throttle;
use super::tls;

/// Time for a request's head to arrive whole from the open network.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The same from the operator's: places there are few, and a probe must find one.
const OPERATORS_HEAD_TIMEOUT: Duration = Duration::from_secs(3);
/// Most bytes of a request's head; also the most that is buffered of a connection.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;
/// Time for a request's body to arrive whole, counted from its head.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Peers are not awaited longer than this when the daemon stops.
pub const GRACE: Duration = Duration::from_secs(2);
/// How long a peer may leave what was sent to it unacknowledged, or its window shut, before its connection is dropped: one
/// that has vanished, or does not read, keeps its place and our buffers no longer (tcp(7), `TCP_USER_TIMEOUT`).
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Most sockets, however many descriptors there are: each takes memory, too.
const MOST_SOCKETS: usize = 100_000;

/// How many connections there may be, so that the process does not run out of descriptors: some are left for the journal,
/// the operator, and calls to WeChat. Browsers that wait hold sockets and no place of HTTP, where WeChat's pushes and the
/// websites' back ends come in (docs/adr/0027).
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Connections that speak HTTP: 14 % of the descriptors.
    pub http: usize,
    /// Browsers that wait, over a WebSocket, a stream of events, a poll, or SockJS, whichever transport it has: 76 %, so that
    /// where three quarters wait, the next still find room.
    pub sockets: usize,
}

impl Places {
    /// Takes as many descriptors as the system allows this process (getrlimit(2)), and divides them.
    pub fn take() -> Self {
        let limits = getrlimit(Resource::Nofile);
        if limits.current != limits.maximum {
            let raised = Rlimit { current: limits.maximum, ..limits };
            if let Err(error) = setrlimit(Resource::Nofile, raised) {
                tracing::warn!(%error, "the limit of open files cannot be raised");
            }
        }
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        descriptors::make_room(descriptors);
        Self::of(descriptors)
    }

    fn of(descriptors: usize) -> Self {
        let percent = |share| descriptors / 100 * share + descriptors % 100 * share / 100;
        Self { http: percent(14).min(8_000), sockets: percent(76).min(MOST_SOCKETS) }
    }
}

/// What a listener shows to whoever comes. It may be replaced while the listener serves.
pub struct Front {
    /// What answers.
    pub router: Router,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// What is spoken below HTTP; `None` where that is nothing.
    pub tls: Option<Arc<ServerConfig>>,
    /// Time for a request's head to arrive whole.
    pub head_timeout: Duration,
}

impl Front {
    /// The operator's: it speaks plain HTTP, trusts no proxy, and waits for nobody long.
    pub fn for_operator(router: Router) -> Arc<Self> {
        Arc::new(Self { router, trusted_proxies: Vec::new(), tls: None, head_timeout: OPERATORS_HEAD_TIMEOUT })
    }
}

/// Serves on `listener` until `stopping`, then finishes what is in flight for at most [`GRACE`]. Each connection speaks TLS as
/// the newest `front` says when it is accepted; each request is answered as the newest says when it comes, so that
/// connections stay when it is replaced, and what was begun goes on as it began. Each connection takes one of the `places`;
/// without one it waits, and somebody leaves whose place is not needed.
pub async fn serve(
    listener: TcpListener,
    front: watch::Receiver<Arc<Front>>,
    places: Arc<Semaphore>,
    stopping: CancellationToken,
) {
    lengthen_queue(&listener);
    prepare(&listener);
    let throttle = Arc::new(Throttle::default());
    let (connections, wanted) = (TaskTracker::new(), Arc::new(Wanted::default()));
    loop {
        // Before there is a place for it: nobody leaves while nobody comes.
        let (stream, peer) = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = accept(&listener, &throttle) => accepted,
        };
        let place = tokio::select! {
            place = connection_place::take(&places, &wanted) => place,
            // It is heard, too, since nobody else would answer it.
            () = stopping.cancelled() => {
                places.add_permits(1);
                places.clone().acquire_owned().await
            }
        };
        // Nobody closes them.
        let Ok(place) = place else { break };
        let connection = Connection {
            peer,
            front: front.clone(),
            throttle: throttle.clone(),
            stopping: stopping.clone(),
            // It is given back when the connection ends, or becomes a WebSocket with limits of its own.
            place: ConnectionPlace::new(place, &wanted),
        };
        connections.spawn(connection.serve(stream).boxed());
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::info!("some connections were still busy when the daemon stopped");
    }
}

/// Lets as many wait to be accepted as the system allows (listen(2): `net.core.somaxconn`), where libraries say 128: after a
/// restart all browsers come back at once, and whoever finds the queue full tries again a second later.
fn lengthen_queue(listener: &TcpListener) {
    if let Err(error) = rustix::net::listen(listener, i32::MAX) {
        tracing::warn!(%error, "the queue of connections cannot be lengthened");
    }
}

/// Sets what each connection has by inheritance (tcp(7)), so that nothing is to be set for each: frames are small and must leave
/// at once, and who has vanished is not kept.
fn prepare(listener: &TcpListener) {
    let milliseconds = u32::try_from(WRITE_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    let set =
        sockopt::set_tcp_nodelay(listener, true).and_then(|()| sockopt::set_tcp_user_timeout(listener, milliseconds));
    if let Err(error) = set {
        tracing::warn!(%error, "connections may be slow, and who has vanished is kept for long");
    }
}

/// One connection's surroundings.
#[derive(Clone)]
struct Connection {
    peer: SocketAddr,
    front: watch::Receiver<Arc<Front>>,
    throttle: Arc<Throttle>,
    stopping: CancellationToken,
    place: ConnectionPlace,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let (peer, tls) = (self.peer, self.front.borrow().tls.clone());
        let stream = Observed::new(stream, self.place.signs());
        let ended = match tls {
            None => self.speak(stream).await,
            // In a box, because every connection without it would keep room for it.
            Some(tls) => Box::pin(self.speak_tls(stream, tls)).await,
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }

    async fn speak_tls(self, stream: Observed, tls: Arc<ServerConfig>) -> hyper::Result<()> {
        let (peer, handshake, asked) = (self.peer, pin!(tls::accept(stream, tls)), CancellationToken::new());
        let shaken = tokio::select! {
            shaken = self.place.until_unneeded(handshake) => shaken,
            () = until_too_late(&self.stopping, &asked) => None,
        };
        match shaken {
            Some(Ok(stream)) => {
                self.place.is_idle_again();
                self.speak(stream).await
            }
            Some(Err(error)) => {
                tracing::debug!(%peer, %error, "a TLS handshake failed");
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// HTTP, until the peer goes, or its place is wanted and not needed; once the daemon stops, until what is in flight is
    /// answered.
    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> hyper::Result<()> {
        let (stopping, place) = (self.stopping.clone(), self.place.clone());
        let (asked, head_timeout) = (CancellationToken::new(), self.front.borrow().head_timeout);
        let asks = asked.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            asks.cancel();
            let (front, now) = (self.front.borrow().clone(), Instant::now());
            let busy = self.place.is_asked(now);
            let request = self.prepared(request, now, &front.trusted_proxies);
            // A router is always ready.
            let answer = front.router.clone().call(request);
            async move {
                let mut answer = answer.await?;
                match answer.body().size_hint().exact() {
                    // The socket that it becomes has a place of its own.
                    _ if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {}
                    None => busy.goes_on(),
                    Some(_) if busy.is_last() => {
                        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                    }
                    Some(_) => {}
                }
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new());
        http.header_read_timeout(head_timeout).max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            ended = place.until_unneeded(connection.as_mut()) => match ended {
                Some(ended) => ended,
                None => {
                    connection.as_mut().graceful_shutdown();
                    // Nobody waits for the rest of what somebody has begun to ask.
                    connection.now_or_never().unwrap_or(Ok(()))
                }
            },
            () = until_too_late(&stopping, &asked) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }

    fn prepared(
        &self,
        request: hyper::Request<Incoming>,
        now: Instant,
        trusted_proxies: &[IpNet],
    ) -> hyper::Request<Body> {
        let in_time = |body| Body::new(InTime::new(body, now + BODY_TIMEOUT, self.place.clone()));
        let mut request = request.map(|body| if body.is_end_stream() { Body::empty() } else { in_time(body) });
        let peer = self.peer.ip();
        let address = ClientAddress::of(peer, request.headers(), trusted_proxies);
        if address.0 == peer && is_unknown_proxy(peer, request.headers()) && self.throttle.lets_through() {
            tracing::warn!(%peer, "X-Forwarded-For comes from a proxy that is not in [server] trusted_proxies: all its visitors count as one");
        }
        request.extensions_mut().insert(address);
        request.extensions_mut().insert(self.place.clone());
        request
    }
}

/// Until the daemon stops and who is connected has `asked` for something: who has only just connected is heard, since nobody
/// else would answer them. hyper hangs up on who has said nothing yet.
async fn until_too_late(stopping: &CancellationToken, asked: &CancellationToken) {
    stopping.cancelled().await;
    // Where they are silent for so long, they have nothing to ask. In a box, because every connection would keep room for it.
    let _ = Box::pin(tokio::time::timeout(FIRST_WORD, asked.cancelled())).await;
}

/// Whether somebody near, whom nobody has declared a proxy, speaks like one.
fn is_unknown_proxy(peer: IpAddr, headers: &HeaderMap) -> bool {
    let is_near = match peer.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    };
    is_near && headers.contains_key(X_FORWARDED_FOR)
}

/// The next connection, however long it takes: an accept that fails is tried again, for ever.
async fn accept(listener: &TcpListener, throttle: &Throttle) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                if throttle.lets_through() {
                    tracing::error!(%error, "no connection can be accepted at the moment");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use futures_util::future::try_join_all;

    use super::*;

    #[test]
    fn descriptors_are_left_for_the_journal_and_for_wechat() {
        for descriptors in [256, 1024, 20_000, usize::MAX] {
            let places = Places::of(descriptors);
            assert!(places.http + places.sockets <= descriptors - descriptors / 10, "{places:?} of {descriptors}");
        }
        assert_eq!(Places::of(20_000).sockets, 15_200);
    }

    #[test]
    fn a_connection_that_waits_takes_little() {
        fn size<F>(_: impl Fn(Connection, TcpStream) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = size(Connection::serve);
        assert!(bytes <= 1600, "{bytes} bytes for each, beside its buffers");
    }

    #[tokio::test]
    async fn as_many_may_wait_to_be_accepted_as_the_system_allows() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        lengthen_queue(&listener);
        let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
        // Nobody accepts them.
        let address = listener.local_addr().unwrap();
        let connections = (0..300.min(most)).map(|_| TcpStream::connect(address));
        let connected = tokio::time::timeout(Duration::from_secs(30), try_join_all(connections)).await;
        connected.expect("some are not let in").unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_vanishes_or_does_not_read_is_not_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        prepare(&listener);
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = accept(&listener, &Throttle::default()).await;
        assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 10_000);
        assert!(stream.nodelay().unwrap());
    }
}
