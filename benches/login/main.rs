//! What a whole login costs, and how long its visitor waits: `cargo bench --bench login [-- SCENARIO…]`, one JSON object a
//! scenario. What `scan-login bench` measures, too, is not repeated here.
//!
//! A login is `POST /v1/sessions`, a WebSocket that attaches by sub-protocol, WeChat's signed and encrypted push of the
//! scan, which confirms by itself (`confirm = "auto"`), the browser's `scanned` and `confirmed`, and `POST /oauth/token`.
//! Each browser has an address and a connection of its own; WeChat and the website keep theirs.
//!
//! 1. `checks`: the daemon's CPU time for a login with all that makes it safe (`Origin` on both of the browser's requests,
//!    PKCE, redirect URI, `state`, `nonce`, `[limits]`), beside the same requests without any of it. What no login goes
//!    without is in both: the attach token, WeChat's signature, the client's secret. The daemons stand side by side and take
//!    turns; medians of the rounds are told. `times` is of the checks alone, `times_quartiles` how far the rounds are apart.
//!    An id token is a product and not a check: `times_with_id_token` has it, too, and `id_token_us` is what it costs by
//!    itself, nearly all of it the signature (RS256).
//! 2. `latency`: from WeChat's push to the browser that has read `confirmed`, with all checks, id tokens, and somebody else
//!    at each login, so that each has keys to be made durable. The load is open: logins come as visitors do, independently
//!    of each other and of the daemon (a Poisson process of fixed seed, drawn beforehand), and the time counts from when a
//!    push is due, whether or not it could be sent by then. `sent_late_p99_ms` is how late pushes left: where it is not
//!    small, the load had no core when it wanted one, or a login took a second to begin. `unloaded` is the same with few
//!    logins.
//! 3. `restart`: logins at a given rate while the daemon is told to stop and started again, several times, its public socket held
//!    by this process as systemd holds it. Browsers that lose their connection come back, WeChat delivers what was not
//!    answered again, and the website asks once. `lost` is how many logins did not come to their end; `outage_ms` the
//!    longest that anybody waited for an answer over a restart who asked every 5 ms, each time on a connection of its own;
//!    `refused` how many of those were not answered.
//! 4. `cost`: what can be counted, whatever else the machine does: a login's instructions in the daemon (callgrind, one login at a
//!    time, without and with all checks, and with an id token), and its calls of the system (strace, one login at a time and 32).
//!    It asks for Debian's `valgrind` and `strace`, and runs only where it is named.
//!
//! The daemons are the real program, on fresh stores on the disk under `target`; WeChat is simulated, in this process.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

mod checks;
mod cost;
mod latency;
mod restart;

use std::path::PathBuf;

use scan_login::bench::daemon::{Checks, Daemon, DaemonSettings};
use scan_login::bench::descriptors::{Open, Whose, enough_for};
use scan_login::bench::figures::rounded;

/// Most browsers that watch at once; each has a descriptor.
const BROWSERS: u64 = 2_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    enough_for(Open::of_lanes(1).and_browsers(BROWSERS, ""), Whose::OursAndTheDaemons).unwrap();
    let names: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let is_wanted = |scenario: &str| names.is_empty() || names.iter().any(|name| name == scenario);
    if is_wanted("checks") {
        println!("{}", checks::measure().await);
    }
    if names.iter().any(|name| name == "cost") {
        println!("{}", cost::measure().await);
    }
    if is_wanted("latency") {
        println!("{}", latency::measure().await);
    }
    if is_wanted("restart") {
        println!("{}", restart::measure().await);
    }
}

async fn daemon(checks: Checks, is_socket_held: bool) -> Daemon {
    daemon_of(PathBuf::from(env!("CARGO_BIN_EXE_scan-login")), checks, is_socket_held).await
}

async fn daemon_of(program: PathBuf, checks: Checks, is_socket_held: bool) -> Daemon {
    let settings = DaemonSettings {
        program,
        dir: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        checks,
        pinning: None,
        is_socket_held,
        unset: Vec::new(),
    };
    Daemon::start(settings).await.unwrap()
}

/// The value below which this share of all is: 0.5 is the median, 1 the greatest.
fn quantile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

fn quantile_ms(values: &[f64], share: f64) -> f64 {
    rounded(quantile(values.iter().copied(), share))
}
