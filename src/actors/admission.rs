//! How many sessions may be pending at the same time, and whose.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::Created;

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All are taken.
    All,
    /// This network holds more than remain for everybody else: as places get scarce, the heaviest is refused first.
    OfNetwork,
}

/// The places of pending sessions.
pub(super) struct Admission {
    places: Arc<Semaphore>,
    most: usize,
    /// How many each network holds.
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// A place, held by a session until it ends.
pub(super) struct Place {
    network: Option<IpAddr>,
    admission: Arc<Admission>,
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub(super) fn new(places: usize) -> Arc<Self> {
        let most = places.min(Semaphore::MAX_PERMITS);
        Arc::new(Self { places: Arc::new(Semaphore::new(most)), most, held: Mutex::default() })
    }

    /// How many places are free.
    pub(super) fn free(&self) -> usize {
        self.places.available_permits()
    }

    /// How many places there are.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// A place for a session that begins.
    pub(super) fn admit(self: &Arc<Self>, created: &Created) -> Result<Place, Full> {
        let network = created.visitor.as_ref().and_then(|visitor| visitor.network());
        let held = network.map_or(0, |network| self.held().get(&network).copied().unwrap_or_default());
        let free = self.free();
        if free > 0 && held > free {
            return Err(Full::OfNetwork);
        }
        self.take(network).ok_or(Full::All)
    }

    /// A place for a session that was there before a restart, if there is one.
    pub(super) fn readmit(self: &Arc<Self>, created: &Created) -> Option<Place> {
        self.take(created.visitor.as_ref().and_then(|visitor| visitor.network()))
    }

    fn take(self: &Arc<Self>, network: Option<IpAddr>) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        if let Some(network) = network {
            *self.held().entry(network).or_default() += 1;
        }
        Some(Place { network, admission: self.clone(), _permit: permit })
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut held = self.admission.held();
        if let Some(count) = held.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                held.remove(&network);
            }
        }
    }
}
