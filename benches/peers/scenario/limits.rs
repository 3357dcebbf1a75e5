//! `limits`: what the parts do by themselves on this machine: the limits that a login's figures are near to, or far from.

use std::net::SocketAddr;
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Extent;
use crate::bounds::file;
use crate::figures::{median, rounded};
use crate::server::{Server, folder, this_program};
use crate::settings::Account;
use crate::table::Table;

const ROUNDS: usize = 5;
/// So many appends a sync, as our daemon's writer at most.
const GROUP: usize = 256;
const REQUEST: &str = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
const HANDSHAKE: &str = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// A text frame of 58 characters, with a mask of zeros (RFC 6455 §5.2).
const FRAME: &[u8] = b"\x81\xba\0\0\0\0{\"seq\":2,\"type\":\"scanned\",\"at\":\"2026-01-02T03:04:05.678Z\"}";

/// What is asked over one connection: the same again and again, made beforehand, so that the load costs little.
#[derive(Clone, Copy)]
struct Question {
    /// Said once, and answered by a head.
    opening: Option<&'static str>,
    asked: &'static [u8],
}

pub async fn measure(extent: &Extent) -> Value {
    let rounds = extent.rounds.unwrap_or(ROUNDS);
    let start = async |name| Server::start(&mut this_program(name), &extent.pinning, Account::none()).await;
    let (empty, echo) = (start("empty").await, start("echo").await);
    let requests = Question { opening: None, asked: REQUEST.as_bytes() };
    let messages = Question { opening: Some(HANDSHAKE), asked: FRAME };
    let mut figures = Figures::default();
    for _ in 0..rounds {
        figures.empty.push(rate(&empty, requests, extent.lanes, extent).await);
        figures.echo.push(rate(&echo, messages, extent.lanes, extent).await);
        figures.lone_empty.push(rate(&empty, requests, 1, extent).await);
        figures.lone_echo.push(rate(&echo, messages, 1, extent).await);
        figures.single.push(appends_per_s(1, extent));
        figures.grouped.push(appends_per_s(GROUP, extent));
    }
    let mut table = Table::new(["part", "a second", "its core", "alone µs"]);
    let mut parts = Map::new();
    let served =
        [("hyper_empty", &figures.empty, &figures.lone_empty), ("tungstenite_echo", &figures.echo, &figures.lone_echo)];
    for (name, rates, alone) in served {
        let per_s = median(rates.iter().map(|rate| rate.per_s));
        let share = median(rates.iter().map(|rate| rate.core_share));
        let alone_us = 1e6 / median(alone.iter().map(|rate| rate.per_s));
        table.row(name, [per_s, share, alone_us]);
        let told = json!({ "per_s": rounded(per_s), "core_share": rounded(share), "alone_us": rounded(alone_us) });
        parts.insert(name.into(), told);
    }
    for (name, rates) in [("fdatasync_1", &figures.single), ("fdatasync_256", &figures.grouped)] {
        let per_s = median(rates.iter().copied());
        table.row(name, [per_s]);
        parts.insert(name.into(), json!({ "appends_per_s": rounded(per_s) }));
    }
    table.show("limits");
    json!({ "scenario": "limits", "rounds": rounds, "lanes": extent.lanes, "parts": parts })
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

async fn rate(server: &Server, question: Question, lanes: usize, extent: &Extent) -> Rate {
    let (address, until) = (server.settings.address(), Instant::now() + extent.turn);
    let (began, cpu) = (Instant::now(), server.process().cpu().unwrap());
    let answers: usize = join_all((0..lanes).map(|_| ask(address, question, until))).await.into_iter().sum();
    let took = began.elapsed().as_secs_f64();
    Rate { per_s: answers as f64 / took, core_share: server.process().cpu().unwrap().since(&cpu).as_secs_f64() / took }
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
fn appends_per_s(group: usize, extent: &Extent) -> f64 {
    let folder = folder();
    let append = || {
        std::thread::scope(|scope| {
            scope.spawn(|| file::appends_per_s(folder.path(), group, extent.turn)).join().unwrap()
        })
    };
    extent.pinning.starting_daemon(append).unwrap()
}
