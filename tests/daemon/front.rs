//! The front door: HTTP as peers really speak it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::callback::{event, now, query};
use crate::support::*;

/// Sends bytes, and reads until an answer stands there whole, with the connection still open.
async fn answered(world: &World, bytes: &str) -> String {
    let mut stream = TcpStream::connect(world.socket_address()).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut text = String::new();
    let reading = async {
        let mut buffer = [0; 4096];
        loop {
            let length = stream.read(&mut buffer).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&buffer[..length]));
            if length == 0 || is_whole(&text) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reading).await.expect("no answer came");
    text
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    length.is_some_and(|length| body.len() >= length.parse::<usize>().unwrap())
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test]
async fn an_answer_is_not_kept_back_for_what_comes_behind_its_request() {
    let world = World::start().await;
    let page = world.create().await;
    let body = event("SCAN", &page.scene, "oAlice");
    let path = format!("/wechat/main?{}", query(&now().to_string(), "1"));
    let scan = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}\r\n", body.len());
    assert_eq!(status(&answered(&world, &scan).await), "200", "a line break behind the body");
    page.wait_for("confirmed").await;
    let halves = "GET /sockjs/info HTTP/1.1\r\nhost: a\r\n\r\nGET /sockjs/info HTTP/1.1\r\nho";
    assert_eq!(status(&answered(&world, halves).await), "200", "half of the next request");
}

#[tokio::test]
async fn what_is_no_http_gets_an_answer() {
    let world = World::start().await;
    for (bytes, expected) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(20_000)), "431"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(200)), "431"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(), "400"),
    ] {
        assert_eq!(status(&answered(&world, &bytes).await), expected, "{}", &bytes[..bytes.len().min(60)]);
    }
}
