//! How a session comes to be: a scene id of ours, its QR code from WeChat, and only then the session itself.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::actors::{OpenError, Opened, PageHolder, PageRefusal};
use crate::clock::random_bytes;
use crate::config::{Account, Choice, Client, Confirm, Scope};
use crate::domain::{Confirmation, Created, Incarnation, LoginRequest, Opener, QrCode, SceneId, Timestamp};

use super::problem::Problem;
use super::site::Site;
use super::wechat::api::ApiError;

/// How much longer than its session a QR code lives at WeChat, so that a late scan is still told to us.
const QR_MARGIN: Duration = Duration::from_secs(60);
/// When to try again where only an operator, or the end of other logins, can help.
const LATER: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(5);

/// A session that may be shown now.
pub(super) struct Fresh {
    pub(super) opened: Opened,
    pub(super) qr_content: String,
    pub(super) expires_at: Timestamp,
}

/// Why there is no session. Nothing was begun.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// The operator has turned logins off.
    Paused,
    /// WeChat gives no QR code.
    WeChatAway(Duration),
    /// As many sessions are pending as may be.
    TooManySessions,
    /// The original page's id was refused.
    Page(PageRefusal),
    /// The journal or an actor cannot answer.
    Unavailable,
}

/// Opens a session of `client`. `half` where the original page asks.
pub(super) async fn open(
    site: &Site,
    client: &Client,
    confirm: Confirm,
    opener: Opener,
    request: LoginRequest,
    half: Option<PageHolder>,
) -> Result<Fresh, NotOpened> {
    if !site.config.server.logins {
        return Err(NotOpened::Paused);
    }
    // Asked before a QR code is made for nothing; the registry decides.
    if !site.logins.has_room() {
        return Err(NotOpened::TooManySessions);
    }
    let account = site.config.client_account(client);
    let scene = scene_id(account);
    let ttl = site.config.session.ttl;
    let qr = qr_code(site, account, &scene, ttl.saturating_add(QR_MARGIN)).await?;
    let expires_at = site.clock.now().after(ttl).min(qr.expires_at);
    let qr_content = qr.content.clone();
    let created = Created {
        account: account.name.clone(),
        app_id: account.app_id.clone(),
        client: client.client_id.clone(),
        incarnation: Incarnation(u64::from_be_bytes(random_bytes())),
        opener,
        confirmation: match confirm {
            Confirm::Auto => Confirmation::Auto,
            Confirm::Tap | Confirm::Number => Confirmation::Tap,
        },
        qr,
        expires_at,
        code_ttl: site.config.session.code_ttl,
        access_token_ttl: site.config.session.access_token_ttl,
        request,
    };
    let opened = site.logins.open(scene, created, half).await?;
    Ok(Fresh { opened, qr_content, expires_at })
}

/// The account's prefix and 128 random bits.
fn scene_id(account: &Account) -> SceneId {
    let random = URL_SAFE_NO_PAD.encode(random_bytes::<16>());
    SceneId::new(format!("{}{random}", account.scene_prefix)).expect("the configuration checked the prefix")
}

async fn qr_code(site: &Site, account: &Account, scene: &SceneId, lifetime: Duration) -> Result<QrCode, NotOpened> {
    let wechat = site.wechat.get(&account.name).ok_or(NotOpened::Unavailable)?;
    match wechat.create_qr(scene.as_str(), lifetime).await {
        Ok(issued) => {
            let expires_at = site.clock.now().after(issued.expires_in);
            Ok(QrCode { content: issued.content, expires_at })
        }
        Err(ApiError::Away { retry_after, .. }) => Err(NotOpened::WeChatAway(retry_after)),
        Err(ApiError::Refused { .. } | ApiError::NotTold { .. }) => Err(NotOpened::WeChatAway(LATER)),
    }
}

/// The scopes that a login gets: what was asked for, or all that the client may have. No id tokens are issued yet, so
/// `openid` is not granted.
pub(super) fn scope(client: &Client, asked: Option<&str>) -> Result<String, Problem> {
    let known = |name: &str| client.scopes.iter().copied().find(|scope| scope.name() == name);
    let mut granted: Vec<Scope> = match asked {
        None => client.scopes.clone(),
        Some(asked) => asked
            .split(' ')
            .filter(|name| !name.is_empty())
            .map(|name| {
                let detail = "scope names something that this client may not ask for";
                known(name).ok_or_else(|| Problem::bad_request("invalid_scope", detail))
            })
            .collect::<Result<_, _>>()?,
    };
    granted.retain(|scope| *scope != Scope::Openid);
    granted.dedup();
    if granted.is_empty() {
        return Err(Problem::bad_request("invalid_scope", "no id tokens are issued yet: ask for the scope wechat"));
    }
    Ok(granted.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "))
}

impl From<OpenError> for NotOpened {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TooManySessions => Self::TooManySessions,
            OpenError::Page(refusal) => Self::Page(refusal),
            OpenError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<NotOpened> for Problem {
    fn from(not_opened: NotOpened) -> Self {
        match not_opened {
            NotOpened::Paused => Self::unavailable("paused", "scan login is paused by the operator", LATER),
            NotOpened::WeChatAway(retry_after) => {
                Self::unavailable("wechat_away", "WeChat cannot be reached at the moment", retry_after)
            }
            NotOpened::TooManySessions => {
                Self::unavailable("too_many_sessions", "too many logins are pending at the moment", SOON)
            }
            NotOpened::Page(PageRefusal::TooManyUnclaimed) => Self::new(
                http::StatusCode::TOO_MANY_REQUESTS,
                "too_many_page_ids",
                "too many ids of this address wait for their other half",
            ),
            NotOpened::Page(PageRefusal::Taken) => {
                Self::new(http::StatusCode::CONFLICT, "page_id_taken", "this id cannot be used: make a new one")
            }
            NotOpened::Unavailable => Self::from(crate::actors::Unavailable),
        }
    }
}

impl From<crate::actors::Unavailable> for Problem {
    fn from(_: crate::actors::Unavailable) -> Self {
        Self::unavailable("unavailable", "the login service cannot answer at the moment", SOON)
    }
}
