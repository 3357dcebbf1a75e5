//! What stands between a visitor and the daemon.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::StatusCode;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Connects from this address of the machine's own.
async fn connect(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

/// A reverse proxy in front of a website and scan-login, as real sites have one: it speaks TLS, and both have the same
/// origin.
pub struct ReverseProxy(TcpListener);

impl ReverseProxy {
    /// Where its connections to the daemon come from.
    pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 88, 0, 1);

    pub async fn prepare() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn origin(&self) -> String {
        format!("https://{}", self.0.local_addr().unwrap())
    }

    /// The paths of the original page's interface lead to the daemon, all others to the website.
    pub fn open(self, daemon: SocketAddr, website: SocketAddr) {
        let tls = TlsAcceptor::from(Arc::new(certified()));
        let route = move |path: &str| {
            if path.starts_with("/qrcode") || path.starts_with("/sockjs") { daemon } else { website }
        };
        tokio::spawn(async move {
            while let Ok((stream, visitor)) = self.0.accept().await {
                let tls = tls.clone();
                let service = service_fn(move |request: http::Request<Incoming>| {
                    let to = route(request.uri().path());
                    forward(request, visitor, to)
                });
                tokio::spawn(async move {
                    // A browser that goes away is no fault of ours.
                    let Ok(stream) = tls.accept(stream).await else { return };
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
                });
            }
        });
    }
}

/// A certificate of its own making; the tests' browsers believe any.
fn certified() -> ServerConfig {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap()
}

/// Passes a request on, and where it becomes a WebSocket, all that follows in both directions.
async fn forward(
    mut request: http::Request<Incoming>,
    visitor: SocketAddr,
    to: SocketAddr,
) -> Result<http::Response<Incoming>, Broken> {
    request.headers_mut().insert("x-forwarded-for", visitor.ip().to_string().parse()?);
    let visitors_side = hyper::upgrade::on(&mut request);
    let stream = connect(ReverseProxy::ADDRESS, to).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    let mut response = sender.send_request(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let daemons_side = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            if let (Ok(visitor), Ok(daemon)) = tokio::join!(visitors_side, daemons_side) {
                let _ = copy_bidirectional(&mut TokioIo::new(visitor), &mut TokioIo::new(daemon)).await;
            }
        });
    }
    Ok(response)
}

/// A connection broke, or was not to be had.
type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A SOCKS proxy (RFC 1928): who goes through it comes from the address `from`.
pub async fn elsewhere(from: Ipv4Addr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((visitor, _)) = listener.accept().await {
            tokio::spawn(relay(visitor, from));
        }
    });
    address
}

async fn relay(mut visitor: TcpStream, from: Ipv4Addr) -> std::io::Result<()> {
    let [_version, methods] = read(&mut visitor).await?;
    visitor.read_exact(&mut vec![0; methods.into()]).await?;
    visitor.write_all(&[5, 0]).await?;
    // CONNECT, and the host as text: Chromium writes addresses so, too.
    let [5, 1, 0, 3, length] = read(&mut visitor).await? else { return Err(ErrorKind::Unsupported.into()) };
    let mut host = vec![0; length.into()];
    visitor.read_exact(&mut host).await?;
    let port = u16::from_be_bytes(read(&mut visitor).await?);
    // Nobody here knows names; the browser itself looks for some hosts of its maker's.
    let host: Option<Ipv4Addr> = String::from_utf8_lossy(&host).parse().ok();
    let Some(ip) = host else { return visitor.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await };
    let mut server = connect(from, (ip, port).into()).await?;
    visitor.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut visitor, &mut server).await.map(drop)
}

async fn read<const LENGTH: usize>(stream: &mut TcpStream) -> std::io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
