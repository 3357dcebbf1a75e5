//! `latency`: from WeChat's push until the browser has read that the login is confirmed.

use scan_login::bench::login::{Steps, log_in};
use scan_login::bench::scenario::{Length, callback};
use serde_json::{Value, json};

use super::Extent;
use crate::contestant::{Contestant, Kind};
use crate::figures::{Comparison, Target, median, rounded};
use crate::table::Table;

const ROUNDS: usize = 7;
/// The first ones are not counted: connections come to be.
const WARM_UP: usize = 50;

/// Of lone logins, in one turn.
#[derive(Clone, Copy)]
struct Alone {
    p50_ms: f64,
    p99_ms: f64,
}

/// At six tenths of the greatest rate, beside lone logins in the same turn.
struct Loaded {
    max_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    times: f64,
}

impl Loaded {
    fn told(turns: &[Self]) -> Value {
        json!({
            "greatest_logins_per_s": rounded(middle(turns, |turn| turn.max_per_s)),
            "p50_ms": rounded(middle(turns, |turn| turn.p50_ms)), "p99_ms": rounded(middle(turns, |turn| turn.p99_ms)),
        })
    }
}

fn middle(turns: &[Loaded], figure: fn(&Loaded) -> f64) -> f64 {
    median(turns.iter().map(figure))
}

pub async fn measure(extent: &Extent) -> Value {
    let rounds = extent.rounds.unwrap_or(ROUNDS);
    let ours = Contestant::start(Kind::Ours, &extent.pinning).await;
    let bare = Contestant::start(Kind::Bare, &extent.pinning).await;
    let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
    let (mut loaded, mut bare_loaded) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            of_ours.push(alone(&ours, extent).await);
            of_bare.push(alone(&bare, extent).await);
        } else {
            of_bare.push(alone(&bare, extent).await);
            of_ours.push(alone(&ours, extent).await);
        }
        loaded.push(under_load(&ours, extent).await);
        bare_loaded.push(under_load(&bare, extent).await);
    }
    let p50 = |turns: &[Alone]| turns.iter().map(|turn| turn.p50_ms).collect::<Vec<f64>>();
    let p99 = |turns: &[Alone]| turns.iter().map(|turn| turn.p99_ms).collect::<Vec<f64>>();
    let times = |turns: &[Loaded]| turns.iter().map(|turn| turn.times).collect::<Vec<f64>>();
    let comparisons = [
        Comparison::of("p50_to_bare", &p50(&of_ours), &p50(&of_bare), Target::AtMost(1.3)),
        Comparison::of("p99_to_bare", &p99(&of_ours), &p99(&of_bare), Target::AtMost(1.3)),
        Comparison::of_ratios("p99_at_six_tenths_to_alone", times(&loaded), Target::AtMost(3.0)),
        Comparison::of_ratios("bare_p99_at_six_tenths_to_alone", times(&bare_loaded), Target::None),
    ];
    let mut table = Table::new(["server", "p50 ms", "p99 ms"]);
    let (ours_alone, bare_alone) = ([p50(&of_ours), p99(&of_ours)], [p50(&of_bare), p99(&of_bare)]);
    table.row("ours, alone", ours_alone.clone().map(median));
    table.row("bare, alone", bare_alone.clone().map(median));
    for (name, turns) in [("ours, at six tenths", &loaded), ("bare, at six tenths", &bare_loaded)] {
        table.row(name, [middle(turns, |turn| turn.p50_ms), middle(turns, |turn| turn.p99_ms)]);
    }
    table.show("latency");
    let [ours_p50, ours_p99] = ours_alone.map(median).map(rounded);
    let [bare_p50, bare_p99] = bare_alone.map(median).map(rounded);
    json!({
        "scenario": "latency", "rounds": rounds, "lone_logins_a_turn": extent.lone, "lanes": extent.lanes,
        "seconds_a_turn": extent.turn.as_secs_f64(),
        "ours": { "alone_p50_ms": ours_p50, "alone_p99_ms": ours_p99, "six_tenths": Loaded::told(&loaded) },
        "bare": { "alone_p50_ms": bare_p50, "alone_p99_ms": bare_p99, "six_tenths": Loaded::told(&bare_loaded) },
        "ratios": Comparison::told(&comparisons),
    })
}

/// One login after the other.
async fn alone(contestant: &Contestant, extent: &Extent) -> Alone {
    let steps = Steps::default();
    for _ in 0..WARM_UP.min(extent.lone) {
        log_in(&contestant.driver, &Steps::default()).await.unwrap();
    }
    for _ in 0..extent.lone {
        log_in(&contestant.driver, &steps).await.unwrap();
    }
    Alone { p50_ms: steps.push.quantile_ms(0.5), p99_ms: steps.push.quantile_ms(0.99) }
}

async fn under_load(contestant: &Contestant, extent: &Extent) -> Loaded {
    let settings = callback::Settings { rate: None, length: Length::Time(extent.turn), lanes: extent.lanes };
    let figures = callback::run(&contestant.driver, settings, None, &extent.progress).await.unwrap();
    let told = serde_json::to_value(&figures).unwrap();
    Loaded {
        max_per_s: told["max_logins_per_s"].as_f64().unwrap(),
        p50_ms: figures.loaded.push_ms.p50,
        p99_ms: figures.loaded.push_ms.p99,
        times: figures.p99_times_unloaded,
    }
}
