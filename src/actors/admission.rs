//! How many sessions may be pending at the same time, and whose.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Created;

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
}

/// The places of pending sessions.
pub(super) struct Admission(Mutex<Places>);

struct Places {
    limits: AdmissionLimits,
    taken: usize,
    /// How many each network holds.
    held: HashMap<IpAddr, usize>,
}

/// A place, held by a session until it ends.
pub(super) struct Place {
    network: Option<IpAddr>,
    admission: Arc<Admission>,
}

impl Admission {
    pub(super) fn new(limits: AdmissionLimits) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Places { limits, taken: 0, held: HashMap::new() })))
    }

    /// Other limits from now on. Who has a place keeps it, also where there are fewer now.
    pub(super) fn limit(&self, limits: AdmissionLimits) {
        self.places().limits = limits;
    }

    /// Most page ids of one address of which only one half has come.
    pub(super) fn unclaimed_page_ids(&self) -> usize {
        self.places().limits.unclaimed_page_ids
    }

    /// How many places are free.
    pub(super) fn free(&self) -> usize {
        self.places().free()
    }

    /// How many places are taken, and how many there are; seen at one moment.
    pub(super) fn taken(&self) -> (usize, usize) {
        let places = self.places();
        (places.taken, places.limits.max_sessions)
    }

    /// A place for a session that begins.
    pub(super) fn admit(self: &Arc<Self>, created: &Created) -> Result<Place, Full> {
        let network = network_of(created);
        let mut places = self.places();
        let held = network.map_or(0, |network| places.held.get(&network).copied().unwrap_or_default());
        let free = places.free();
        if free == 0 {
            return Err(Full::All);
        }
        if held > free {
            return Err(Full::OfNetwork);
        }
        places.take(network);
        Ok(Place { network, admission: self.clone() })
    }

    /// A place for a session that was there before a restart, if there is one.
    pub(super) fn readmit(self: &Arc<Self>, created: &Created) -> Option<Place> {
        let network = network_of(created);
        let mut places = self.places();
        if places.free() == 0 {
            return None;
        }
        places.take(network);
        Some(Place { network, admission: self.clone() })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn network_of(created: &Created) -> Option<IpAddr> {
    created.visitor.as_ref().and_then(|visitor| visitor.network())
}

impl Places {
    fn free(&self) -> usize {
        self.limits.max_sessions.saturating_sub(self.taken)
    }

    fn take(&mut self, network: Option<IpAddr>) {
        self.taken += 1;
        if let Some(network) = network {
            *self.held.entry(network).or_default() += 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.admission.places();
        places.taken -= 1;
        let Some(network) = self.network else { return };
        if let Some(count) = places.held.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                places.held.remove(&network);
            }
        }
    }
}
