//! The admin listener's HTTP interface.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;

use crate::actors::{Head, History, Logins, OpenError};
use crate::metrics::{self, Metrics};

use super::super::sockets::Sockets;

/// Whether the daemon takes requests, and else what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet: what it is about to do.
    Starting(&'static str),
    /// It serves.
    Ready,
    /// Not any more.
    Stopping,
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting(step) => write!(f, "starting: {step}"),
            Self::Ready => f.write_str("serving"),
            Self::Stopping => f.write_str("stopping"),
        }
    }
}

/// What the admin listener asks.
pub struct AdminHttp {
    /// The journal, once it is open: a daemon that can no longer write it cannot serve.
    pub history: Option<History>,
    /// Who knows whether new logins are taken, once they can be.
    pub logins: Option<Logins>,
    /// Who knows whether browsers may wait, once some can come.
    pub sockets: Option<Arc<Sockets>>,
    /// Whether the daemon takes requests: not yet while it starts, not any more while it stops.
    pub readiness: watch::Receiver<Readiness>,
    /// `Host` headers taken besides loopback names: `[admin] hosts`.
    pub hosts: Vec<String>,
    /// What is counted.
    pub metrics: Metrics,
}

struct Inner {
    head: Option<watch::Receiver<Head>>,
    logins: Option<Logins>,
    sockets: Option<Arc<Sockets>>,
    readiness: watch::Receiver<Readiness>,
    hosts: Vec<String>,
    metrics: Metrics,
}

/// `/healthz`, `/readyz`, `/metrics` and what is mounted beside them, the dashboard, for the admin listener.
///
/// Requests that name another host are refused: a page on the web could have its own name resolve to this listener (DNS
/// rebinding), and would then read it with the operator's browser.
pub fn http_router(admin: AdminHttp, mounts: Router) -> Router {
    let head = admin.history.map(|history| history.head());
    let AdminHttp { logins, sockets, readiness, hosts, metrics: counted, .. } = admin;
    let inner = Arc::new(Inner { head, logins, sockets, readiness, hosts, metrics: counted });
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(inner.clone())
        .merge(mounts)
        // A layer, not a route layer: what does not exist is not told to a stranger either.
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here\n") })
        .layer(middleware::from_fn_with_state(inner, guard))
}

async fn readyz(State(inner): State<Arc<Inner>>) -> (StatusCode, String) {
    let failure = inner.head.as_ref().and_then(|head| head.borrow().failure.clone());
    if let Some(failure) = failure {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("the journal can no longer be written: {failure}\n"));
    }
    match *inner.readiness.borrow() {
        // Who is under way goes on: whoever asked in order to send requests elsewhere must not take them away.
        Readiness::Ready => {
            let shortage = inner.logins.as_ref().and_then(Logins::shortage).and_then(short);
            (StatusCode::OK, shortage.or_else(|| crowded(&inner)).unwrap_or_else(|| "ready\n".to_owned()))
        }
        not_ready => (StatusCode::SERVICE_UNAVAILABLE, format!("{not_ready}\n")),
    }
}

/// That new logins are refused, and what to do about it.
fn short(shortage: OpenError) -> Option<String> {
    let why = match shortage {
        OpenError::TooManySessions => "as many are pending as [server] max_sessions allows, or [server] logins is off",
        OpenError::MemoryLow => "memory is nearly used up; give the daemon more",
        OpenError::JournalBehind => "the journal is behind; look at what else uses its disk",
        OpenError::TooManyOfNetwork | OpenError::Page(_) | OpenError::Unavailable => return None,
    };
    Some(format!("ready, but new logins are refused: {why}\n"))
}

/// That there is no room for browsers that wait, and what to do about it.
fn crowded(inner: &Inner) -> Option<String> {
    let told = "ready, but sockets are short: browsers that would wait for their logins are turned away, and the original page gets no code; raise LimitNOFILE, and restart\n";
    inner.sockets.as_ref().is_some_and(|sockets| sockets.are_short()).then(|| told.to_owned())
}

async fn metrics(State(inner): State<Arc<Inner>>) -> Response {
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], inner.metrics.text()).into_response()
}

async fn guard(State(inner): State<Arc<Inner>>, request: Request, next: Next) -> Response {
    let mut response = if is_for_us(request.uri(), request.headers(), &inner.hosts) {
        next.run(request).await
    } else {
        let told = "this listener does not answer under that name\nadd the name to [admin] hosts, or use 127.0.0.1\n";
        (StatusCode::MISDIRECTED_REQUEST, told).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    response
}

/// Whether all the names that the request gives its host are ours. One that gives none comes from no browser.
fn is_for_us(uri: &Uri, headers: &HeaderMap, hosts: &[String]) -> bool {
    let named = headers.get_all(header::HOST).iter().map(|value| value.to_str().unwrap_or_default());
    uri.authority().map(http::uri::Authority::as_str).into_iter().chain(named).all(|host| {
        let name = without_port(host);
        is_loopback(name)
            || hosts.iter().any(|taken| {
                taken.eq_ignore_ascii_case(host) || without_brackets(taken).eq_ignore_ascii_case(without_brackets(name))
            })
    })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !is_bare_ipv6(host) => name,
        _ => host,
    }
}

/// An IPv6 address stands in brackets in a header, and without them where an operator or Kubernetes writes it.
fn without_brackets(name: &str) -> &str {
    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
}

/// `::1` without brackets, as no client should write it.
fn is_bare_ipv6(host: &str) -> bool {
    !host.starts_with('[') && host.matches(':').count() > 1
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name == "[::1]"
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(hosts: &[&str], uri: &str, hosts_named: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts_named {
            headers.append(header::HOST, host.parse().unwrap());
        }
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        is_for_us(&uri.parse().unwrap(), &headers, &hosts)
    }

    #[test]
    fn loopback_has_many_names() {
        for host in ["localhost", "LocalHost:9090", "127.0.0.1", "127.0.0.1:9090", "127.8.0.1", "[::1]", "[::1]:9090"] {
            assert!(taken(&[], "/healthz", &[host]), "{host}");
        }
        assert!(taken(&[], "/healthz", &[]), "HTTP/1.0 names none");
    }

    #[test]
    fn other_names_are_somebody_elses() {
        for host in [
            "evil.example.com",
            "localhost.evil.example.com",
            "127.0.0.1.evil.example.com",
            "10.0.0.1:9090",
            "0.0.0.0",
            "[::]",
            "::1",
            "",
            "evil.example.com:80@localhost",
        ] {
            assert!(!taken(&[], "/healthz", &[host]), "{host}");
        }
        assert!(!taken(&[], "/healthz", &["localhost", "evil.example.com"]), "all of them count");
        assert!(!taken(&[], "http://evil.example.com/healthz", &["localhost"]), "the target counts, too");
    }

    #[test]
    fn the_configuration_adds_names() {
        let hosts = ["admin.example.com", "10.0.0.1:9090"];
        assert!(taken(&hosts, "/", &["Admin.Example.com:8443"]));
        assert!(taken(&hosts, "/", &["10.0.0.1:9090"]));
        assert!(!taken(&hosts, "/", &["10.0.0.1:9091"]), "a name with a port is taken with that port only");
    }

    #[test]
    fn an_ipv6_address_is_the_same_with_brackets_and_without() {
        for written in ["fd00::1", "[fd00::1]"] {
            assert!(taken(&[written], "/healthz", &["[fd00::1]:9090"]), "{written}");
            assert!(taken(&[written], "/healthz", &["[fd00::1]"]), "{written}");
            assert!(!taken(&[written], "/healthz", &["[fd00::2]:9090"]), "{written}");
        }
        assert!(!taken(&[], "/healthz", &["[fd00::1]:9090"]));
    }
}
