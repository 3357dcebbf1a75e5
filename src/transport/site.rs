use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::{Followers, Logins};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::AccountName;
use crate::jose::KeyRing;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::traces::Traces;

use super::limits::RateLimits;
use super::phone::PlaceDatabase;
use super::qr_codes::QrCodes;
use super::seed_page::PageConnections;
use super::sockets::Sockets;
use super::unionids::Unionids;
use super::webhooks::Webhooks;
use super::wechat::api::WeChatApi;
use super::wechat::callback::Callbacks;

/// What every handler is given.
pub(super) type Shared = Arc<Site>;

/// What every way in shares.
pub struct Site {
    /// What the operator wrote.
    pub config: Config,
    /// What can be done to scan sessions.
    pub logins: Logins,
    /// For who follows an account.
    pub followers: Followers,
    /// For pseudonyms of browsers.
    pub keys: Arc<Keys>,
    /// What id tokens are signed with.
    pub id_token_keys: KeyRing,
    /// The time.
    pub clock: Clock,
    /// How often somebody may do something.
    pub limits: RateLimits,
    /// What is counted.
    pub metrics: Metrics,
    /// Who hears of each login as a trace.
    pub traces: Traces,
    /// WeChat's API, by account.
    pub wechat: HashMap<AccountName, WeChatApi>,
    /// Who people are for all accounts of an owner.
    pub unionids: Unionids,
    /// The original page's connections, where it is on.
    pub page_connections: PageConnections,
    /// QR codes for logins.
    pub qr_codes: QrCodes,
    /// What WeChat's callback knows beside the sessions.
    pub callbacks: Callbacks,
    /// Where addresses are, where the operator has a database of it.
    pub place_database: Option<PlaceDatabase>,
    /// What websites are told.
    pub webhooks: Webhooks,
    /// The places of browsers that watch over a WebSocket, and of original pages.
    pub sockets: Arc<Sockets>,
    /// Cancelled when the daemon stops: whoever waits answers at once.
    pub stopping: CancellationToken,
    /// Everything that runs beside the connections themselves.
    pub tasks: TaskTracker,
}
