//! Our daemon beside peers and bare limits, in the same run: `cargo bench --bench peers [-- SCENARIO… --rounds=N]`, one
//! JSON object a scenario on standard output, tables for eyes on standard error.
//!
//! Figures of two machines, or of one machine at two times, cannot be compared; ratios taken in one run can. So the servers
//! stand side by side and take turns, each as often first as last, a ratio is taken in every round, and the medians of the
//! rounds are told, with quartiles and with what the ratio is to be. Every server is a process on one core, and the load
//! has another. The load is the product's own (`scan_login::bench`) and the same for all: the same browsers, each with an
//! address and one TCP connection of its own, the same simulated WeChat, whose pushes are signed and encrypted, and the
//! same website. All have their files on the disk under `target`.
//!
//! - `ours`: the daemon with all checks and without id tokens, and browsers of `/v1/sessions`. `ours_original`: the same,
//!   and the original page over SockJS. A page does not know the scene of its picture, so the load reads it from the
//!   journal, which the daemon has to tell: a cost that the peers do not have.
//! - `bare`: a loop with the requests, sockets and syncs of a login at `ours` and nothing else (`bare/mod.rs` says what it
//!   lacks). `bare_alone`: without the call to WeChat for the QR code, which comes to the load's own core.
//! - `node`: what the author of the original page would have written (`node/`): Node, npm's `sockjs`, a map; nothing is
//!   durable. `node_redis`: the same, where each event is in a stream of Redis, `appendfsync always`, before anybody is
//!   told; Redis shares the server's core.
//!
//! Scenarios:
//!
//! 1. `logins`: complete logins a second, `--lanes` at a time. `core_share` is how much of its core the server had, without
//!    Redis: where it is not near 1, the server waited, for the disk or for the load. `load_core_share` is the load's:
//!    where that is near 1, the rate is the load's as much as the server's, and a ratio is nearer to 1 than the servers
//!    are. `cpu_us_a_login` knows nothing of the load: the ratios `…_by_cpu` are what the rates would be if each server had
//!    its core and nothing else to wait for.
//! 2. `latency`: from WeChat's push until the browser has read that the login is confirmed, for lone logins, ours and the
//!    bare loop's; and each at six tenths of its own greatest rate, found just before: what the bare loop's tail is then
//!    comes of the machine. There the load is open: pushes come
//!    as visitors do, and the time counts from when a push was due (`scan_login::bench::scenario::callback`).
//! 3. `memory`: what each pending login with an open socket adds to the resident size, once some have been opened. Every
//!    server is a fresh process. The kernel's share, about 5 KiB a socket, is not in it.
//! 4. `limits`: what the parts do by themselves: hyper with an empty body, tungstenite's echo, and a file with `fdatasync`
//!    behind each append, and behind each 256. `alone_us` is a round trip when nobody else asks: mostly two wake-ups.
//!
//! Node, npm and two cores must be there; the packages in `node/` are installed as its lock file says, and Debian's
//! `redis-server` where there is none. An unoptimized build (`--profile dev`) shows that it runs, and no more: no target is
//! judged by it.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

mod bare;
mod bounds;
mod contestant;
mod figures;
mod scenario;
mod server;
mod serving;
mod settings;
mod table;
mod wechat;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use scan_login::bench::machine::Machine;
use scan_login::bench::{Pinning, Progress};
use serde_json::json;

use scenario::{Extent, latency, limits, logins, memory};
use settings::Settings;

/// The bare loop has the program's, too: docs/adr/0030.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// What is measured; all of it where nothing is named.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// How often everybody has a turn.
    #[arg(long)]
    rounds: Option<usize>,
    /// How long a turn is.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// How many logins at a time.
    #[arg(long, default_value_t = 64)]
    lanes: usize,
    /// How many lone logins a turn.
    #[arg(long, default_value_t = 1000)]
    lone: usize,
    /// How many open sockets.
    #[arg(long, default_value_t = 4000)]
    sockets: usize,
    /// What cargo says.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    Logins,
    Latency,
    Memory,
    Limits,
}

fn main() {
    // The servers are this program, too.
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [command, name] = &words[..]
        && command == "serve"
    {
        return serve(name);
    }
    let arguments = Arguments::parse();
    let machine = Machine::this();
    let pinning = Pinning::new(1).expect("the servers and the load need a core each: two are needed");
    pinning.pin_load().unwrap();
    let extent = Extent {
        pinning,
        progress: Progress::on_stderr(),
        rounds: arguments.rounds,
        turn: Duration::from_secs_f64(arguments.seconds),
        lanes: arguments.lanes,
        lone: arguments.lone,
        sockets: arguments.sockets,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for scenario in Scenario::value_variants() {
            if arguments.scenarios.is_empty() || arguments.scenarios.contains(scenario) {
                let mut figures = match scenario {
                    Scenario::Logins => logins::measure(&extent).await,
                    Scenario::Latency => latency::measure(&extent).await,
                    Scenario::Memory => memory::measure(&extent).await,
                    Scenario::Limits => limits::measure(&extent).await,
                };
                figures["machine"] = json!(machine);
                figures["optimized"] = json!(!cfg!(debug_assertions));
                println!("{figures}");
            }
        }
    });
}

/// The servers have the same runtime as our daemon.
#[tokio::main]
async fn serve(name: &str) {
    let settings = Settings::from_input();
    match name {
        "bare" => bare::run(settings, false).await,
        "bare_alone" => bare::run(settings, true).await,
        "echo" => bounds::echo::run(settings.address()).await,
        "empty" => bounds::empty::run(settings.address()).await,
        name => panic!("there is no server {name}"),
    }
}
