//! `memory`: what a pending login with an open socket keeps resident.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use scan_login::bench::descriptors::{Open, Whose, enough_for};
use scan_login::bench::login::{Steps, begin};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::Extent;
use crate::contestant::{Contestant, Kind, version_of};
use crate::figures::{Comparison, Target, median, rounded};
use crate::table::Table;

const KINDS: [Kind; 4] = [Kind::Ours, Kind::OursOriginal, Kind::Bare, Kind::Node];
const ROUNDS: usize = 3;
/// Open before it is measured, so that buffers, caches and pools have come to be.
const WARM: usize = 1000;
const AT_A_TIME: usize = 64;
/// Until what was only needed for opening is given back: our daemon's sessions rest after a second, and its allocator returns
/// pages 300 ms after they are free.
const SETTLE: Duration = Duration::from_secs(5);
const KIB: f64 = 1024.0;

pub async fn measure(extent: &Extent) -> Value {
    let rounds = extent.rounds.unwrap_or(ROUNDS);
    let warm = WARM.min(extent.sockets);
    let open = Open::of_lanes(AT_A_TIME).and_browsers((extent.sockets + warm) as u64, "--sockets");
    enough_for(open, Whose::OursAndTheDaemons).unwrap();
    let mut taken: Vec<Vec<f64>> = vec![Vec::new(); KINDS.len()];
    for _ in 0..rounds {
        for (kind, taken) in KINDS.iter().zip(&mut taken) {
            taken.push(bytes_a_login(*kind, warm, extent).await);
        }
    }
    let (mut servers, mut table) = (Map::new(), Table::new(["server", "bytes a login", "KiB"]));
    for (kind, taken) in KINDS.iter().zip(&taken) {
        let bytes = median(taken.iter().copied());
        table.row(kind.name(), [bytes, bytes / KIB]);
        servers.insert(kind.name().into(), json!({ "resident_bytes_a_login": rounded(bytes) }));
    }
    table.show("memory");
    let [ours, ours_original, bare, node] = &taken[..] else { unreachable!("one for each kind") };
    let kib: Vec<f64> = ours.iter().map(|bytes| bytes / KIB).collect();
    let comparisons = [
        Comparison::of_ratios("ours_kib", kib, Target::AtMost(18.0)),
        Comparison::of("ours_to_node", ours, node, Target::Below(1.0)),
        Comparison::of("ours_original_to_node", ours_original, node, Target::Below(1.0)),
        Comparison::of("ours_to_bare", ours, bare, Target::None),
    ];
    json!({
        "scenario": "memory", "rounds": rounds, "sockets": extent.sockets, "sockets_before": warm, "node": version_of("node"),
        "servers": servers, "ratios": Comparison::told(&comparisons),
    })
}

/// Of a server of its own: what one has given back stays resident, and would hide what others take.
async fn bytes_a_login(kind: Kind, warm: usize, extent: &Extent) -> f64 {
    let contestant = Contestant::start(kind, &extent.pinning).await;
    let mut watching = JoinSet::new();
    open(&contestant, warm, &mut watching).await;
    let before = resident(&contestant).await;
    open(&contestant, extent.sockets, &mut watching).await;
    let after = resident(&contestant).await;
    assert!(watching.try_join_next().is_none(), "{} has hung up on a browser that waits", kind.name());
    (after as f64 - before as f64) / extent.sockets as f64
}

async fn resident(contestant: &Contestant) -> u64 {
    tokio::time::sleep(SETTLE).await;
    contestant.process.resident_bytes().unwrap()
}

/// Opens so many. Each goes on answering pings.
async fn open(contestant: &Contestant, count: usize, watching: &mut JoinSet<()>) {
    let opening = stream::iter(0..count).map(async |_| begin(&contestant.driver, &Steps::default()).await.unwrap());
    let mut opened = opening.buffer_unordered(AT_A_TIME);
    while let Some(mut browser) = opened.next().await {
        watching.spawn(async move { browser.until_gone().await });
    }
}
