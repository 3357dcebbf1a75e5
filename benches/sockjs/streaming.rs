//! Messages over `xhr_send` and back over `xhr_streaming`. A client puts all that was said since its last request into the
//! next one.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::{self, Echoes, MESSAGE, Rate};
use crate::server::Server;

/// Eight messages of each session on their way at a time, in one request.
pub async fn messages(server: &Server) -> Rate {
    measure(server, load::ON_THEIR_WAY).await
}

/// One message a request.
pub async fn single_messages(server: &Server) -> Rate {
    measure(server, 1).await
}

async fn measure(server: &Server, at_a_time: usize) -> Rate {
    let address = server.address;
    load::measure(server, move |number, echoes| speak(address, number, at_a_time, echoes)).await
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://www.example.com\r\n\
         Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn speak(address: SocketAddr, number: usize, at_a_time: usize, echoes: Echoes) {
    let session = format!("/echo/0/{number}");
    let mut receiver = Receiver::open(address, &session).await;
    let mut sender = connect(address).await;
    let send = post(&format!("{session}/xhr_send"), &serde_json::json!(vec![MESSAGE; at_a_time]).to_string());
    let mut taken = Vec::with_capacity(1 << 10);
    loop {
        sender.write_all(&send).await.unwrap();
        taken.clear();
        while !taken.ends_with(b"\r\n\r\n") {
            assert_ne!(sender.read_buf(&mut taken).await.unwrap(), 0, "the server closed");
        }
        assert!(taken.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&taken));
        let mut back = 0;
        while back < at_a_time {
            let messages = receiver.next().await;
            echoes.set(echoes.get() + messages);
            back += messages;
        }
    }
}

/// The last chunk, which is empty (RFC 9112 §7.1), behind another.
const END: &[u8] = b"\r\n0\r\n\r\n";

/// A streaming response, asked for again where it has come to its limit.
struct Receiver {
    stream: TcpStream,
    ask: Vec<u8>,
    answer: Vec<u8>,
}

impl Receiver {
    async fn open(address: SocketAddr, session: &str) -> Self {
        let ask = post(&format!("{session}/xhr_streaming"), "");
        let mut receiver = Self { stream: connect(address).await, ask, answer: Vec::with_capacity(1 << 14) };
        receiver.ask().await;
        receiver
    }

    async fn ask(&mut self) {
        self.stream.write_all(&self.ask).await.unwrap();
    }

    /// Waits for a message, and tells how many there were.
    async fn next(&mut self) -> usize {
        loop {
            assert_ne!(self.stream.read_buf(&mut self.answer).await.unwrap(), 0, "the server closed");
            let messages = load::count(&self.answer);
            if self.answer.ends_with(END) {
                self.ask().await;
                self.answer.clear();
            }
            // What may be the beginning of the end stays.
            let read = self.answer.len().saturating_sub(END.len() - 1);
            self.answer.drain(..read);
            if messages > 0 {
                return messages;
            }
        }
    }
}
