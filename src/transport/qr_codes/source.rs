use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::config::Account;
use crate::domain::{AccountName, QrCode};
use crate::metrics::QrMetrics;

use super::budget::{Budget, Denied, until_tomorrow};
use super::ledger::Ledger;
use super::shelf::Shelf;
use super::{Code, LATER, NoCode, new_scene};
use crate::transport::wechat::api::{Absence, ApiError, WeChatApi};

/// How long a code may lie on the shelf.
const SHELF_LIFE: Duration = Duration::from_secs(60 * 60);
/// A code that WeChat gives a shorter life on the shelf than this is not worth its quota.
const SHELF_LIFE_MIN: Duration = Duration::from_secs(10 * 60);
/// How soon another is asked for after one that is not worth keeping; each in a row doubles it, up to [`SHELF_LIFE`].
const SHORT_LIVED_PAUSE: Duration = LATER;
/// How soon the shelf is filled again after WeChat gave nothing, at the earliest.
const REFILL_PAUSE: Duration = Duration::from_secs(2);

/// When to try again where today's codes are used up, at the latest: an operator may have raised the budget.
const RETRY_MAX: Duration = Duration::from_secs(60 * 60);

/// Where the QR codes of one account come from.
pub(super) struct Source {
    account: AccountName,
    api: WeChatApi,
    scene_prefix: String,
    /// How long a code must live from when it is taken.
    needs: Duration,
    shelf: Mutex<Shelf>,
    /// Wakes who fills the shelf.
    taken: Notify,
    budget: Arc<Mutex<Budget>>,
    ledger: Arc<Ledger>,
    clock: Clock,
    metrics: QrMetrics,
}

impl Source {
    pub(super) fn new(
        account: &Account,
        api: WeChatApi,
        shelf: Shelf,
        ledger: Ledger,
        clock: Clock,
        metrics: QrMetrics,
    ) -> Self {
        let budget = Budget::new(account.qr_daily_budget.get(), clock.now(), ledger.read());
        let counted = (Arc::new(Mutex::new(budget)), Arc::new(ledger));
        Self::counting_on(counted, account, api, shelf, clock, metrics)
    }

    fn counting_on(
        (budget, ledger): (Arc<Mutex<Budget>>, Arc<Ledger>),
        account: &Account,
        api: WeChatApi,
        shelf: Shelf,
        clock: Clock,
        metrics: QrMetrics,
    ) -> Self {
        let source = Self {
            account: account.name.clone(),
            api,
            scene_prefix: account.scene_prefix.clone(),
            needs: shelf.needs(),
            shelf: Mutex::new(shelf),
            taken: Notify::new(),
            budget,
            ledger,
            clock,
            metrics,
        };
        source.measure(&mut source.budget());
        source
    }

    /// Whether these settings are the ones that it has.
    pub(super) fn is_same(&self, account: &Account, api: &WeChatApi, shelf: &Shelf) -> bool {
        let same_shelf = self.shelf().size() == shelf.size() && self.needs == shelf.needs();
        let same_budget = self.budget().limit() == account.qr_daily_budget.get();
        self.api.is_the_same(api) && same_shelf && same_budget && self.scene_prefix == account.scene_prefix
    }

    /// The same account's with other settings: no code at hand, and what was used today counts on, whoever of both uses more.
    pub(super) fn followed_by(&self, account: &Account, api: WeChatApi, shelf: Shelf) -> Self {
        self.budget().limit_to(account.qr_daily_budget.get());
        let counted = (self.budget.clone(), self.ledger.clone());
        Self::counting_on(counted, account, api, shelf, self.clock.clone(), self.metrics.clone())
    }

    pub(super) fn has_shelf(&self) -> bool {
        self.shelf().size() > 0
    }

    /// A code from the shelf, or else from WeChat, for a visitor from `network`.
    pub(super) async fn take(&self, network: IpAddr) -> Result<Code, NoCode> {
        self.admit(network)?;
        if let Some(code) = self.take_prepared() {
            return Ok(self.for_one_session(code));
        }
        // In a box, because every session that begins would keep room for it.
        match Box::pin(self.make(self.needs)).await {
            Ok(code) => Ok(self.for_one_session(code)),
            Err(no_code) => {
                self.budget().not_taken_by(network);
                Err(no_code)
            }
        }
    }

    /// Counted before there is a code, so that many who ask at once get no more than one after the other would.
    fn admit(&self, network: IpAddr) -> Result<(), NoCode> {
        let now = self.clock.now();
        let prepared = self.shelf().count(now);
        let mut budget = self.budget();
        budget.admits(now, network, prepared).map_err(|denied| self.denied(denied))?;
        budget.taken_by(network);
        Ok(())
    }

    /// Fills the shelf whenever a code was taken or has become stale. Never ends.
    pub(super) async fn keep_filled(&self) {
        let mut pause = SHORT_LIVED_PAUSE;
        loop {
            let (is_full, fresh_for) = self.look_at_shelf();
            if is_full {
                let stale = tokio::time::sleep(fresh_for);
                tokio::select! {
                    () = self.taken.notified() => {}
                    () = stale => {}
                }
                continue;
            }
            match self.make(self.needs.saturating_add(SHELF_LIFE)).await {
                Ok(code) if self.is_worth_keeping(&code) => {
                    pause = SHORT_LIVED_PAUSE;
                    self.put(code);
                }
                Ok(_) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(SHELF_LIFE);
                }
                Err(no_code) => tokio::time::sleep(no_code.retry_after().max(REFILL_PAUSE)).await,
            }
        }
    }

    fn take_prepared(&self) -> Option<Code> {
        let now = self.clock.now();
        let mut shelf = self.shelf();
        let code = shelf.take(now);
        self.metrics.prepared(shelf.count(now));
        self.taken.notify_one();
        code
    }

    fn is_worth_keeping(&self, code: &Code) -> bool {
        self.clock.now().until(code.qr.expires_at) >= self.needs.saturating_add(SHELF_LIFE_MIN)
    }

    fn put(&self, code: Code) {
        let mut shelf = self.shelf();
        shelf.put(code);
        self.metrics.prepared(shelf.count(self.clock.now()));
    }

    /// Whether it is full, and for how long.
    fn look_at_shelf(&self) -> (bool, Duration) {
        let now = self.clock.now();
        let mut shelf = self.shelf();
        let is_full = shelf.count(now) >= shelf.size();
        self.metrics.prepared(shelf.count(now));
        // A millisecond more, since it is stale only after that.
        (is_full, shelf.fresh_for(now).unwrap_or(SHELF_LIFE) + Duration::from_millis(1))
    }

    async fn make(&self, lifetime: Duration) -> Result<Code, NoCode> {
        self.spend().await?;
        let scene = new_scene(&self.scene_prefix);
        match self.api.create_qr(scene.as_str(), lifetime).await {
            Ok(issued) => {
                let expires_at = self.clock.now().after(issued.expires_in);
                Ok(Code { scene, qr: QrCode { content: issued.content, expires_at } })
            }
            Err(error) => {
                if !may_have_been_made(&error) {
                    let mut budget = self.budget();
                    budget.give_back(self.clock.now());
                    self.measure(&mut budget);
                }
                Err(no_code(&error))
            }
        }
    }

    /// Counts a code that is going to be made.
    async fn spend(&self) -> Result<(), NoCode> {
        let granted = {
            let mut budget = self.budget();
            let granted = budget.spend(self.clock.now()).map_err(|denied| self.denied(denied))?;
            self.measure(&mut budget);
            granted
        };
        if granted.is_alarming {
            let told = "four fifths of today's QR codes are used: see who takes them, or raise qr_daily_budget";
            tracing::warn!(account = %self.account, limit = self.budget().limit(), "{told}");
        }
        if let Some(used) = granted.remember {
            let ledger = self.ledger.clone();
            // Where that panics the count is kept in memory, as where the disk is full.
            let _ = tokio::task::spawn_blocking(move || ledger.write(used)).await;
        }
        Ok(())
    }

    /// Writes down what was really used: after this, what was reserved beyond it is not lost.
    pub(super) async fn close(&self) {
        let used = self.budget().used(self.clock.now());
        let ledger = self.ledger.clone();
        let _ = tokio::task::spawn_blocking(move || ledger.write(used)).await;
    }

    fn denied(&self, denied: Denied) -> NoCode {
        let retry_after = until_tomorrow(self.clock.now()).min(RETRY_MAX);
        match denied {
            Denied::Address => NoCode::AddressUsedUp(retry_after),
            Denied::UsedUp => NoCode::UsedUp(retry_after),
        }
    }

    fn measure(&self, budget: &mut Budget) {
        self.metrics.budget(budget.used(self.clock.now()).codes, budget.limit(), budget.is_low());
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A code that was made ahead lives longer than others. That is cut off, since sessions are remembered, and their page
    /// ids kept from others, as long as their code lives.
    fn for_one_session(&self, code: Code) -> Code {
        let expires_at = code.qr.expires_at.min(self.clock.now().after(self.needs));
        Code { qr: QrCode { expires_at, ..code.qr }, ..code }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_code(error: &ApiError) -> NoCode {
    match error {
        ApiError::Away { retry_after, .. } => NoCode::Away(*retry_after),
        ApiError::Refused { .. } | ApiError::NotTold { .. } => NoCode::Away(LATER),
    }
}

/// Whether WeChat may have counted the call though it brought nothing.
fn may_have_been_made(error: &ApiError) -> bool {
    matches!(error, ApiError::Away { cause: Absence::Slow | Absence::Garbage(_), .. })
}

impl NoCode {
    fn retry_after(self) -> Duration {
        match self {
            Self::Away(after) | Self::AddressUsedUp(after) | Self::UsedUp(after) => after,
            Self::NoAccount => LATER,
        }
    }
}
