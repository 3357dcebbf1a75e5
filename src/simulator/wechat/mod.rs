//! A simulated WeChat: its server interface as a [`Router`], and phones that scan its codes.
//!
//! It behaves as WeChat is documented and observed to behave, faults included; what a test or a demo wants to go wrong is
//! said on the handle ([`SimulatedWeChat::set_outage`] and its neighbours).

mod account;
mod allowance;
mod api;
mod browser;
mod codes;
mod console;
mod crypto;
mod delivery;
mod faults;
mod message;
mod oauth;
mod people;
mod phone;
mod pushing;
mod quota;
mod reply;
mod seal;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

pub use account::{DataFormat, SimulatedAccount, SimulatedEncryption, SimulatedKind};
pub(in crate::simulator) use browser::USER_AGENT;
pub use browser::{OpenedPage, WeChatBrowser};
pub use codes::MadeCode;
pub use console::Verification;
pub use delivery::{Answer, Delivery, NoAnswer, Pushed};
pub use faults::{Call, Outage, PushFaults};
pub use oauth::PERSON;
pub use people::{Line, Voice};
pub use phone::ScanError;
pub use quota::Quotas;
pub use reply::Reply;
pub use seal::Sealed;

use crate::clock::{Clock, random_bytes};
use crate::domain::{AppId, OpenId, Timestamp};
use api::Tokens;
use codes::Code;
use delivery::Courier;
use faults::Faults;
use oauth::Authorizations;
use people::People;
use pushing::Standing;
use quota::Usage;

/// A handle to the simulated WeChat. Clone it freely: the clones are handles to the same one.
#[derive(Clone)]
pub struct SimulatedWeChat(Arc<Inner>);

struct Inner {
    clock: Clock,
    courier: Courier,
    world: Mutex<World>,
}

/// All that WeChat remembers.
struct World {
    accounts: Vec<Account>,
    /// By the content of the code.
    codes: HashMap<String, Code>,
    /// When the last push of a scene by a person began.
    pushes: HashMap<(String, OpenId), Timestamp>,
    faults: Faults,
    authorizations: Authorizations,
}

struct Account {
    about: SimulatedAccount,
    tokens: Tokens,
    usage: Usage,
    people: People,
    standing: Standing,
    /// Made with `menu/create`.
    menu: Option<Value>,
    console_menu: Option<Value>,
    /// Who may ask for access tokens; everybody where there is none.
    whitelist: Option<Vec<IpAddr>>,
    /// Whether the app secret was frozen.
    is_frozen: bool,
}

impl Account {
    fn new(about: SimulatedAccount) -> Self {
        Self {
            about,
            tokens: Tokens::default(),
            usage: Usage::default(),
            people: People::new(),
            standing: Standing::default(),
            menu: None,
            console_menu: None,
            whitelist: None,
            is_frozen: false,
        }
    }
}

impl fmt::Debug for SimulatedWeChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedWeChat")
    }
}

impl SimulatedWeChat {
    /// A WeChat that knows these accounts, with no followers yet, running by the machine's clock.
    ///
    /// # Panics
    /// Where an account with encryption has no EncodingAESKey.
    pub fn new(accounts: Vec<SimulatedAccount>) -> Self {
        Self::with_clock(accounts, Clock::system())
    }

    /// As [`Self::new`], running by another clock.
    ///
    /// # Panics
    /// Where an account with encryption has no EncodingAESKey.
    pub fn with_clock(accounts: Vec<SimulatedAccount>, clock: Clock) -> Self {
        for account in &accounts {
            account.message_key();
        }
        let needs_tls = accounts.iter().any(|account| account.callback_url.scheme() == "https");
        let accounts = accounts.into_iter().map(Account::new).collect();
        let world = World {
            accounts,
            codes: HashMap::new(),
            pushes: HashMap::new(),
            faults: Faults::default(),
            authorizations: Authorizations::default(),
        };
        Self(Arc::new(Inner { clock, courier: Courier::new(needs_tls), world: Mutex::new(world) }))
    }

    /// WeChat's server interface and its page for web authorization; an account's `api_base` and `oauth_base` lead to
    /// wherever this is mounted.
    pub fn router(&self) -> Router {
        api::router(self).merge(oauth::router(self))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn account(&mut self, app_id: &AppId) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.about.app_id == *app_id)
    }
}

/// `N` random bytes as URL-safe text.
pub(super) fn random_text<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<N>())
}

/// A valid EncodingAESKey that nobody knows.
fn random_key() -> String {
    let key = STANDARD_NO_PAD.encode(random_bytes::<32>());
    key.replace(['+', '/'], "x")
}

/// As WeChat's look: 28 characters, an `o` first.
pub(super) fn random_openid() -> OpenId {
    let text = format!("o{}", &random_text::<21>()[..27]);
    OpenId::new(text).expect("base64url is visible ASCII")
}
