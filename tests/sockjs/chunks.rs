//! A client that reads a response chunk by chunk, as it was sent.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::SOON;

/// A response that is being read.
pub struct Chunks<T> {
    stream: BufReader<T>,
    /// The head, in small letters.
    pub head: String,
}

impl Chunks<TcpStream> {
    pub async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), method, path, headers).await
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Chunks<T> {
    /// Asks over this connection; `headers` are whole lines.
    pub async fn over(stream: T, method: &str, path: &str, headers: &str) -> Self {
        let mut stream = BufReader::new(stream);
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).await.unwrap() > 0, "no answer: {head}");
        }
        Self { stream, head: head.to_ascii_lowercase() }
    }

    pub fn status(&self) -> &str {
        &self.head["http/1.1 ".len()..][..3]
    }

    /// The next chunk; empty at the response's end.
    pub async fn next(&mut self) -> String {
        tokio::time::timeout(SOON, self.read()).await.expect("nothing comes")
    }

    /// The next chunk, however long it takes.
    pub async fn read(&mut self) -> String {
        let mut length = String::new();
        self.stream.read_line(&mut length).await.unwrap();
        let length = usize::from_str_radix(length.trim_end(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        self.stream.read_exact(&mut chunk).await.unwrap();
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(length);
        String::from_utf8(chunk).unwrap()
    }
}
