//! The world around the daemon: visitors with browsers, their phones' WeChat, and the website.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::addresses::Addresses;
use super::error::BenchError;
use super::http::Kept;
use super::scenes::Scenes;
use super::target::{Page, Protocol, SceneSource, Target};
use super::website::Website;
use super::wechat::WeChat;
use crate::domain::Timestamp;

/// People come again: what is made for somebody new, the key that seals who they are, makes a login cost more.
pub const PEOPLE: u64 = 100;

/// How a daemon is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverSettings {
    /// How browsers speak.
    pub protocol: Protocol,
    /// How many people log in, in turn.
    pub people: u64,
    /// Whether WeChat and the website keep their connections; else each request has one of its own, which a restart cannot
    /// take from it.
    pub keeps_connections: bool,
}

impl From<Protocol> for DriverSettings {
    /// As the real ones do it.
    fn from(protocol: Protocol) -> Self {
        Self { protocol, people: PEOPLE, keeps_connections: true }
    }
}

/// Drives one daemon in one protocol. Clone it freely: the clones drive the same one.
#[derive(Clone)]
pub struct Driver(Arc<Inner>);

struct Inner {
    target: Target,
    protocol: Protocol,
    addresses: Addresses,
    wechat: WeChat,
    website: Website,
    scenes: Option<Scenes>,
    people: u64,
    next: AtomicU64,
    /// Makes the pages' ids unlike those of a run before, which the daemon may remember.
    began: Timestamp,
}

impl Driver {
    /// Drives this daemon.
    ///
    /// # Errors
    /// [`BenchError::Unfit`] where the daemon does not serve the protocol, or does not tell what is needed for it.
    pub async fn new(target: Target, settings: impl Into<DriverSettings>) -> Result<Self, BenchError> {
        let DriverSettings { protocol, people, keeps_connections } = settings.into();
        let page = target.page.as_ref().filter(|_| protocol == Protocol::Original);
        if protocol == Protocol::Original && page.is_none() {
            let what =
                "the daemon does not serve the original page, or not so that a login can be followed to its code";
            let cure =
                "write [seed_page] with confirm = \"auto\" and without message and bind, or drive --protocol native";
            return Err(BenchError::unfit(what, cure));
        }
        let scenes = match page.map(|page| &page.scenes) {
            Some(SceneSource::Journal(socket)) => Some(Scenes::in_journal(socket.clone()).await?),
            Some(SceneSource::PageId) | None => None,
        };
        let credentials = page.map_or(&target.website, |page| &page.website);
        let connections = || if keeps_connections { Kept::to(target.address) } else { Kept::none_to(target.address) };
        let website = Website::new(credentials, &target.host, &target.base, connections());
        let wechat = WeChat::new(&target, connections());
        let (addresses, began) = (Addresses::towards(target.address), wechat.now());
        let (people, next) = (people.max(1), AtomicU64::new(0));
        Ok(Self(Arc::new(Inner { target, protocol, addresses, wechat, website, scenes, people, next, began })))
    }

    /// The number of a login that nobody had before.
    pub fn next_login(&self) -> u64 {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Who logs in with this number, as WeChat calls them: 28 characters.
    pub fn openid(&self, number: u64) -> String {
        format!("o{:027}", number % self.0.people)
    }

    /// How many people there are.
    pub fn people(&self) -> u64 {
        self.0.people
    }

    /// The daemon.
    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// How browsers speak.
    pub fn protocol(&self) -> Protocol {
        self.0.protocol
    }

    /// Where browsers come from.
    pub fn addresses(&self) -> Addresses {
        self.0.addresses
    }

    /// WeChat.
    pub fn wechat(&self) -> &WeChat {
        &self.0.wechat
    }

    /// The website.
    pub fn website(&self) -> &Website {
        &self.0.website
    }

    pub(super) fn page(&self) -> Result<&Page, String> {
        self.0.target.page.as_ref().ok_or_else(|| "the original page is not served".to_owned())
    }

    /// The id that the page of this login makes for itself: digits with a 1 behind them, as the original does.
    pub(super) fn page_id(&self, number: u64) -> String {
        format!("{}{number:08}1", self.0.began.as_micros())
    }

    /// The scene of the page that is about to be asked for.
    pub(super) fn scene_of(&self, page_id: &str) -> impl Future<Output = Result<String, String>> + use<> {
        let told = self.0.scenes.as_ref().map(|scenes| scenes.of(page_id));
        let page_id = page_id.to_owned();
        async move {
            match told {
                Some(told) => told.await.map_err(|_| "the journal is not told any more".to_owned()),
                None => Ok(page_id),
            }
        }
    }
}
