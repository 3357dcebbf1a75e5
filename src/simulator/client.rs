//! The HTTP client of the simulation and of `bench`. One kind for all: each would be compiled anew.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// For http only: no https server is believed.
pub(crate) fn plain() -> HttpsConnector<HttpConnector> {
    over(|builder| builder.with_root_certificates(RootCertStore::empty()))
}

/// Believes whom this machine does; nobody where it has no root certificates.
pub(crate) fn believing() -> HttpsConnector<HttpConnector> {
    over(|builder| match builder.clone().with_native_roots() {
        Ok(native) => native,
        Err(_) => builder.with_root_certificates(RootCertStore::empty()),
    })
}

type Builder = ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn over(
    believe: impl FnOnce(Builder) -> ConfigBuilder<ClientConfig, WantsClientCert>,
) -> HttpsConnector<HttpConnector> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3");
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    HttpsConnectorBuilder::new()
        .with_tls_config(believe(builder).with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp)
}
