//! Requests and connections.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::Histogram;
use super::registering::{Histograms, Registering};

/// What a request counts as that no route of ours takes.
pub const OTHER_ROUTE: &str = "other";

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// How a browser is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionKind {
    /// A connection that speaks HTTP, whatever for.
    Http,
    /// A WebSocket of `/v1/sessions`.
    WebSocket,
    /// An original page, over whichever of SockJS's transports.
    SockJs,
    /// Server-sent events.
    Sse,
    /// A poll that waits.
    Poll,
}

impl ConnectionKind {
    const ALL: [Self; 5] = [Self::Http, Self::WebSocket, Self::SockJs, Self::Sse, Self::Poll];

    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::SockJs => "sockjs",
            Self::Sse => "sse",
            Self::Poll => "poll",
        }
    }
}

/// One route's histograms, each made when it is needed.
type OfRoute = [OnceLock<Histogram>; CLASSES.len()];

/// What is counted of HTTP.
pub struct HttpMetrics {
    requests: Histograms<RequestLabels>,
    routes: Mutex<HashMap<String, OfRoute>>,
    connections: [Gauge; ConnectionKind::ALL.len()],
}

/// A connection, until this is dropped.
#[derive(Debug)]
pub struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl HttpMetrics {
    pub(super) fn new(of: &mut Registering<'_>) -> Self {
        let told = "From a request's head to the head of its answer, by route and class of status";
        let requests = of.histograms("http_request", told, Histogram::of_seconds);
        let connections: Family<Kind, Gauge> = of.family("connections", "Connections that are open, by kind");
        let of_kind = |kind: ConnectionKind| connections.get_or_create_owned(&Kind { kind: kind.name() });
        Self { requests, routes: Mutex::default(), connections: ConnectionKind::ALL.map(of_kind) }
    }

    /// A request was answered. `route` is the route's template, of which there are as many as we have written; `status` is
    /// 100 to 599.
    pub fn answered(&self, route: &str, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        let labels = || RequestLabels { route: route.to_owned(), status: CLASSES[class] };
        let count = |of_route: &OfRoute| {
            of_route[class].get_or_init(|| self.requests.get_or_create_owned(&labels())).took(took);
        };
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        match routes.get(route) {
            Some(known) => count(known),
            None => count(routes.entry(route.to_owned()).or_default()),
        }
    }

    /// A connection has been opened.
    pub fn connected(&self, kind: ConnectionKind) -> Connected {
        let gauge = self.connections[kind as usize].clone();
        gauge.inc();
        Connected(gauge)
    }

    /// How many connections of this kind there are, where somebody else counts them.
    pub fn connections(&self, kind: ConnectionKind, count: usize) {
        self.connections[kind as usize].set(count.try_into().unwrap_or(i64::MAX));
    }
}
