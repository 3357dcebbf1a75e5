//! What the checks cost.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::daemon::{Checked, Daemon};
use crate::login::Login;
use crate::{quantile, round};

const ROUNDS: usize = 31;
const LOGINS: usize = 200;
/// So many share a sync, as under load: alone, each would cost more, and the checks less beside it.
const AT_A_TIME: usize = 8;
/// They come again: what is made for somebody new would make every login cost more.
const PEOPLE: u32 = 100;

/// What a login cost each daemon in one round, in microseconds.
struct Round {
    little: f64,
    all: f64,
    with_id_token: f64,
}

pub async fn measure() -> Value {
    let daemons = [
        Daemon::start(Checked::Little).await,
        Daemon::start(Checked::All).await,
        Daemon::start(Checked::AllWithIdToken).await,
    ];
    for daemon in &daemons {
        cost(daemon).await;
    }
    let mut rounds = Vec::with_capacity(ROUNDS);
    for number in 0..ROUNDS {
        let mut costs = [0.0; 3];
        // Each is as often first as last.
        for turn in 0..3 {
            let whose = (number + turn) % 3;
            costs[whose] = cost(&daemons[whose]).await;
        }
        let [little, all, with_id_token] = costs;
        rounds.push(Round { little, all, with_id_token });
    }
    let of = |figure: fn(&Round) -> f64| round(quantile(rounds.iter().map(figure), 0.5));
    let times = |share| round(quantile(rounds.iter().map(|round| round.all / round.little), share));
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
async fn cost(daemon: &Daemon) -> f64 {
    let before = daemon.cpu();
    stream::iter(0..LOGINS).for_each_concurrent(AT_A_TIME, async |_| log_in(daemon).await).await;
    daemon.cpu().since(&before).as_secs_f64() * 1e6 / LOGINS as f64
}

async fn log_in(daemon: &Daemon) {
    let mut login = Login::begin(daemon).await;
    let scan = login.scan(login.number % PEOPLE);
    let ((), code) = tokio::join!(daemon.push(scan), login.confirmed());
    login.redeem(&code).await;
}
