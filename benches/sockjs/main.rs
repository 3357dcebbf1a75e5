//! What SockJS costs: `cargo bench --bench sockjs`.
//!
//! 1. `idle_websocket`: the resident memory of an idle SockJS session over a WebSocket beside that of a WebSocket alone
//!    (`transport/websocket.rs` with an echo), the servers being processes of their own; handshakes as a browser's.
//! 2. `websocket` and `xhr_streaming`: messages a second through an echo service, beside npm's `sockjs` 0.3.24 in the same
//!    run; eight of each session are on their way at a time. `xhr_streaming_single`: one, so that each has its own request.
//!    The server, ours or theirs, has one core and the load another; the two take turns, since machines drift.
//!
//!    The load is the same for both and asks as much as a server can answer: every request is made beforehand, goes over a
//!    connection that is kept, with one system call, and what comes back is not parsed but looked through. So a rate is
//!    the server's own where its `core_share` is near 1. Where it is not, other programs had the cores, which also makes a
//!    message cost more; neither `times` nor `times_by_cpu` then says much.
//!
//!    The load sleeps when there is nothing to do, as clients do. To wake it costs the server that writes, and the slower
//!    one finds it asleep more often: against a load that never slept `times` would be lower.
//!
//! Each prints one JSON object; named behind `--`, it runs alone. Node, `taskset` and the packages of
//! `tests/sockjs_clients` must be there.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

mod idle;
mod load;
mod server;
mod streaming;
mod websocket;

use serde_json::{Value, json};
use server::{Kind, Server};

const ROUNDS: usize = 5;

/// Which cores serve and ask.
const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

fn main() {
    // The servers are this program, too.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, kind] = &arguments[..]
        && command == "serve"
    {
        return server::run(Kind::named(kind));
    }
    server::pin_this_process(LOAD_CORE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let is_wanted = |scenario| {
        arguments.iter().all(|argument| argument.starts_with("--"))
            || arguments.iter().any(|argument| argument == scenario)
    };
    runtime.block_on(async {
        if is_wanted("idle_websocket") {
            println!("{}", idle_websocket().await);
        }
        if is_wanted("websocket") {
            println!("{}", beside_node("websocket", websocket::messages).await);
        }
        if is_wanted("xhr_streaming") {
            println!("{}", beside_node("xhr_streaming", streaming::messages).await);
        }
        if is_wanted("xhr_streaming_single") {
            println!("{}", beside_node("xhr_streaming_single", streaming::single_messages).await);
        }
    });
}

async fn idle_websocket() -> Value {
    let (mut native, mut sockjs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        native.push(idle::bytes_a_session(Kind::Native, "/").await);
        sockjs.push(idle::bytes_a_session(Kind::SockJs, "/echo/0/a/websocket").await);
    }
    let (native, sockjs) = (median(native), median(sockjs));
    json!({
        "scenario": "idle_websocket", "rounds": ROUNDS, "sessions": idle::SESSIONS,
        "native_bytes": native.round(), "sockjs_bytes": sockjs.round(), "more_bytes": (sockjs - native).round(),
        "target_more_bytes": 2048,
    })
}

async fn beside_node(scenario: &str, measure: impl AsyncFn(&Server) -> load::Rate) -> Value {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(measure(&Server::start(Kind::SockJs).await).await);
        theirs.push(measure(&Server::start(Kind::Node).await).await);
    }
    let rate = |rates: &[load::Rate]| median(rates.iter().map(|rate| rate.messages_a_second).collect());
    let cpu = |rates: &[load::Rate]| median(rates.iter().map(|rate| rate.cpu_us_a_message).collect());
    let share = |rates: &[load::Rate]| median(rates.iter().map(|rate| rate.core_share).collect());
    let ratio = ours.iter().zip(&theirs).map(|(ours, theirs)| ours.messages_a_second / theirs.messages_a_second);
    json!({
        "scenario": scenario, "rounds": ROUNDS, "sessions": load::SESSIONS, "seconds": load::MEASURED.as_secs(),
        "messages_per_s": rate(&ours).round(), "sockjs_node_messages_per_s": rate(&theirs).round(),
        "cpu_us_per_message": round(cpu(&ours)), "sockjs_node_cpu_us_per_message": round(cpu(&theirs)),
        "core_share": round(share(&ours)), "sockjs_node_core_share": round(share(&theirs)),
        "times": round(median(ratio.collect())), "times_by_cpu": round(cpu(&theirs) / cpu(&ours)), "target_times": 3,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
