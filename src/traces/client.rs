//! How spans travel: over the HTTP and TLS that the rest of the program uses.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;

/// The largest answer of a collector that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Sends spans. The exporter's own thread asks it to, so it brings along the runtime that does the work.
pub(super) struct ToCollector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

impl fmt::Debug for ToCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToCollector")
    }
}

impl ToCollector {
    /// Believes https collectors whose certificates go back to the machine's roots; without any, none.
    pub(super) fn new(runtime: Handle) -> Self {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let builder = || {
            let builder = ClientConfig::builder_with_provider(provider.clone().into());
            builder.with_safe_default_protocol_versions().expect("the provider has TLS 1.2 and 1.3")
        };
        let tls = match builder().with_native_roots() {
            Ok(builder) => builder.with_no_client_auth(),
            Err(_) => builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), runtime }
    }
}

impl HttpClient for ToCollector {
    fn send_bytes<'this, 'result>(
        &'this self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'result>>
    where
        'this: 'result,
        Self: 'result,
    {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        });
        Box::pin(async move { sending.await? })
    }
}
