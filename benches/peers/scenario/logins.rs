//! `logins`: complete logins a second.

use scan_login::bench::scenario::{Length, login};
use serde_json::{Map, Value, json};

use super::Extent;
use crate::contestant::{Contestant, Kind, version_of};
use crate::figures::{Comparison, Target, median, rounded};
use crate::table::Table;

const KINDS: [Kind; 6] = [Kind::Ours, Kind::Bare, Kind::BareAlone, Kind::OursOriginal, Kind::Node, Kind::NodeRedis];
const ROUNDS: usize = 7;

/// One turn of one server.
#[derive(Clone, Copy)]
struct Turn {
    logins_per_s: f64,
    cpu_us_a_login: f64,
    load_share: f64,
    lost: u64,
}

pub async fn measure(extent: &Extent) -> Value {
    let rounds = extent.rounds.unwrap_or(ROUNDS);
    let all = Contestant::start_all(&KINDS, &extent.pinning).await;
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); all.len()];
    for round in 0..rounds {
        // Each is as often first as last.
        for place in 0..all.len() {
            let whose = (round + place) % all.len();
            turns[whose].push(turn(&all[whose], extent).await);
        }
    }
    let of = |kind: Kind, figure: fn(&Turn) -> f64| {
        let place = KINDS.iter().position(|other| *other == kind);
        turns[place.unwrap_or_default()].iter().map(figure).collect::<Vec<f64>>()
    };
    let mut servers = Map::new();
    let mut table = Table::new(["server", "logins/s", "CPU µs a login", "its core", "load's core", "lost"]);
    for kind in KINDS {
        let figure = |figure| median(of(kind, figure));
        let per_s = figure(|turn| turn.logins_per_s);
        let cpu = figure(|turn| turn.cpu_us_a_login);
        let (share, load_share) =
            (figure(|turn| turn.logins_per_s * turn.cpu_us_a_login / 1e6), figure(|turn| turn.load_share));
        let lost = of(kind, |turn| turn.lost as f64).iter().sum::<f64>();
        table.row(kind.name(), [per_s, cpu, share, load_share, lost]);
        servers.insert(
            kind.name().into(),
            json!({
                "logins_per_s": rounded(per_s), "cpu_us_a_login": rounded(cpu), "core_share": rounded(share),
                "load_core_share": rounded(load_share), "lost": lost as u64,
            }),
        );
    }
    let rates = |kind| of(kind, |turn| turn.logins_per_s);
    let compare = |name, one, other, target| Comparison::of(name, &rates(one), &rates(other), target);
    let cpu = |kind| of(kind, |turn| turn.cpu_us_a_login);
    let by_cpu = |name, one, other| Comparison::of(name, &cpu(other), &cpu(one), Target::None);
    let comparisons = [
        compare("ours_to_bare", Kind::Ours, Kind::Bare, Target::AtLeast(0.75)),
        compare("ours_to_bare_alone", Kind::Ours, Kind::BareAlone, Target::AtLeast(0.75)),
        compare("ours_to_node", Kind::Ours, Kind::Node, Target::AtLeast(1.5)),
        compare("ours_to_node_redis", Kind::Ours, Kind::NodeRedis, Target::AtLeast(2.0)),
        compare("ours_original_to_node", Kind::OursOriginal, Kind::Node, Target::AtLeast(1.5)),
        compare("ours_original_to_node_redis", Kind::OursOriginal, Kind::NodeRedis, Target::AtLeast(2.0)),
        by_cpu("ours_to_bare_by_cpu", Kind::Ours, Kind::Bare),
        by_cpu("ours_to_bare_alone_by_cpu", Kind::Ours, Kind::BareAlone),
        by_cpu("ours_to_node_by_cpu", Kind::Ours, Kind::Node),
    ];
    table.show("logins");
    json!({
        "scenario": "logins", "rounds": rounds, "lanes": extent.lanes, "seconds_a_turn": extent.turn.as_secs_f64(),
        "node": version_of("node"), "redis": version_of("redis-server"), "servers": servers, "ratios": Comparison::told(&comparisons),
    })
}

async fn turn(contestant: &Contestant, extent: &Extent) -> Turn {
    let settings = login::Settings { lanes: extent.lanes, length: Length::Time(extent.turn) };
    let figures = login::run(&contestant.driver, settings, &extent.progress).await.unwrap();
    Turn {
        logins_per_s: figures.logins_per_s,
        cpu_us_a_login: figures.daemon_cpu_us_a_login.unwrap_or_default(),
        load_share: figures.load_cpu_percent.unwrap_or_default() / 100.0,
        lost: figures.lost,
    }
}
