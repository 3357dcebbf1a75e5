//! One trace a login, as a collector gets it: the real program, built with the feature `otel`, and a collector that reads
//! OTLP over HTTP as far as this needs (opentelemetry-proto, `trace/v1/trace.proto`).

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]
#![allow(dead_code, reason = "the world of the daemon's tests has more than these need")]

#[path = "../daemon/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::routing::post;
use support::*;

/// A span as far as it matters here.
#[derive(Clone, Debug)]
struct Told {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    began: u64,
    ended: u64,
    attributes: BTreeMap<String, String>,
}

/// The fields of a message of Protocol Buffers, by number; those that are bytes (wire type 2) or of fixed 64 bits (type 1).
fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn number(message: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (byte, rest) = message.split_first().unwrap();
            *message = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = number(&mut message);
        let length = match key & 7 {
            0 => {
                number(&mut message);
                continue;
            }
            1 => 8,
            2 => number(&mut message) as usize,
            5 => 4,
            other => panic!("there is no wire type {other}"),
        };
        let (value, rest) = message.split_at(length);
        found.push((key >> 3, value.to_vec()));
        message = rest;
    }
    found
}

fn all(message: &[u8], field: u64) -> Vec<Vec<u8>> {
    fields(message).into_iter().filter(|(number, _)| *number == field).map(|(_, value)| value).collect()
}

fn one(message: &[u8], field: u64) -> Vec<u8> {
    all(message, field).pop().unwrap_or_default()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// `ExportTraceServiceRequest`: resources, scopes, spans.
fn read(request: &[u8]) -> Vec<Told> {
    let scopes = all(request, 1).into_iter().flat_map(|resource| all(&resource, 2));
    let spans = scopes.flat_map(|scope| all(&scope, 2));
    let time = |bytes: Vec<u8>| u64::from_le_bytes(bytes.try_into().unwrap());
    let told = spans.map(|span| Told {
        trace: one(&span, 1),
        id: one(&span, 2),
        parent: one(&span, 4),
        name: text(one(&span, 5)),
        began: time(one(&span, 7)),
        ended: time(one(&span, 8)),
        attributes: all(&span, 9).iter().map(|pair| (text(one(pair, 1)), text(one(&one(pair, 2), 1)))).collect(),
    });
    told.collect()
}

/// A collector, and what it was told.
async fn collector() -> (String, Arc<Mutex<Vec<Told>>>) {
    let told = Arc::<Mutex<Vec<Told>>>::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hearing = told.clone();
    let take = move |body: Bytes| {
        hearing.lock().unwrap().extend(read(&body));
        async { [("content-type", "application/x-protobuf")] }
    };
    let router = axum::Router::new().route("/v1/traces", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), told)
}

#[tokio::test]
async fn one_login_is_one_trace_from_its_creation_to_its_redemption_over_a_restart() {
    let (endpoint, told) = collector().await;
    let mut world = World::prepare(|config| config).await;
    world.set("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
    world.run().await;
    let page = world.create().await;
    // What is told is sent when the daemon stops.
    assert!(world.terminate().await.0.success());
    world.run().await;
    let (messages, accepted) = tokio::join!(page.poll(1, 30), world.scan(&page.qr_content, "oAlice"));
    assert!(accepted);
    let code = messages.json()["messages"][1]["code"].as_str().unwrap().to_owned();
    assert_eq!(world.redeem(&code).await.status, 200);
    assert!(world.terminate().await.0.success());

    let spans = told.lock().unwrap().clone();
    let named = |name: &str| -> Told {
        let found: Vec<&Told> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {spans:#?}");
        found[0].clone()
    };
    let create = named("create");
    assert!(create.parent.is_empty(), "it begins the trace");
    for (name, outcome) in [("callback", "confirmed"), ("redeem", "redeemed")] {
        let span = named(name);
        assert_eq!((&span.parent, span.attributes["scan_login.outcome"].as_str()), (&create.id, outcome), "{name}");
    }
    let callback = named("callback");
    for part in ["open", "decide", "push"] {
        let part = named(part);
        assert_eq!(part.parent, callback.id, "{part:?}");
        assert!(callback.began <= part.began && part.began <= part.ended, "{part:?}");
    }
    for span in &spans {
        assert_eq!(span.trace, create.trace, "{span:?}");
        assert_eq!(span.attributes["scan_login.scene"], page.scene);
        assert_eq!((&*span.attributes["scan_login.account"], &*span.attributes["scan_login.client"]), ("main", "shop"));
        assert!(!format!("{span:?}").contains("oAlice"), "a person is in {span:?}");
    }
    assert_eq!(spans.len(), 6, "{spans:#?}");
}

#[tokio::test]
async fn without_a_collector_nobody_is_told_and_nothing_waits() {
    let mut world = World::start().await;
    world.create().await;
    let (status, log) = world.terminate().await;
    assert!(status.success() && !log.contains("span"), "{log}");
}
