use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{AccountName, AppId, ClientId, Forgotten, PageId, Person, SceneId, Timestamp, Visitor};

/// SHA-256 of, or a MAC over, something secret: what the journal keeps in the secret's place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// A PKCE `code_challenge` of method `S256`, decoded (RFC 7636 §4.2).
pub type CodeChallenge = Digest;

/// Sets this session apart from any other that could ever bear its scene id; part of every value derived for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation(pub u64);

/// Who may watch the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opener {
    /// The browser that holds the attach token with this SHA-256.
    Browser {
        /// SHA-256 of the attach token.
        attach: Digest,
    },
    /// The original page: whoever speaks this page id from the place (address or cookie) that the holder's MAC stands for.
    Page {
        /// The id that the page made.
        page: PageId,
        /// Keyed hash of the address or cookie that fetched the QR code.
        holder: Digest,
    },
}

/// What it takes after the scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// The scan itself confirms.
    Auto,
    /// The phone's user confirms with a press.
    Tap,
    /// The phone's user picks the number that the page shows, out of three; a wrong one denies.
    Number,
}

impl Confirmation {
    /// The name that the journal's readers see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tap => "tap",
            Self::Number => "number",
        }
    }
}

/// What the login is for, as the website says (`purpose`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To log in.
    #[default]
    Login,
    /// To bind a WeChat user to an existing login.
    Bind,
    /// To prove presence once more.
    Verify,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 3] = [Self::Login, Self::Bind, Self::Verify];

    /// The name that websites and the journal's readers use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Bind => "bind",
            Self::Verify => "verify",
        }
    }

    /// The purpose with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// What the website asked for when the session was created; what its redemption is held against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginRequest {
    /// Space-separated scopes that were granted (RFC 6749 §3.3).
    pub scope: String,
    /// Where the browser goes afterwards; the redemption must name the same.
    pub redirect_uri: Option<String>,
    /// The website's own value, handed back to it (RFC 6749 §4.1.1).
    pub state: Option<String>,
    /// The website's own value, for the id token (OpenID Connect Core §3.1.2.1).
    pub nonce: Option<String>,
    /// PKCE: what the redemption's verifier must hash to.
    pub code_challenge: Option<CodeChallenge>,
    /// The languages that the visitor reads, best first (OpenID Connect Core §3.1.2.1).
    pub ui_locales: Option<String>,
    /// What the login is for.
    pub purpose: Purpose,
}

/// The parametric QR code of a session; enough to draw it again after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QrCode {
    /// What the picture encodes: the `url` that WeChat's `qrcode/create` returned.
    pub content: String,
    /// When WeChat stops recognising it.
    pub expires_at: Timestamp,
}

/// A scan session began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The account whose QR code it is.
    pub account: AccountName,
    /// That account's app id, without which an openid means nothing.
    pub app_id: AppId,
    /// The website that will redeem the login.
    pub client: ClientId,
    /// Which life of this scene id it is.
    pub incarnation: Incarnation,
    /// Who may watch.
    pub opener: Opener,
    /// What it takes after the scan.
    pub confirmation: Confirmation,
    /// The QR code to show.
    pub qr: QrCode,
    /// Until when it may be scanned and confirmed.
    pub expires_at: Timestamp,
    /// How long the code can be redeemed once it is confirmed.
    pub code_ttl: Duration,
    /// How long the access token lives once it is redeemed.
    pub access_token_ttl: Duration,
    /// What the website asked for.
    pub request: LoginRequest,
    /// For whose browser, where that was told.
    pub visitor: Option<Visitor>,
}

/// A WeChat user scanned the QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The account that WeChat told.
    pub account: AccountName,
    /// Who scanned.
    pub person: Person,
}

/// Somebody follows an account, or does no more. It happens to no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// The account.
    pub account: AccountName,
    /// Who.
    pub person: Person,
}

/// Who scanned has agreed: from here on there is a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Until when the code can be redeemed.
    pub code_expires_at: Timestamp,
}

/// The website redeemed the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// Until when the access token lives.
    pub access_token_expires_at: Timestamp,
}

/// Why a session was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// The phone's user declined.
    User,
    /// The phone's user said that this was somebody else; alone of all reasons also after the redemption, which it voids.
    NotMe,
    /// The wrong number was picked.
    Number,
    /// WeChat's snapshot mode: no real person stands behind the openid.
    Snapshot,
    /// Another person than the scanner opened the confirmation.
    WrongAccount,
    /// The browser gave up.
    Browser,
    /// The operator ended it.
    Admin,
}

impl DenyReason {
    /// All reasons, those of the phone first.
    pub const ALL: [Self; 7] =
        [Self::User, Self::NotMe, Self::Number, Self::Snapshot, Self::WrongAccount, Self::Browser, Self::Admin];

    /// The name that the journal's readers see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::NotMe => "not_me",
            Self::Number => "number",
            Self::Snapshot => "snapshot",
            Self::WrongAccount => "wrong_account",
            Self::Browser => "browser",
            Self::Admin => "admin",
        }
    }

    /// The reason with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Something that has happened, to a scan session where nothing else is said. Facts, in the past tense; never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It began.
    Created(Arc<Created>),
    /// It was scanned.
    Scanned(Scanned),
    /// It was confirmed.
    Confirmed(Confirmed),
    /// It was denied: the end.
    Denied(DenyReason),
    /// Its time was over: the end.
    Expired,
    /// Its code was redeemed.
    Redeemed(Redeemed),
    /// What the redemption gave is void, since its code came a second time or the website gave it back: the end.
    Revoked,
    /// A person was forgotten. It stands in a stream of the journal's own, [`SceneId::of_the_journal`].
    Forgotten(Forgotten),
    /// Somebody follows an account from now on. It stands in a stream of its own, as the next does.
    Subscribed(Follower),
    /// Somebody follows an account no more.
    Unsubscribed(Follower),
}

impl Event {
    /// Whom it is about, and which account knows them, where it names somebody who may still be known.
    pub fn person(&self) -> Option<(&AccountName, &Person)> {
        match self {
            Self::Scanned(scanned) => Some((&scanned.account, &scanned.person)),
            Self::Subscribed(follower) | Self::Unsubscribed(follower) => Some((&follower.account, &follower.person)),
            _ => None,
        }
    }

    /// Whether what it knew of a person can no longer be read.
    pub fn is_of_somebody_forgotten(&self) -> bool {
        match self {
            Self::Created(created) => created.visitor == Some(Visitor::Forgotten),
            _ => self.person().is_some_and(|(_, person)| matches!(person, Person::Forgotten(_))),
        }
    }

    /// Which kind of event it is.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Created(_) => EventKind::Created,
            Self::Scanned(_) => EventKind::Scanned,
            Self::Confirmed(_) => EventKind::Confirmed,
            Self::Denied(_) => EventKind::Denied,
            Self::Expired => EventKind::Expired,
            Self::Redeemed(_) => EventKind::Redeemed,
            Self::Revoked => EventKind::Revoked,
            Self::Forgotten(_) => EventKind::Forgotten,
            Self::Subscribed(_) => EventKind::Subscribed,
            Self::Unsubscribed(_) => EventKind::Unsubscribed,
        }
    }
}

/// The kinds of [`Event`], by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// See [`Event::Created`].
    Created,
    /// See [`Event::Scanned`].
    Scanned,
    /// See [`Event::Confirmed`].
    Confirmed,
    /// See [`Event::Denied`].
    Denied,
    /// See [`Event::Expired`].
    Expired,
    /// See [`Event::Redeemed`].
    Redeemed,
    /// See [`Event::Revoked`].
    Revoked,
    /// See [`Event::Forgotten`].
    Forgotten,
    /// See [`Event::Subscribed`].
    Subscribed,
    /// See [`Event::Unsubscribed`].
    Unsubscribed,
}

impl EventKind {
    /// All kinds, in the order of a login.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Scanned,
        Self::Confirmed,
        Self::Denied,
        Self::Expired,
        Self::Redeemed,
        Self::Revoked,
        Self::Forgotten,
        Self::Subscribed,
        Self::Unsubscribed,
    ];

    /// Whether it happens to a scan session.
    pub const fn is_of_a_session(self) -> bool {
        !matches!(self, Self::Forgotten | Self::Subscribed | Self::Unsubscribed)
    }

    /// The name that browsers and the journal's readers see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Scanned => "scanned",
            Self::Confirmed => "confirmed",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Redeemed => "redeemed",
            Self::Revoked => "revoked",
            Self::Forgotten => "forgotten",
            Self::Subscribed => "subscribed",
            Self::Unsubscribed => "unsubscribed",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An event in its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the whole journal, from 1, without holes.
    pub seq: u64,
    /// Its place among the events of its session, from 1, without holes.
    pub scene_seq: u32,
    /// When the command that caused it was taken.
    pub at: Timestamp,
    /// The session it happened to.
    pub scene: SceneId,
    /// What happened.
    pub event: Event,
}
