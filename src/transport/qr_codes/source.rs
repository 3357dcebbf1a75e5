use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Notify;

use crate::clock::{Clock, random_bytes};
use crate::config::Account;
use crate::domain::{QrCode, SceneId};
use crate::metrics::QrMetrics;

use super::shelf::Shelf;
use super::{Code, LATER, NoCode};
use crate::transport::wechat::api::{ApiError, WeChatApi};

/// How long a code may lie on the shelf.
const SHELF_LIFE: Duration = Duration::from_secs(60 * 60);
/// A code that WeChat gives a shorter life on the shelf than this is not worth its quota.
const SHELF_LIFE_MIN: Duration = Duration::from_secs(10 * 60);
/// How soon the shelf is filled again after WeChat gave nothing, at the earliest.
const REFILL_PAUSE: Duration = Duration::from_secs(2);

/// Where the QR codes of one account come from.
pub(super) struct Source {
    api: WeChatApi,
    scene_prefix: String,
    /// How long a code must live from when it is taken.
    needs: Duration,
    shelf: Mutex<Shelf>,
    /// Wakes who fills the shelf.
    taken: Notify,
    clock: Clock,
    metrics: QrMetrics,
}

impl Source {
    pub(super) fn new(
        account: &Account,
        api: WeChatApi,
        needs: Duration,
        shelf_size: usize,
        clock: Clock,
        metrics: QrMetrics,
    ) -> Self {
        Self {
            api,
            scene_prefix: account.scene_prefix.clone(),
            needs,
            shelf: Mutex::new(Shelf::new(shelf_size, needs)),
            taken: Notify::new(),
            clock,
            metrics,
        }
    }

    pub(super) fn has_shelf(&self) -> bool {
        self.shelf().size() > 0
    }

    /// A code from the shelf, or else from WeChat.
    pub(super) async fn take(&self) -> Result<Code, NoCode> {
        let code = match self.take_prepared() {
            Some(code) => code,
            None => self.make(self.needs).await?,
        };
        Ok(self.for_one_session(code))
    }

    /// Fills the shelf whenever a code was taken or has become stale. Never ends.
    pub(super) async fn keep_filled(&self) {
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
                Ok(code) if self.is_worth_keeping(&code) => self.put(code),
                Ok(_) => tokio::time::sleep(SHELF_LIFE).await,
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
        let scene = self.new_scene();
        match self.api.create_qr(scene.as_str(), lifetime).await {
            Ok(issued) => {
                let expires_at = self.clock.now().after(issued.expires_in);
                Ok(Code { scene, qr: QrCode { content: issued.content, expires_at } })
            }
            Err(ApiError::Away { retry_after, .. }) => Err(NoCode::Away(retry_after)),
            Err(ApiError::Refused { .. } | ApiError::NotTold { .. }) => Err(NoCode::Away(LATER)),
        }
    }

    /// A code that was made ahead lives longer than others. That is cut off, since sessions are remembered, and their page
    /// ids kept from others, as long as their code lives.
    fn for_one_session(&self, code: Code) -> Code {
        let expires_at = code.qr.expires_at.min(self.clock.now().after(self.needs));
        Code { qr: QrCode { expires_at, ..code.qr }, ..code }
    }

    /// The account's prefix and 128 random bits.
    fn new_scene(&self) -> SceneId {
        let random = URL_SAFE_NO_PAD.encode(random_bytes::<16>());
        SceneId::new(format!("{}{random}", self.scene_prefix)).expect("the configuration checked the prefix")
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NoCode {
    fn retry_after(self) -> Duration {
        match self {
            Self::Away(retry_after) => retry_after,
            Self::NoAccount => LATER,
        }
    }
}
