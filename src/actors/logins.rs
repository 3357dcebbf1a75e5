use std::net::IpAddr;
use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::{
    AccountName, Command, Created, DenyReason, OpenId, Opener, PageId, Phase, QrCode, Refusal, Scan, SceneId, Session,
    UnionId,
};
use crate::keys::{Keys, Purpose, same_secret, sha256};

use super::address::{Address, DEADLINE, IfLost, NoAnswer};
use super::admission::{Admission, AdmissionLimits, Full, MemoryBudget};
use super::cell::Cell;
use super::code;
use super::feed::{Callback, Watch};
use super::pages::{ClaimNumber, Halves, PageHolder, PageRefusal};
use super::registry::{NotAdmitted, RegistryMessage, picture};
use super::scanners::Scanners;
use super::session::{CommandError, Outcome, SessionMessage};
use super::sessions::SessionsMessage;

/// What the transports speak to: every way in which the outside can act on scan sessions. Clone it freely.
#[derive(Clone)]
pub struct Logins {
    pub(super) registry: Address<RegistryMessage>,
    sessions: Address<SessionsMessage>,
    admission: Arc<Admission>,
    pub(super) keys: Arc<Keys>,
    pub(super) clock: Clock,
    pub(super) scanners: Arc<Scanners>,
    /// Whose word this is, where it is a callback's.
    callback: Option<Callback>,
}

/// Nothing can be said: the journal, an actor or time has failed. The caller may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the login service cannot answer at the moment")]
pub struct Unavailable;

impl From<NoAnswer> for Unavailable {
    fn from(_: NoAnswer) -> Self {
        Self
    }
}

/// Why a session was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// As many sessions are pending as may be.
    TooManySessions,
    /// This visitor's network holds more pending sessions than there is room for.
    TooManyOfNetwork,
    /// There is no memory for more than are pending.
    MemoryLow,
    /// The journal has so much to write that a new session would have to wait for it.
    JournalBehind,
    /// The original page's id was refused.
    Page(PageRefusal),
    /// See [`Unavailable`].
    Unavailable,
}

impl From<Full> for OpenError {
    fn from(full: Full) -> Self {
        match full {
            Full::All => Self::TooManySessions,
            Full::OfNetwork => Self::TooManyOfNetwork,
            Full::Memory => Self::MemoryLow,
            Full::Journal => Self::JournalBehind,
        }
    }
}

/// A session that is not over.
#[derive(Clone, Debug)]
pub struct GoingOn {
    /// How it began.
    pub created: Arc<Created>,
    /// Whether somebody has scanned its code.
    pub is_scanned: bool,
}

/// A session that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its name.
    pub scene: SceneId,
    /// The address of its QR picture, where neither page id nor scene id may be told.
    pub picture: String,
}

/// A session as far as its browser may know it.
pub struct Watched {
    /// How it began.
    pub created: Arc<Created>,
    /// What happens.
    pub watch: Watch,
}

/// Who scanned, as far as WeChat has told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanner {
    /// For the account through which they scanned.
    pub openid: OpenId,
    /// For all accounts of its owner, where that was learnt in time.
    pub unionid: Option<UnionId>,
}

impl From<&OpenId> for Scanner {
    fn from(openid: &OpenId) -> Self {
        Self { openid: openid.clone(), unionid: None }
    }
}

/// What a scan has led to, the first time as well as every time that it is told again.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// How the session began.
    pub created: Arc<Created>,
    /// What its scanner has to do now.
    pub next: AfterScan,
}

/// What who scanned has to do. The token is given to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub enum AfterScan {
    /// Nothing: the login is confirmed. Behind the link with this token they may still say that it was not them.
    Nothing {
        /// See [`Logins::confirmable`].
        token: String,
    },
    /// To confirm, behind the link with this token.
    Confirm {
        /// See [`Logins::confirmable`].
        token: String,
    },
}

impl AfterScan {
    /// What has become of the login, in a word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nothing { .. } => "confirmed",
            Self::Confirm { .. } => "scanned",
        }
    }

    /// What the link to the scanner's page carries.
    pub fn into_token(self) -> String {
        match self {
            Self::Nothing { token } | Self::Confirm { token } => token,
        }
    }
}

impl std::fmt::Debug for AfterScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing { .. } => "Nothing(…)",
            Self::Confirm { .. } => "Confirm(…)",
        })
    }
}

/// Why a scan has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanError {
    /// The scene is not known, or the session refuses.
    NoEffect {
        /// Why.
        refusal: Refusal,
        /// How the session began, where it is one of the account that told the scan.
        created: Option<Arc<Created>>,
    },
    /// See [`Unavailable`].
    Unavailable,
}

/// What came of the operator's word that a session shall end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedByAdmin {
    /// It is over by that.
    Now,
    /// It was over before.
    Before,
    /// Nobody here knows it: it has been over for long, or there was none.
    Unknown,
}

/// A claim on a page id, held by a connection for as long as it lasts.
pub struct PageClaim {
    page: PageId,
    number: ClaimNumber,
    registry: Address<RegistryMessage>,
    /// What happens to the page's session, once there is one.
    pub watch: Watch,
}

impl std::fmt::Debug for PageClaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PageClaim({})", self.page)
    }
}

impl Drop for PageClaim {
    fn drop(&mut self) {
        self.registry.tell(RegistryMessage::Release(self.page.clone(), self.number));
    }
}

impl Logins {
    pub(super) fn new(
        registry: Address<RegistryMessage>,
        sessions: Address<SessionsMessage>,
        admission: Arc<Admission>,
        keys: Arc<Keys>,
        clock: Clock,
        scanners: Arc<Scanners>,
    ) -> Self {
        Self { registry, sessions, admission, keys, clock, scanners, callback: None }
    }

    /// The same, for a callback: how long what it leads to takes is counted from its arrival.
    #[must_use]
    pub fn of_callback(&self, callback: Callback) -> Self {
        Self { callback: Some(callback), ..self.clone() }
    }

    /// How many places of pending sessions are taken, and how many there are.
    pub fn places(&self) -> (usize, usize) {
        self.admission.taken()
    }

    /// Why no session can begin at this moment, whosoever asks; `None` where one can.
    pub fn shortage(&self) -> Option<OpenError> {
        self.admission.shortage().map(OpenError::from)
    }

    /// Keeps within this budget of memory from now on; the first that is named stays.
    pub fn keep_within(&self, budget: MemoryBudget) {
        self.admission.keep_within(budget);
    }

    /// Other limits from now on. Who has a place keeps it.
    pub fn limit(&self, limits: AdmissionLimits) {
        self.admission.limit(limits);
    }

    /// Begins a session. It is durable when this returns.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was begun, or nobody knows of it and it expires by itself.
    pub async fn open(
        &self,
        scene: SceneId,
        created: impl Into<Arc<Created>>,
        half: Option<PageHolder>,
    ) -> Result<Opened, OpenError> {
        let created = created.into();
        let open = |reply| RegistryMessage::Open(scene.clone(), created.clone(), half.clone(), reply);
        let admitted = self.registry.ask(IfLost::GiveUp, open).await.map_err(|_| OpenError::Unavailable)?;
        let cell = admitted.map_err(|refused| match refused {
            NotAdmitted::Full(full) => OpenError::from(full),
            NotAdmitted::Page(refusal) => OpenError::Page(refusal),
            // 128 random bits met twice: something is wrong with the randomness, so nothing goes on.
            NotAdmitted::SceneTaken => OpenError::Unavailable,
        })?;
        // The actor creates the session by itself when it starts; this only waits for it.
        match self.command(&cell, IfLost::SendAgain, Command::Create(created)).await {
            Ok(_) => Ok(self.opened(&cell)),
            Err(_) => Err(OpenError::Unavailable),
        }
    }

    /// Which halves of the original page's id have come, and the open session where this holder has one.
    ///
    /// # Errors
    /// [`OpenError::Page`] where the id is another's, was used, or this address has too many; so no QR code need be made.
    pub async fn find_page(&self, half: &PageHolder) -> Result<Halves<Opened>, OpenError> {
        let find = |reply| RegistryMessage::FindPage(half.clone(), reply);
        let found = self.registry.ask(IfLost::SendAgain, find).await.map_err(|_| OpenError::Unavailable)?;
        Ok(found.map_err(OpenError::Page)?.map(|cell| self.opened(&cell)))
    }

    /// Whether an original page of this network shows a code, and its connection has still to come.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn shows_page_of(&self, network: IpAddr) -> Result<bool, Unavailable> {
        Ok(self.registry.ask(IfLost::SendAgain, |reply| RegistryMessage::ShowsPage(network, reply)).await?)
    }

    fn opened(&self, cell: &Cell) -> Opened {
        Opened { scene: cell.scene.clone(), picture: picture(&self.keys, cell) }
    }

    /// Takes the word of a connection that it is this page.
    ///
    /// # Errors
    /// `Ok(Err(_))` where the id is refused; [`Unavailable`].
    pub async fn claim_page(&self, half: &PageHolder) -> Result<Result<PageClaim, PageRefusal>, Unavailable> {
        let claim = |reply| RegistryMessage::Claim(half.clone(), reply);
        let claimed = self.registry.ask(IfLost::GiveUp, claim).await?;
        Ok(claimed.map(|(number, feed)| PageClaim {
            page: half.page.clone(),
            number,
            registry: self.registry.clone(),
            watch: feed.watch(0),
        }))
    }

    /// Watches a session from behind the message `after`, for who holds its attach token and comes from `address`; `None`
    /// where the scene is unknown or the token is wrong: nobody can tell which.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn watch(
        &self,
        scene: &SceneId,
        token: &str,
        after: u32,
        address: IpAddr,
    ) -> Result<Option<Watched>, Unavailable> {
        let Some(cell) = self.attached(scene, token).await? else { return Ok(None) };
        cell.note_watcher(address);
        let mut watch = cell.feed.watch(after);
        tokio::time::timeout(DEADLINE, watch.begun()).await.map_err(|_| Unavailable)?;
        Ok(Some(Watched { created: cell.created.clone(), watch }))
    }

    /// The browser that holds the attach token gives up. `false` where the scene is unknown or the token is wrong.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn give_up(&self, scene: &SceneId, token: &str) -> Result<bool, Unavailable> {
        let Some(cell) = self.attached(scene, token).await? else { return Ok(false) };
        let deny = Command::Deny { reason: DenyReason::Browser };
        match self.command(&cell, IfLost::SendAgain, deny).await {
            // What has ended already is given up no less.
            Ok(_) | Err(Failed::Refused(_)) => Ok(true),
            Err(Failed::Unavailable) => Err(Unavailable),
        }
    }

    /// A session whose code waits to be scanned, to be confirmed or to be redeemed; `None` where it is over. For who holds its
    /// attach token.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn going_on(&self, scene: &SceneId, token: &str) -> Result<Option<GoingOn>, Unavailable> {
        let Some(cell) = self.attached(scene, token).await? else { return Ok(None) };
        let session = self.show(&cell).await?;
        let goes_on = session.deadline().is_some_and(|deadline| self.clock.now() < deadline);
        let is_scanned = !matches!(session.phase, Phase::Pending);
        Ok(goes_on.then(|| GoingOn { created: cell.created.clone(), is_scanned }))
    }

    async fn attached(&self, scene: &SceneId, token: &str) -> Result<Option<Arc<Cell>>, Unavailable> {
        let cell = self.find(scene).await?;
        Ok(cell.filter(|cell| match &cell.created.opener {
            Opener::Browser { attach } => same_secret(&attach.0, &sha256(token.as_bytes()).0),
            Opener::Page { .. } => false,
        }))
    }

    /// The QR code of a scene.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn qr_code(&self, scene: &SceneId) -> Result<Option<QrCode>, Unavailable> {
        Ok(self.find(scene).await?.map(|cell| cell.created.qr.clone()))
    }

    /// The QR code whose picture has this address.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn qr_code_of_picture(&self, picture: &str) -> Result<Option<QrCode>, Unavailable> {
        let find = |reply| RegistryMessage::FindPicture(picture.to_owned(), reply);
        let cell = self.registry.ask(IfLost::SendAgain, find).await?;
        Ok(cell.map(|cell| cell.created.qr.clone()))
    }

    /// WeChat says that somebody scanned through `account`. The scan is durable when this returns.
    ///
    /// # Errors
    /// [`ScanError`].
    pub async fn scan(
        &self,
        scene: &SceneId,
        account: &AccountName,
        scanner: impl Into<Scanner>,
    ) -> Result<Scanned, ScanError> {
        let Scanner { openid, unionid } = scanner.into();
        let cell = self.find(scene).await.map_err(|_| ScanError::Unavailable)?;
        let unknown = ScanError::NoEffect { refusal: Refusal::Unknown, created: None };
        let cell = cell.ok_or(unknown)?;
        let scan = Scan { account: account.clone(), openid, unionid, at: self.clock.now() };
        match self.command(&cell, IfLost::SendAgain, Command::Scan(scan)).await {
            Ok(Outcome { session, .. }) => {
                let token = self.confirm_token(&cell);
                let next = match session.phase {
                    Phase::Scanned { .. } => AfterScan::Confirm { token },
                    _ => AfterScan::Nothing { token },
                };
                Ok(Scanned { created: session.created, next })
            }
            Err(Failed::Refused(refusal)) => {
                let created = Some(cell.created.clone()).filter(|created| created.account == *account);
                Err(ScanError::NoEffect { refusal, created })
            }
            Err(Failed::Unavailable) => Err(ScanError::Unavailable),
        }
    }

    /// The operator ends a session, where it goes on still: `denied`, reason `admin`. It is durable when this returns, and
    /// whoever watches is told.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn end_by_admin(&self, scene: &SceneId) -> Result<EndedByAdmin, Unavailable> {
        match self.find(scene).await? {
            Some(cell) => self.deny_by_admin(&cell).await,
            None => Ok(EndedByAdmin::Unknown),
        }
    }

    pub(super) async fn deny_by_admin(&self, cell: &Cell) -> Result<EndedByAdmin, Unavailable> {
        let deny = Command::Deny { reason: DenyReason::Admin };
        match self.command(cell, IfLost::SendAgain, deny).await {
            Ok(Outcome { events, .. }) if !events.is_empty() => Ok(EndedByAdmin::Now),
            Ok(_) | Err(Failed::Refused(_)) => Ok(EndedByAdmin::Before),
            Err(Failed::Unavailable) => Err(Unavailable),
        }
    }

    pub(super) async fn find(&self, scene: &SceneId) -> Result<Option<Arc<Cell>>, Unavailable> {
        let find = |reply| RegistryMessage::Find(scene.clone(), reply);
        Ok(self.registry.ask(IfLost::SendAgain, find).await?)
    }

    /// The session that a code or token names and proves, where it was derived for this purpose.
    pub(super) async fn proven(&self, purpose: Purpose, token: &str) -> Result<Option<Arc<Cell>>, Unavailable> {
        let Some((scene, mac)) = code::split(token) else { return Ok(None) };
        let cell = self.find(&scene).await?;
        Ok(cell.filter(|cell| {
            let expected = self.keys.derive(purpose, &scene, cell.created.incarnation);
            same_secret(expected.as_bytes(), mac.as_bytes())
        }))
    }

    /// Where a session stands. One that rests is left in peace.
    pub(super) async fn show(&self, cell: &Cell) -> Result<Session, Unavailable> {
        if let Some(session) = cell.shown(self.clock.now()) {
            return Ok(session);
        }
        let wake = || self.wake(cell);
        Ok(cell.address.ask_or_wake(IfLost::SendAgain, wake, SessionMessage::Show).await?)
    }

    /// Has an actor started for a session that rests.
    pub(super) fn wake(&self, cell: &Cell) {
        self.sessions.tell(SessionsMessage::Wake(cell.scene.clone()));
    }

    pub(super) async fn command(&self, cell: &Cell, if_lost: IfLost, command: Command) -> Result<Outcome, Failed> {
        let Ok(_place) = cell.in_flight.try_acquire() else {
            tracing::warn!(scene = %cell.scene, "too many commands wait for this session");
            return Err(Failed::Unavailable);
        };
        let handle = |reply| SessionMessage::Handle(command.clone(), self.callback, reply);
        match cell.address.ask_or_wake(if_lost, || self.wake(cell), handle).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(CommandError::Refused(refusal))) => Err(Failed::Refused(refusal)),
            Ok(Err(CommandError::Store(error))) => {
                tracing::error!(scene = %cell.scene, %error, "a command could not be stored");
                Err(Failed::Unavailable)
            }
            Err(no_answer) => {
                tracing::error!(scene = %cell.scene, ?no_answer, "a session does not answer");
                Err(Failed::Unavailable)
            }
        }
    }
}

#[cfg(test)]
impl Logins {
    /// Makes the registry fail.
    pub(super) fn fail_registry(&self) {
        self.registry.tell(RegistryMessage::Fail);
    }
}

pub(super) enum Failed {
    Refused(Refusal),
    Unavailable,
}
