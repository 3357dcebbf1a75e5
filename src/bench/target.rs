//! The daemon that is driven, and what the world around it must know to speak with it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;

use super::process::Process;
use crate::simulator::SimulatedAccount;

/// A daemon, or whatever else speaks as one.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where its public listener is. HTTP is spoken there, without TLS.
    pub address: SocketAddr,
    /// What browsers call it: `Host`.
    pub host: String,
    /// What its routes begin with: empty, or `/base`.
    pub base: String,
    /// The account whose pushes are made; they go to the path of its callback URL.
    pub account: SimulatedAccount,
    /// Who redeems the logins of `/v1/sessions`.
    pub website: Credentials,
    /// The original page, where it is served.
    pub page: Option<Page>,
    /// Its process, where that can be looked at.
    pub process: Option<Process>,
}

/// A website as the daemon knows it.
#[derive(Clone)]
pub struct Credentials {
    /// Its `client_id`.
    pub client_id: String,
    /// What its back end proves itself with.
    pub client_secret: SecretString,
    /// The origin of its pages, where browsers are to tell one.
    pub origin: Option<String>,
    /// What its browsers ask for.
    pub ask: Ask,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// What the creation of a session says beside who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The scope; all that the website may have where none is said.
    pub scope: Option<String>,
    /// Where the browser is to go on, with a `state` and a `nonce`.
    pub redirect_uri: Option<String>,
    /// Whether with a challenge (RFC 7636).
    pub is_with_pkce: bool,
}

/// The original page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Whose logins these are.
    pub website: Credentials,
    /// How WeChat comes to know which scene the QR code of a page holds.
    pub scenes: SceneSource,
}

/// Where the scene of a page's id is found: the page itself cannot know it, only a phone that reads the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SceneSource {
    /// They are the same, as in the server for which the page was written.
    PageId,
    /// In the journal's `created` events, at this admin socket.
    Journal(PathBuf),
}

/// How browsers speak with the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `/v1/sessions`, watched over a WebSocket.
    Native,
    /// The original page: `/qrcode` and SockJS, over its WebSocket.
    Original,
}

impl Protocol {
    /// Its name in figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Original => "original",
        }
    }
}
