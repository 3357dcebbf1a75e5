//! What an operator would write for a daemon that is to be measured.

use std::net::SocketAddr;

use secrecy::SecretString;

use crate::bench::target::{Ask, Credentials, Page, SceneSource, Target};
use crate::domain::{AppId, IdError};
use crate::simulator::{Quotas, SimulatedAccount, SimulatedEncryption};

const APP_ID: &str = "wx0000000000000001";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const CLIENT: &str = "shop";
const PAGE_CLIENT: &str = "legacy";
const SECRET: &str = "shop-secret";
const ORIGIN: &str = "https://shop.example.com";
const REDIRECT_URI: &str = "https://shop.example.com/callback";

/// What a login is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Nothing that a login can go without.
    Little,
    /// All there is: origin, redirect URI, state, nonce, PKCE, limits that are never reached.
    All,
    /// The same, and an id token says so.
    AllWithIdToken,
}

impl Checks {
    fn are_all(self) -> bool {
        self != Self::Little
    }

    fn scope(self) -> &'static str {
        if self == Self::AllWithIdToken { "openid wechat" } else { "wechat" }
    }
}

/// Where the daemon is, and where its WeChat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) wechat: SocketAddr,
}

/// The account, as WeChat's console shows it.
pub(super) fn account(public: SocketAddr) -> Result<SimulatedAccount, String> {
    let callback =
        format!("http://{public}/wechat/main").parse().map_err(|error: url::ParseError| error.to_string())?;
    Ok(SimulatedAccount {
        encryption: SimulatedEncryption::Safe,
        encoding_aes_key: Some(AES_KEY.into()),
        quotas: Quotas { qr_codes: u64::MAX, ..Quotas::default() },
        ..SimulatedAccount::new(AppId::new(APP_ID).map_err(|error: IdError| error.to_string())?, callback)
    })
}

/// The text of the configuration: paths are in its folder.
pub(super) fn configuration(places: Places, checks: Checks) -> String {
    let Places { public, admin, wechat } = places;
    let rate = if checks.are_all() { "1000000000/min" } else { "off" };
    let page_ids = if checks.are_all() { "32" } else { "\"off\"" };
    let client = if checks.are_all() {
        format!("pkce = \"required\"\norigins = [\"{ORIGIN}\"]\nredirect_uris = [\"{REDIRECT_URI}\"]")
    } else {
        "pkce = \"optional\"".to_owned()
    };
    format!(
        r#"[server]
listen = "{public}"
public_url = "http://{public}"
[admin]
listen = "{admin}"
socket = "admin.sock"
[limits]
sessions_per_address = "{rate}"
sessions_per_browser = "{rate}"
failed_client_authentications = "{rate}"
unclaimed_page_ids = {page_ids}
[keys]
path = "keys"
[store]
path = "data"
[log]
filter = "error"
[session]
# Whoever waits here waits for the measurement to be over.
ttl = "1h"
[[account]]
name = "main"
app_id = "{APP_ID}"
app_secret = "app-secret"
token = "callbacktoken"
encoding_aes_key = "{AES_KEY}"
api_base = "http://{wechat}"
qr_daily_budget = {}
[[client]]
client_id = "{CLIENT}"
client_secret = "{SECRET}"
name = "Example Shop"
confirm = "auto"
{client}
[[client]]
client_id = "{PAGE_CLIENT}"
client_secret = "{SECRET}"
name = "The original page"
origins = ["{ORIGIN}"]
scopes = ["wechat"]
confirm = "auto"
pkce = "optional"
[seed_page]
client_id = "{PAGE_CLIENT}"
confirm = "auto"
"#,
        u32::MAX
    )
}

/// How this daemon is driven.
pub(super) fn target(
    public: SocketAddr,
    checks: Checks,
    account: SimulatedAccount,
    admin_socket: std::path::PathBuf,
) -> Target {
    let secret = || SecretString::from(SECRET);
    let website = Credentials {
        client_id: CLIENT.into(),
        client_secret: secret(),
        origin: checks.are_all().then(|| ORIGIN.into()),
        ask: Ask {
            scope: Some(checks.scope().into()),
            redirect_uri: checks.are_all().then(|| REDIRECT_URI.into()),
            is_with_pkce: checks.are_all(),
        },
    };
    let page = Credentials {
        client_id: PAGE_CLIENT.into(),
        client_secret: secret(),
        origin: Some(ORIGIN.into()),
        ask: Ask::default(),
    };
    Target {
        address: public,
        host: public.to_string(),
        base: String::new(),
        account,
        website,
        page: Some(Page { website: page, scenes: SceneSource::Journal(admin_socket) }),
        process: None,
    }
}
