//! Whoever is measured: a server of some kind, and the load that drives it.
//!
//! All are driven by the same code, the product's own `scan_login::bench`, since each speaks one of the two protocols that it
//! knows.

mod node;
mod ours;
mod peer;
mod redis;

use std::process::Command;

use scan_login::bench::daemon::Daemon;
use scan_login::bench::target::Protocol;
use scan_login::bench::{Driver, DriverSettings, PEOPLE, Pinning, Process};

use peer::Peer;

/// What kind of server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Our daemon, and browsers that speak its own protocol.
    Ours,
    /// Our daemon, and the original page.
    OursOriginal,
    /// The bare loop.
    Bare,
    /// The bare loop without its call to WeChat.
    BareAlone,
    /// Node with SockJS and a map: nothing is durable.
    Node,
    /// The same with Redis, which syncs before it acknowledges.
    NodeRedis,
}

impl Kind {
    /// Its name in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursOriginal => "ours_original",
            Self::Bare => "bare",
            Self::BareAlone => "bare_alone",
            Self::Node => "node",
            Self::NodeRedis => "node_redis",
        }
    }

    fn is_bare(self) -> bool {
        matches!(self, Self::Bare | Self::BareAlone)
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::Ours | Self::Bare | Self::BareAlone => Protocol::Native,
            Self::OursOriginal | Self::Node | Self::NodeRedis => Protocol::Original,
        }
    }
}

/// A server that runs; it ends when this is dropped.
pub struct Contestant {
    pub driver: Driver,
    pub process: Process,
    _running: Running,
}

#[expect(dead_code, reason = "what runs is kept until it is dropped")]
enum Running {
    Ours(Box<Daemon>),
    Peer(Box<Peer>),
}

impl Contestant {
    /// Starts one, on the core that serves.
    pub async fn start(kind: Kind, pinning: &Pinning) -> Self {
        let (target, process, running) = if matches!(kind, Kind::Ours | Kind::OursOriginal) {
            let daemon = ours::start(pinning).await;
            (daemon.target().clone(), daemon.process(), Running::Ours(daemon.into()))
        } else {
            let peer = Peer::start(kind, pinning).await;
            (peer.target(), peer.process(), Running::Peer(peer.into()))
        };
        // The bare loop names the same person every time.
        let people = if kind.is_bare() { 1 } else { PEOPLE };
        let settings = DriverSettings { people, ..kind.protocol().into() };
        let driver = Driver::new(target, settings).await.unwrap();
        Self { driver, process, _running: running }
    }

    /// Each of these, side by side.
    pub async fn start_all(kinds: &[Kind], pinning: &Pinning) -> Vec<Self> {
        let mut all = Vec::new();
        for kind in kinds {
            all.push(Self::start(*kind, pinning).await);
        }
        all
    }
}

/// What a program says of its version.
pub fn version_of(program: &str) -> String {
    let said = Command::new(program).arg("--version").output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}
