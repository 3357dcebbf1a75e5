//! Whether one more session may begin: how many are pending and whose, whether memory is left, and whether the journal keeps
//! up. Sessions that go on are not asked.

mod memory;
mod told;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Created, NoShare, Shares};
use crate::store::EventStore;

use memory::Memory;
use told::{News, Told};

pub use memory::MemoryBudget;

/// Nothing new is begun while the journal needs longer for what it has: a visitor waits no longer for a code, and who is under
/// way goes before them.
const BEHIND: Duration = Duration::from_secs(1);

/// The limits that admission keeps; they may change while the daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// Most sessions that are pending at the same time; 0 while logins are turned off.
    pub max_sessions: usize,
    /// Most page ids of one address of which only one half has come.
    pub unclaimed_page_ids: usize,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All are taken.
    All,
    /// This network holds more than remain for everybody else: as places get scarce, the heaviest is refused first.
    OfNetwork,
    /// There is no memory for more than are pending.
    Memory,
    /// The journal has to catch up first.
    Journal,
}

/// The places of pending sessions.
pub(super) struct Admission {
    places: Mutex<Places>,
    /// Whoever only looks at the places must not keep the journal's lock.
    store: Weak<dyn EventStore>,
    memory: OnceLock<Memory>,
    told: Told,
}

struct Places {
    limits: AdmissionLimits,
    shares: Shares,
}

/// A place, held by a session until it ends.
pub(super) struct Place {
    network: Option<IpAddr>,
    admission: Arc<Admission>,
}

impl Admission {
    pub(super) fn new(limits: AdmissionLimits, store: &Arc<dyn EventStore>) -> Arc<Self> {
        let places = Mutex::new(Places { limits, shares: Shares::default() });
        let store = Arc::downgrade(store);
        Arc::new(Self { places, store, memory: OnceLock::new(), told: Told::default() })
    }

    /// Keeps within this budget from now on; the first that is named stays.
    pub(super) fn keep_within(&self, budget: MemoryBudget) {
        // A second one is the caller's mistake, and does no harm.
        let _ = self.memory.set(Memory::new(budget));
    }

    /// Other limits from now on. Who has a place keeps it, also where there are fewer now.
    pub(super) fn limit(&self, limits: AdmissionLimits) {
        self.places().limits = limits;
    }

    /// Most page ids of one address of which only one half has come.
    pub(super) fn unclaimed_page_ids(&self) -> usize {
        self.places().limits.unclaimed_page_ids
    }

    /// What is short, so that no session may begin whosoever it is. The log is told when that begins, and when it is over.
    pub(super) fn shortage(&self) -> Option<Full> {
        self.most().err()
    }

    /// How many may be pending at the moment: as many as are allowed, and as there is memory for.
    fn most(&self) -> Result<usize, Full> {
        let (taken, most) = self.taken();
        if taken >= most {
            return Err(Full::All);
        }
        let (now, backlog) = (Instant::now(), self.store.upgrade().map_or(Duration::ZERO, |store| store.backlog()));
        let bearable = self.memory.get().map_or(usize::MAX, |memory| memory.places(taken, now));
        let short = if taken >= bearable { Some(Full::Memory) } else { (backlog > BEHIND).then_some(Full::Journal) };
        match self.told.note(short, now) {
            Some(News::Begins(Full::Memory)) => tracing::warn!(
                pending = taken,
                "memory is nearly used up: new logins are refused until others have ended; give the daemon more memory"
            ),
            Some(News::Begins(_)) => tracing::warn!(
                ?backlog,
                "the journal is behind: new logins are refused until it has caught up; look at what else uses its disk"
            ),
            Some(News::Over) => tracing::info!("new logins are taken again"),
            None => {}
        }
        short.map_or(Ok(most.min(bearable)), Err)
    }

    /// How many places are taken, and how many there are; seen at one moment.
    pub(super) fn taken(&self) -> (usize, usize) {
        let places = self.places();
        (places.shares.taken(), places.limits.max_sessions)
    }

    /// A place for a session that begins.
    pub(super) fn admit(self: &Arc<Self>, created: &Created) -> Result<Place, Full> {
        let most = self.most()?;
        let network = network_of(created);
        let mut places = self.places();
        places.shares.try_take(network, most).map_err(|why| match why {
            NoShare::All if places.free() == 0 => Full::All,
            NoShare::All => Full::Memory,
            NoShare::OfNetwork => Full::OfNetwork,
        })?;
        Ok(Place { network, admission: self.clone() })
    }

    /// A place for a session that was there before a restart, if there is one.
    pub(super) fn readmit(self: &Arc<Self>, created: &Created) -> Option<Place> {
        let network = network_of(created);
        let mut places = self.places();
        if places.free() == 0 {
            return None;
        }
        places.shares.take(network);
        Some(Place { network, admission: self.clone() })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn network_of(created: &Created) -> Option<IpAddr> {
    created.visitor.as_ref().and_then(|visitor| visitor.network())
}

impl Places {
    fn free(&self) -> usize {
        self.limits.max_sessions.saturating_sub(self.shares.taken())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.places().shares.give_back(self.network);
    }
}
