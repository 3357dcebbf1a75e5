//! One HTTP call to WeChat: JSON there, JSON back, bounded; straight, or through a proxy's tunnel.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, DATE, HeaderValue};
use hyper::{Request, Response, StatusCode, body::Incoming};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::error::{Absence, Fault};
use super::route::{self, Route};

/// The largest answer that is read, in bytes. WeChat's are below 1 KiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// An idle connection is closed before a server or a NAT in between does it, which would cost a failed call.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// There are no root certificates on this machine, so that no https server could be believed.
#[derive(Debug, thiserror::Error)]
#[error("this machine has no root certificates ({0}). Install the package `ca-certificates`.")]
pub struct NoRootCertificates(#[source] std::io::Error);

/// Makes connections to WeChat and keeps them for a while. Clone it freely: the clones share the connections.
#[derive(Clone)]
pub struct HttpClient(Client<HttpsConnector<Route>, Full<Bytes>>);

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}

impl HttpClient {
    /// What is needed to reach `api_base`: the machine's root certificates, or none of them for http.
    ///
    /// # Errors
    /// [`NoRootCertificates`] where `api_base` is https and the machine has none.
    pub fn for_base(api_base: &Url) -> Result<Self, NoRootCertificates> {
        if api_base.scheme() == "http" {
            return Ok(Self::plain());
        }
        Ok(Self::with_tls(native_roots()?))
    }

    /// As [`Self::for_base`], through the tunnel of an HTTP proxy (`CONNECT`). A user and a password in its URL are sent
    /// to it as Basic credentials.
    ///
    /// # Errors
    /// [`NoRootCertificates`] where `api_base` or the proxy is https and the machine has none.
    pub fn for_base_through(api_base: &Url, proxy: &Url) -> Result<Self, NoRootCertificates> {
        let tls = match (api_base.scheme(), proxy.scheme()) {
            ("http", "http") => no_roots(),
            _ => native_roots()?,
        };
        Ok(Self::over(route::through(proxy, tls.clone()), tls))
    }

    /// For http only: no https server is believed.
    pub fn plain() -> Self {
        Self::with_tls(no_roots())
    }

    /// Believes the servers whose certificates go back to these roots.
    pub fn with_roots(roots: RootCertStore) -> Self {
        Self::with_tls(tls_builder().with_root_certificates(roots).with_no_client_auth())
    }

    /// Uses the given TLS configuration for https; http works as well. ALPN is not taken from it: HTTP/1.1 is spoken.
    pub fn with_tls(config: ClientConfig) -> Self {
        Self::over(route::straight(), config)
    }

    fn over(route: Route, mut tls: ClientConfig) -> Self {
        tls.alpn_protocols.clear();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(route);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Self(client)
    }

    /// Any request, and at most 64 KiB of what is answered. Redirects are not followed, and there is no deadline.
    ///
    /// # Errors
    /// What went wrong, in a line for people; it does not name the address.
    pub(crate) async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        let response = self.0.request(request).await.map_err(|error| chain(&error))?;
        let status = response.status();
        let body = read(response).await.map_err(|fault| format!("its answer cannot be read: {fault:?}"))?;
        Ok((status, body))
    }

    /// Any request, and the status of what is answered; of the body at most 64 KiB are read, so that the connection can be
    /// used again. Redirects are not followed, and there is no deadline.
    ///
    /// # Errors
    /// What went wrong, in a line for people; it does not name the address.
    pub(crate) async fn status(&self, request: Request<Full<Bytes>>) -> Result<StatusCode, String> {
        let response = self.0.request(request).await.map_err(|error| chain(&error))?;
        let status = response.status();
        // What it says is nobody's concern.
        let _ = read(response).await;
        Ok(status)
    }

    /// The `Date` that whoever answers there puts into an answer, whatever else it says.
    pub(super) async fn date(&self, url: &str) -> Result<Option<String>, Fault> {
        let request = Request::get(url).body(Full::default());
        let request = request.map_err(|_| unreachable("its address cannot be used"))?;
        let response = self.0.request(request).await.map_err(|error| unreachable(chain(&error)))?;
        Ok(response.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned))
    }

    /// Posts JSON and reads the answer. Has no deadline of its own, and does not say the URL in its errors: it holds the
    /// access token.
    pub(super) async fn post<T: DeserializeOwned>(&self, url: &str, body: Bytes) -> Result<T, Fault> {
        let body = Full::new(body);
        self.ask(|| Request::post(url).header(CONTENT_TYPE, JSON).body(body.clone())).await
    }

    /// Gets an answer. As for [`Self::post`], the URL may hold a secret and is not told.
    pub(super) async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, Fault> {
        self.ask(|| Request::get(url).body(Full::default())).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> http::Result<Request<Full<Bytes>>>,
    ) -> Result<T, Fault> {
        let request = || request().map_err(|_| unreachable("its address cannot be used"));
        let mut response = self.0.request(request()?).await;
        // A connection that was kept may be closed by the other side just as it is used again.
        if response.as_ref().is_err_and(has_ended_unanswered) {
            response = self.0.request(request()?).await;
        }
        let response = response.map_err(|error| unreachable(chain(&error)))?;
        if !response.status().is_success() {
            return Err(Fault::Away(Absence::Status(response.status().as_u16())));
        }
        understand(&read(response).await?)
    }
}

/// Whether the connection was closed before a byte of an answer came.
fn has_ended_unanswered(error: &hyper_util::client::legacy::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
    cause.is_some_and(|cause| cause.is_incomplete_message() || cause.is_canceled())
}

/// An answer that says nothing but that it was done.
#[derive(Deserialize)]
pub(super) struct Done {}

/// What WeChat asks for: JSON in raw UTF-8, since some of its calls refuse `\uXXXX`.
pub(super) fn json(request: &impl Serialize) -> Bytes {
    // Only plain structs of strings and numbers come here, and they always serialize.
    serde_json::to_vec(request).unwrap_or_default().into()
}

fn native_roots() -> Result<ClientConfig, NoRootCertificates> {
    Ok(tls_builder().with_native_roots().map_err(NoRootCertificates)?.with_no_client_auth())
}

fn no_roots() -> ClientConfig {
    tls_builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// The provider is named, so that no other part of the process can decide which one is used.
fn tls_builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
}

async fn read(response: Response<Incoming>) -> Result<Bytes, Fault> {
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    body.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            Fault::Away(Absence::Garbage("larger than 64 KiB"))
        } else {
            unreachable(chain(error.as_ref()))
        }
    })
}

/// An absent `errcode` and 0 both mean success.
fn understand<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Fault> {
    #[derive(Deserialize)]
    struct Verdict {
        #[serde(default)]
        errcode: i64,
        #[serde(default)]
        errmsg: String,
    }
    let verdict: Verdict =
        serde_json::from_slice(answer).map_err(|_| Fault::Away(Absence::Garbage("not a JSON object of WeChat's")))?;
    if verdict.errcode != 0 {
        return Err(Fault::Code { code: verdict.errcode, message: verdict.errmsg });
    }
    serde_json::from_slice(answer).map_err(|_| Fault::Away(Absence::Garbage("a field is missing")))
}

fn unreachable(what: impl Into<String>) -> Fault {
    Fault::Away(Absence::Unreachable(what.into()))
}

/// An error with its causes: the innermost one says what an operator can do something about.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<String, Fault> {
        #[derive(Deserialize)]
        struct Ticket {
            ticket: String,
        }
        understand(text.as_bytes()).map(|ticket: Ticket| ticket.ticket)
    }

    #[test]
    fn errcode_decides_and_not_the_status() {
        assert_eq!(answer(r#"{"ticket":"t"}"#), Ok("t".into()));
        assert_eq!(answer(r#"{"errcode":0,"errmsg":"ok","ticket":"t"}"#), Ok("t".into()));
        let refused = Fault::Code { code: 40013, message: "invalid appid rid: 1-2-3".into() };
        assert_eq!(answer(r#"{"errcode":40013,"errmsg":"invalid appid rid: 1-2-3"}"#), Err(refused));
    }

    #[test]
    fn what_is_no_answer_is_garbage() {
        for text in ["", "<html>", "[]", "null", "{}", r#"{"ticket":7}"#, r#"{"errcode":"x"}"#] {
            assert!(matches!(answer(text), Err(Fault::Away(Absence::Garbage(_)))), "{text}");
        }
    }
}
