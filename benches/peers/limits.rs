//! What the parts do by themselves on this machine: the limits that a login's figures are near to, or far from.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bounds::file;
use crate::figures::{median, rounded};
use crate::process::Server;
use crate::settings::Account;

const LANES: usize = 64;
const LASTING: Duration = Duration::from_secs(2);
const REQUEST: &str = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
const HANDSHAKE: &str = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// A text frame of 64 characters, with a mask of zeros (RFC 6455 §5.2).
const FRAME: &[u8] = b"\x81\xc0\0\0\0\0{\"seq\":2,\"type\":\"scanned\",\"at\":\"2026-01-02T03:04:05.678Z\"}     ";

/// What is asked over one connection: the same again and again, made beforehand, so that the load costs little.
#[derive(Clone, Copy)]
struct Question {
    /// Said once, and answered by a head.
    opening: Option<&'static str>,
    asked: &'static [u8],
}

pub async fn measure(rounds: usize) -> Value {
    let empty = Server::of_ours("empty", Account::none());
    let echo = Server::of_ours("echo", Account::none());
    let requests = Question { opening: None, asked: REQUEST.as_bytes() };
    let messages = Question { opening: Some(HANDSHAKE), asked: FRAME };
    let mut figures = Figures::default();
    for _ in 0..rounds {
        figures.empty.push(rate(&empty, requests, LANES).await);
        figures.echo.push(rate(&echo, messages, LANES).await);
        figures.lone_empty.push(rate(&empty, requests, 1).await);
        figures.lone_echo.push(rate(&echo, messages, 1).await);
        figures.single.push(appends_per_s(1));
        figures.grouped.push(appends_per_s(256));
    }
    let rates = |measured: &[Rate]| rounded(median(measured.iter().map(|rate| rate.per_s)));
    let shares = |measured: &[Rate]| rounded(median(measured.iter().map(|rate| rate.core_share)));
    let lone = |measured: &[Rate]| rounded(1e6 / median(measured.iter().map(|rate| rate.per_s)));
    json!({
        "scenario": "limits", "rounds": rounds, "lanes": LANES,
        "hyper_empty_per_s": rates(&figures.empty), "hyper_empty_core_share": shares(&figures.empty),
        "tungstenite_echo_per_s": rates(&figures.echo), "tungstenite_echo_core_share": shares(&figures.echo),
        "hyper_empty_alone_us": lone(&figures.lone_empty), "tungstenite_echo_alone_us": lone(&figures.lone_echo),
        "fdatasync_appends_per_s": rounded(median(figures.single)),
        "fdatasync_appends_in_groups_of_256_per_s": rounded(median(figures.grouped)),
    })
}

#[derive(Default)]
struct Figures {
    empty: Vec<Rate>,
    echo: Vec<Rate>,
    lone_empty: Vec<Rate>,
    lone_echo: Vec<Rate>,
    single: Vec<f64>,
    grouped: Vec<f64>,
}

struct Rate {
    per_s: f64,
    /// How much of its core the server had: where it is not near 1, the rate is not the server's own.
    core_share: f64,
}

async fn rate(server: &Server, question: Question, lanes: usize) -> Rate {
    let (address, until) = (server.settings.address(), Instant::now() + LASTING);
    let (began, cpu) = (Instant::now(), server.running.cpu());
    let answers: usize = join_all((0..lanes).map(|_| ask(address, question, until))).await.into_iter().sum();
    let took = began.elapsed().as_secs_f64();
    Rate { per_s: answers as f64 / took, core_share: (server.running.cpu() - cpu).as_secs_f64() / took }
}

/// Asks over a connection of its own; how often it was answered.
async fn ask(address: SocketAddr, question: Question, until: Instant) -> usize {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = [0; 1024];
    if let Some(opening) = question.opening {
        stream.write_all(opening.as_bytes()).await.unwrap();
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..read].ends_with(b"\r\n\r\n"));
    }
    // Each answer is as long as the first, which comes in one piece.
    stream.write_all(question.asked).await.unwrap();
    let length = stream.read(&mut buffer).await.unwrap();
    assert!(length > 0);
    let mut answers = 1;
    while Instant::now() < until {
        stream.write_all(question.asked).await.unwrap();
        stream.read_exact(&mut buffer[..length]).await.unwrap();
        answers += 1;
    }
    answers
}

/// On the core that serves, as a server's log.
fn appends_per_s(group: usize) -> f64 {
    let folder = crate::process::folder();
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| {
            crate::process::pin_as_a_server();
            file::appends_per_s(folder.path(), group, LASTING)
        });
        appending.join().unwrap()
    })
}
