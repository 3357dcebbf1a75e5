//! Messages over WebSockets, eight of each session on their way at a time.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::{self, Echoes, MESSAGE, ON_THEIR_WAY, Rate};
use crate::server::Server;

/// A socket whose handshake, as a browser would send it, was accepted, and over which, where it is SockJS's, the session
/// was opened.
pub async fn open(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n\
         Upgrade: websocket\r\nOrigin: https://www.example.com\r\nSec-WebSocket-Version: 13\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let opened: &[u8] = if path == "/" { b"\r\n\r\n" } else { b"\r\n\r\n\x81\x01o" };
    let mut answer = Vec::new();
    while !answer.ends_with(opened) {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
    stream
}

pub async fn messages(server: &Server) -> Rate {
    let address = server.address;
    load::measure(server, move |number, echoes| speak(address, number, echoes)).await
}

async fn speak(address: SocketAddr, number: usize, echoes: Echoes) {
    let mut stream = open(address, &format!("/echo/0/{number}/websocket")).await;
    let payload = format!("[\"{MESSAGE}\"]");
    // A text frame, masked with zeros (RFC 6455 §5.2).
    let mut frame = vec![0x81, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload.as_bytes());
    let mut free = ON_THEIR_WAY;
    let mut answer = vec![0; 1 << 16];
    loop {
        stream.write_all(&frame.repeat(free)).await.unwrap();
        let length = stream.read(&mut answer).await.unwrap();
        assert_ne!(length, 0, "the server closed");
        free = load::count(&answer[..length]);
        echoes.set(echoes.get() + free);
    }
}
