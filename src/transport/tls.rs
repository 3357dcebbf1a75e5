//! TLS below HTTP, where the operator has no proxy that speaks it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::observed::Observed;

/// Time for a handshake, from the connection on: as long as a request's head may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// What who speaks plain HTTP is told.
const PLAIN: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 33\r\nconnection: close\r\n\r\n\
                       this port speaks https, not http\n";

/// Shakes hands. Who speaks plain HTTP is told so, which browsers and probes show.
///
/// # Errors
/// What went wrong; too late is [`io::ErrorKind::TimedOut`].
pub(super) async fn accept(stream: Observed, tls: Arc<ServerConfig>) -> io::Result<TlsStream<Observed>> {
    let handshake = async {
        if stream.first().await?.is_some_and(|first| first.is_ascii_uppercase()) {
            return Err(refuse_plain(stream).await);
        }
        TlsAcceptor::from(tls).accept(stream).await
    };
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the handshake did not end in time");
    tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await.map_err(late)?
}

async fn refuse_plain(mut stream: Observed) -> io::Error {
    let told = async {
        stream.write_all(PLAIN).await?;
        stream.shutdown().await
    };
    told.await.err().unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "plain HTTP"))
}
