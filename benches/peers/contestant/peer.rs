//! A server that is not ours, or bare, with what it needs around it.

use scan_login::bench::target::{Ask, Credentials, Page, SceneSource, Target};
use scan_login::bench::{Pinning, Process};
use scan_login::simulator::SimulatedEncryption;

use super::Kind;
use super::node;
use super::redis::Redis;
use crate::server::{Server, free_port, this_program};
use crate::wechat::WeChat;

const ORIGIN: &str = "https://shop.example.com";
const REDIRECT_URI: &str = "https://shop.example.com/callback";

/// It ends when this is dropped, Redis last.
pub struct Peer {
    server: Server,
    wechat: WeChat,
    _redis: Option<Redis>,
}

impl Peer {
    pub async fn start(kind: Kind, pinning: &Pinning) -> Self {
        let port = free_port();
        let wechat = WeChat::of_server_at(port, encryption(kind)).await;
        let redis = (kind == Kind::NodeRedis).then(|| Redis::start(pinning));
        let mut command = match &redis {
            Some(redis) => node::command("streams", Some(&redis.url())),
            None if kind == Kind::Node => node::command("nothing", None),
            None => this_program(kind.name()),
        };
        let server = Server::start_at(port, &mut command, pinning, wechat.told()).await;
        Self { server, wechat, _redis: redis }
    }

    pub fn process(&self) -> Process {
        self.server.process()
    }

    /// How it is driven: it is asked what our daemon is asked, and its pages' ids are its scenes.
    pub fn target(&self) -> Target {
        let address = self.server.settings.address();
        let website = |ask| Credentials {
            client_id: "shop".into(),
            client_secret: "shop-secret".to_owned().into(),
            origin: Some(ORIGIN.into()),
            ask,
        };
        let ask = Ask { scope: Some("wechat".into()), redirect_uri: Some(REDIRECT_URI.into()), is_with_pkce: true };
        Target {
            address,
            host: address.to_string(),
            base: String::new(),
            account: self.wechat.account.clone(),
            website: website(ask),
            page: Some(Page { website: website(Ask::default()), scenes: SceneSource::PageId }),
            process: Some(self.process()),
        }
    }
}

/// The bare loop cannot decrypt, so it finds the scene beside the ciphertext; the load's work is the same.
fn encryption(kind: Kind) -> SimulatedEncryption {
    if kind.is_bare() { SimulatedEncryption::Compatible } else { SimulatedEncryption::Safe }
}
