//! How a session comes to be: a QR code with a scene id of ours, WeChat's or a link to the phone's page, and only then the
//! session itself.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, header};
use tokio::time::Instant;

use crate::actors::{OpenError, Opened, PageHolder, PageRefusal};
use crate::clock::random_bytes;
use crate::config::{Client, Confirm, Qr};
use crate::domain::{Confirmation, Created, Incarnation, LoginRequest, Opener, Timestamp, Visitor};
use crate::traces::{Span, Step};

use super::client_address::ClientAddress;
use super::phone;
use super::problem::Problem;
use super::qr_codes::{Code, NoCode};
use super::site::Site;

/// When to try again where only an operator, or the end of other logins, can help.
const LATER: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(5);

/// A session that may be shown now.
pub(super) struct Fresh {
    pub(super) opened: Opened,
    pub(super) qr_content: String,
    /// Where the visitor is already inside WeChat: the address to open there, if there is one.
    pub(super) in_app: Option<String>,
    pub(super) expires_at: Timestamp,
}

/// Why there is no session. Nothing was begun.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// The operator has turned logins off.
    Paused,
    /// WeChat gives no QR code.
    WeChatAway(Duration),
    /// This address has had its share of today's QR codes.
    AddressUsedUp(Duration),
    /// Today's QR codes are used up.
    UsedUp(Duration),
    /// This address or browser has created as many as it may for now.
    TooOften(Duration),
    /// As many sessions are pending as may be.
    TooManySessions,
    /// This address has more pending than there is room for.
    TooManyOfAddress,
    /// There is no memory for more than are pending.
    MemoryLow,
    /// The journal has to catch up first.
    JournalBehind,
    /// The original page's id was refused.
    Page(PageRefusal),
    /// The journal or an actor cannot answer.
    Unavailable,
}

/// Whose browser asks.
pub(super) struct Asker<'a> {
    /// Who asks: a browser, or a back end for one.
    pub(super) address: ClientAddress,
    /// The browser for which it is asked, where it is known.
    pub(super) visitor: Option<Visitor>,
    /// What our cookie says of the browser, where it sends one.
    pub(super) browser: Option<&'a str>,
    /// A back end asks, and the address is its own.
    pub(super) is_back_end: bool,
}

impl Asker<'_> {
    /// The address whose sessions are counted: of a back end, the one that it tells.
    fn counted(&self) -> Option<ClientAddress> {
        if !self.is_back_end {
            return Some(self.address);
        }
        self.visitor.as_ref().and_then(Visitor::network).map(ClientAddress)
    }
}

/// The browser that asks for itself.
pub(super) fn seen_visitor(address: ClientAddress, headers: &HeaderMap) -> Visitor {
    let user_agent = headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    Visitor::new(&address.0.to_string(), user_agent.as_deref())
}

/// Opens a session of `client` for who asks. `half` where the original page asks.
pub(super) async fn open(
    site: &Site,
    client: &Client,
    asker: Asker<'_>,
    confirm: Confirm,
    opener: Opener,
    request: LoginRequest,
    half: Option<PageHolder>,
) -> Result<Fresh, NotOpened> {
    let began = Instant::now();
    if !site.config.server.logins {
        return Err(NotOpened::Paused);
    }
    if let Some(counted) = asker.counted() {
        site.limits.take_session(counted, asker.browser).map_err(NotOpened::TooOften)?;
    }
    // Asked before a QR code is made for nothing; the registry decides.
    if let Some(shortage) = site.logins.shortage() {
        return Err(shortage.into());
    }
    let account = site.config.client_account(client);
    let Code { scene, qr } = match client.qr {
        Qr::Scene => site.qr_codes.take(&account.name, asker.address).await?,
        Qr::Link => phone::link_code(site, account),
    };
    let expires_at = site.clock.now().after(site.config.session.ttl).min(qr.expires_at);
    let qr_content = qr.content.clone();
    let created = Arc::new(Created {
        account: account.name.clone(),
        app_id: account.app_id.clone(),
        client: client.client_id.clone(),
        incarnation: Incarnation(u64::from_be_bytes(random_bytes())),
        opener,
        confirmation: match confirm {
            Confirm::Auto => Confirmation::Auto,
            Confirm::Tap => Confirmation::Tap,
            Confirm::Number => Confirmation::Number,
        },
        qr,
        expires_at,
        code_ttl: site.config.session.code_ttl,
        access_token_ttl: site.config.session.access_token_ttl,
        request,
        visitor: asker.visitor,
    });
    let in_app = phone::in_app(site, &scene, &created);
    let opened = site.logins.open(scene, created.clone(), half).await?;
    let create = Span::until_now(Step::Create, &opened.scene, "created", began);
    site.traces.ended(&Span { created: Some(&created), ..create });
    Ok(Fresh { opened, qr_content, in_app, expires_at })
}

impl From<NoCode> for NotOpened {
    fn from(no_code: NoCode) -> Self {
        match no_code {
            NoCode::Away(retry_after) => Self::WeChatAway(retry_after),
            NoCode::AddressUsedUp(retry_after) => Self::AddressUsedUp(retry_after),
            NoCode::UsedUp(retry_after) => Self::UsedUp(retry_after),
            NoCode::NoAccount => Self::Unavailable,
        }
    }
}

impl From<OpenError> for NotOpened {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TooManySessions => Self::TooManySessions,
            OpenError::TooManyOfNetwork => Self::TooManyOfAddress,
            OpenError::MemoryLow => Self::MemoryLow,
            OpenError::JournalBehind => Self::JournalBehind,
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
            NotOpened::AddressUsedUp(retry_after) => {
                let detail = "this address has taken more QR codes today than remain for everybody else";
                Self::too_many("qr_budget_address", detail).again_after(retry_after)
            }
            NotOpened::UsedUp(retry_after) => {
                Self::unavailable("qr_budget", "today's QR codes are used up", retry_after)
            }
            NotOpened::TooOften(retry_after) => {
                let detail = "this address or browser has begun as many logins as it may for now";
                Self::too_many("too_many_requests", detail).again_after(retry_after)
            }
            NotOpened::TooManySessions => {
                Self::unavailable("too_many_sessions", "too many logins are pending at the moment", SOON)
            }
            NotOpened::TooManyOfAddress => {
                let detail = "more logins of this address are pending than there is room for at the moment";
                Self::too_many("too_many_sessions_address", detail).again_after(SOON)
            }
            NotOpened::MemoryLow => {
                Self::unavailable("memory_low", "there is no memory for one more login at the moment", SOON)
            }
            NotOpened::JournalBehind => {
                let detail = "the journal of logins has to catch up before one more begins";
                Self::unavailable("journal_behind", detail, SOON)
            }
            NotOpened::Page(PageRefusal::TooManyUnclaimed) => {
                Self::too_many("too_many_page_ids", "too many ids of this address wait for their other half")
            }
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
