//! How a connection gets to WeChat: straight, or through a proxy.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use url::Url;

/// Makes connections to where a URI leads.
pub(super) type Route = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, tower::BoxError>;

pub(super) fn straight() -> Route {
    BoxCloneSyncService::new(tcp().map_response(MaybeHttpsStream::Http).map_err(Into::into))
}

/// `CONNECT` (RFC 9110 §9.3.6): the proxy learns where a call goes, and nothing of what is said.
pub(super) fn through(proxy: &Url, mut tls: ClientConfig) -> Route {
    tls.alpn_protocols.clear();
    let to_proxy = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp());
    let tunnel = Tunnel::new(address(proxy), to_proxy);
    let tunnel = match credentials(proxy) {
        Some(credentials) => tunnel.with_auth(credentials),
        None => tunnel,
    };
    BoxCloneSyncService::new(tunnel.map_err(Into::into))
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

/// Scheme, host and port.
fn address(proxy: &Url) -> Uri {
    // An origin always is a URI; where it were none, every call would fail and say so.
    proxy.origin().ascii_serialization().parse().unwrap_or_default()
}

fn credentials(proxy: &Url) -> Option<HeaderValue> {
    if proxy.username().is_empty() && proxy.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(proxy.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(proxy.password().unwrap_or_default()));
    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_become_basic_credentials() {
        let of = |url: &str| credentials(&url.parse().unwrap()).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(of("http://127.0.0.1:3128"), None);
        assert_eq!(of("https://al%40ice:p%3Aw@proxy.example"), Some("Basic YWxAaWNlOnA6dw==".into()));
    }

    #[test]
    fn credentials_are_no_part_of_the_address() {
        let url = "https://user:password@proxy.example/path".parse().unwrap();
        assert_eq!(address(&url).to_string(), "https://proxy.example/");
    }
}
