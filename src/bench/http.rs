//! HTTP/1.1 as browsers, WeChat and websites speak it with the daemon.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::io::Errno;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::simulator::client::{self, HttpClient};

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    async fn of(response: http::Response<Incoming>) -> Result<Self, String> {
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| reason(&error))?.to_bytes();
        Ok(Self { status, body })
    }

    /// Why this one is not what was asked for.
    pub(super) async fn of_refusal(response: http::Response<Incoming>) -> String {
        let refusal = Self::of(response).await;
        refusal.map_or_else(|why| why, |answer| answer.refusal())
    }

    /// The body, where the status is this one.
    ///
    /// # Errors
    /// Else why not, in few words: status and the daemon's code of its refusal.
    pub fn body_of(self, status: StatusCode) -> Result<Bytes, String> {
        if self.status == status { Ok(self.body) } else { Err(self.refusal()) }
    }

    fn refusal(&self) -> String {
        let said: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        // RFC 9457 with the daemon's own `code`, or RFC 6749 §5.2.
        let code = said["code"].as_str().or(said["error"].as_str()).unwrap_or_default();
        format!("{} {code}", self.status.as_u16()).trim_end().to_owned()
    }
}

/// One connection, as a browser has it: gone when it is dropped.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driven: AbortOnDropHandle<()>,
}

impl Connection {
    /// Speaks HTTP over this stream.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn over(stream: TcpStream) -> Result<Self, String> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| reason(&error))?;
        let driven = tokio::spawn(FutureExt::boxed(async move {
            // How it ended is seen by who asks.
            let _ = connection.with_upgrades().await;
        }));
        Ok(Self { sender, _driven: AbortOnDropHandle::new(driven) })
    }

    /// This one, unless the other side has closed it, or said that it would (`Connection: close`).
    pub(super) async fn if_open(mut self) -> Option<Self> {
        self.sender.ready().await.is_ok().then_some(self)
    }

    /// Asks, and reads the whole answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        Answer::of(self.begin(request).await?).await
    }

    /// Asks; the answer's body is still to come.
    pub(super) async fn begin(&mut self, request: Request<Full<Bytes>>) -> Result<http::Response<Incoming>, String> {
        self.sender.ready().await.map_err(|error| reason(&error))?;
        self.sender.send_request(request).await.map_err(|error| reason(&error))
    }
}

/// Connections that are kept, as WeChat's and a website's are. Clone it freely.
#[derive(Clone, Debug)]
pub struct Kept {
    client: HttpClient,
    address: SocketAddr,
}

impl Kept {
    /// Those to this listener.
    pub fn to(address: SocketAddr) -> Self {
        Self::with(usize::MAX, address)
    }

    /// None: each request there has a connection of its own.
    pub fn none_to(address: SocketAddr) -> Self {
        Self::with(0, address)
    }

    fn with(most_idle: usize, address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(most_idle).build(client::plain());
        Self { client, address }
    }

    /// The URL of a path there: an absolute one is how the client knows where to connect.
    pub fn url(&self, path_and_query: &str) -> String {
        format!("http://{}{path_and_query}", self.address)
    }

    /// Asks, and reads the whole answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        Answer::of(self.client.request(request).await.map_err(|error| reason(&error))?).await
    }
}

/// The innermost cause: the outer ones only say that something went wrong.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.downcast_ref().map_or_else(|| cause.to_string(), reason_of_system)
}

/// The same of what the system says: in the same words whichever connection it was.
pub(super) fn reason_of_system(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE) => "no open file is left here (ulimit -n)".into(),
        Some(Errno::ADDRNOTAVAIL) => "no port is left here (net.ipv4.ip_local_port_range)".into(),
        _ => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer { status: StatusCode::from_u16(status).unwrap(), body: body.into() }
    }

    #[test]
    fn a_refusal_is_told_in_few_words() {
        let why = |answer: Answer| answer.body_of(StatusCode::OK).unwrap_err();
        assert_eq!(why(answer(503, r#"{"status":503,"code":"full","detail":"long"}"#)), "503 full");
        assert_eq!(why(answer(400, r#"{"error":"invalid_grant"}"#)), "400 invalid_grant");
        assert_eq!(why(answer(404, "<html>")), "404");
        assert_eq!(answer(200, "success").body_of(StatusCode::OK).unwrap(), "success");
    }

    #[test]
    fn what_this_machine_has_run_out_of_is_named() {
        let said = |errno: Errno| reason(&io::Error::from(errno));
        assert!(said(Errno::MFILE).contains("ulimit -n"));
        assert!(said(Errno::ADDRNOTAVAIL).contains("ip_local_port_range"));
        assert_eq!(said(Errno::CONNRESET), "connection reset");
    }

    #[tokio::test]
    async fn who_is_not_there_is_told_in_the_same_words_every_time() {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let kept = Kept::to(gone);
        let request = Request::get(kept.url("/")).body(Full::default()).unwrap();
        assert_eq!(kept.ask(request).await.unwrap_err(), "connection refused");
    }
}
