//! Our daemon beside others in the same run.

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
use scan_login::bench::Pinning;

use scenario::{Extent, latency, limits, logins, memory};
use settings::Settings;

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
    let pinning = Pinning::new(1).expect("the servers and the load need a core each: two are needed");
    pinning.pin_load().unwrap();
    let extent = Extent {
        pinning,
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
                let figures = match scenario {
                    Scenario::Logins => logins::measure(&extent).await,
                    Scenario::Latency => latency::measure(&extent).await,
                    Scenario::Memory => memory::measure(&extent).await,
                    Scenario::Limits => limits::measure(&extent).await,
                };
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
