//! What the checks cost.

use futures_util::{StreamExt, stream};
use scan_login::bench::Driver;
use scan_login::bench::daemon::{Checks, Daemon};
use scan_login::bench::figures::{micros_each, rounded};
use scan_login::bench::login::{Steps, log_in};
use scan_login::bench::target::Protocol;
use serde_json::{Value, json};

use crate::{daemon, quantile};

const ROUNDS: usize = if cfg!(debug_assertions) { 3 } else { 31 };
const LOGINS: u64 = if cfg!(debug_assertions) { 50 } else { 200 };
/// So many share a sync, as under load: alone, each would cost more, and the checks less beside it.
const AT_A_TIME: usize = 8;

/// What a login cost each daemon in one round, in microseconds.
struct Round {
    little: f64,
    all: f64,
    with_id_token: f64,
}

pub async fn measure() -> Value {
    let mut daemons = Vec::with_capacity(3);
    for checks in [Checks::Little, Checks::All, Checks::AllWithIdToken] {
        let daemon = daemon(checks, false).await;
        let driver = Driver::new(daemon.target().clone(), Protocol::Native).await.unwrap();
        cost(&daemon, &driver).await;
        daemons.push((daemon, driver));
    }
    let mut rounds = Vec::with_capacity(ROUNDS);
    for number in 0..ROUNDS {
        let mut costs = [0.0; 3];
        // Each is as often first as last.
        for turn in 0..3 {
            let whose = (number + turn) % 3;
            let (daemon, driver) = &daemons[whose];
            costs[whose] = cost(daemon, driver).await;
        }
        let [little, all, with_id_token] = costs;
        rounds.push(Round { little, all, with_id_token });
    }
    let of = |figure: fn(&Round) -> f64| rounded(quantile(rounds.iter().map(figure), 0.5));
    let times = |share| rounded(quantile(rounds.iter().map(|round| round.all / round.little), share));
    json!({
        "scenario": "checks", "rounds": ROUNDS, "logins_a_round": LOGINS, "logins_at_a_time": AT_A_TIME,
        "little_cpu_us": of(|round| round.little), "all_cpu_us": of(|round| round.all),
        "all_with_id_token_cpu_us": of(|round| round.with_id_token),
        "checks_us": of(|round| round.all - round.little), "id_token_us": of(|round| round.with_id_token - round.all),
        "times": of(|round| round.all / round.little), "times_quartiles": [times(0.25), times(0.75)],
        "times_with_id_token": of(|round| round.with_id_token / round.little), "target_times": 1.15,
    })
}

/// The daemon's CPU time for a login, in microseconds.
async fn cost(daemon: &Daemon, driver: &Driver) -> f64 {
    let before = daemon.process().cpu().unwrap();
    let (logins, steps) = (stream::iter(0..LOGINS), Steps::default());
    logins.for_each_concurrent(AT_A_TIME, async |_| log_in(driver, &steps).await.unwrap()).await;
    micros_each(daemon.process().cpu().unwrap().since(&before), LOGINS)
}
