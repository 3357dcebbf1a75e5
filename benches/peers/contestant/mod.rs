//! Whoever is measured: a server of some kind, and the load that drives it.
//!
//! All are driven by the same code, the product's own `scan_login::bench`, since each speaks one of the two protocols that it knows.

mod node;
mod redis;

use std::net::SocketAddr;
use std::path::Path;

use scan_login::bench::daemon::{Checks, Daemon, DaemonSettings};
use scan_login::bench::target::{Ask, Credentials, Page, Protocol, SceneSource, Target};
use scan_login::bench::{Driver, PEOPLE, Pinning, Process};
use scan_login::config;
use scan_login::simulator::SimulatedEncryption;

use crate::server::{Server, free_port, this_program};
use crate::wechat::WeChat;
use redis::Redis;

const ORIGIN: &str = "https://shop.example.com";
const REDIRECT_URI: &str = "https://shop.example.com/callback";

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

    fn protocol(self) -> Protocol {
        match self {
            Self::Ours | Self::Bare | Self::BareAlone => Protocol::Native,
            Self::OursOriginal | Self::Node | Self::NodeRedis => Protocol::Original,
        }
    }

    /// The bare loop cannot decrypt, so it finds the scene beside the ciphertext; the load's work is the same.
    fn encryption(self) -> SimulatedEncryption {
        match self {
            Self::Bare | Self::BareAlone => SimulatedEncryption::Compatible,
            _ => SimulatedEncryption::Safe,
        }
    }

    /// The bare loop names the same person every time.
    fn people(self) -> u64 {
        if matches!(self, Self::Bare | Self::BareAlone) { 1 } else { PEOPLE }
    }
}

/// A server that runs; it ends when this is dropped.
pub struct Contestant {
    pub driver: Driver,
    pub process: Process,
    _running: Running,
}

/// What is kept for as long as it runs.
#[expect(dead_code, reason = "kept until they are dropped")]
enum Running {
    Ours(Daemon),
    Told(Server, WeChat),
    /// Redis goes last.
    WithRedis(Server, WeChat, Redis),
}

impl Contestant {
    /// Starts one, on the core that serves.
    pub async fn start(kind: Kind, pinning: &Pinning) -> Self {
        let (target, process, running) = match kind {
            Kind::Ours | Kind::OursOriginal => {
                let daemon = Daemon::start(daemon_settings(pinning)).await.unwrap();
                (daemon.target().clone(), daemon.process(), Running::Ours(daemon))
            }
            Kind::Bare | Kind::BareAlone | Kind::Node | Kind::NodeRedis => {
                let port = free_port();
                let wechat = WeChat::of_server_at(port, kind.encryption()).await;
                let redis = (kind == Kind::NodeRedis).then(|| Redis::start(pinning));
                let mut command = match &redis {
                    Some(redis) => node::command("streams", Some(&redis.url())),
                    None if kind == Kind::Node => node::command("nothing", None),
                    None => this_program(kind.name()),
                };
                let server = Server::start_at(port, &mut command, pinning, wechat.told()).await;
                let (target, process) = (target(&server, &wechat), server.process());
                let running = match redis {
                    None => Running::Told(server, wechat),
                    Some(redis) => Running::WithRedis(server, wechat, redis),
                };
                (target, process, running)
            }
        };
        let driver = Driver::new(target, kind.protocol(), kind.people()).await.unwrap();
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

/// With all checks, on the disk under `target`.
fn daemon_settings(pinning: &Pinning) -> DaemonSettings {
    DaemonSettings {
        program: env!("CARGO_BIN_EXE_scan-login").into(),
        dir: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned()),
        checks: Checks::All,
        pinning: Some(pinning.clone()),
        is_socket_held: false,
        unset: config::from_process_env().into_iter().map(|(name, _)| name).collect(),
    }
}

/// How a peer is driven: it is asked what our daemon is asked, and its pages' ids are its scenes.
fn target(server: &Server, wechat: &WeChat) -> Target {
    let address: SocketAddr = server.settings.address();
    let ask = Ask { scope: Some("wechat".into()), redirect_uri: Some(REDIRECT_URI.into()), is_with_pkce: true };
    let website = |ask| Credentials {
        client_id: "shop".into(),
        client_secret: "shop-secret".to_owned().into(),
        origin: Some(ORIGIN.into()),
        ask,
    };
    Target {
        address,
        host: address.to_string(),
        base: String::new(),
        account: wechat.account.clone(),
        website: website(ask),
        page: Some(Page { website: website(Ask::default()), scenes: SceneSource::PageId }),
        process: Some(server.process()),
    }
}
