//! The places of browsers that wait, and that it is told when there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// Why who may not wait was turned away: the word for programs, in answers and metrics.
pub(super) const TOO_MANY_SOCKETS: &str = "too_many_sockets";

/// When it is worth coming again.
const SOON: Duration = Duration::from_secs(5);

/// Where fewer than one in so many are free, the rest is for logins that have begun.
const LAST: usize = 20;

/// The places of browsers that watch over a WebSocket, and of all others that wait.
#[derive(Debug)]
pub struct Sockets {
    places: Arc<Semaphore>,
    most: usize,
    /// The log was told that somebody was turned away.
    is_told: AtomicBool,
}

/// How many more may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Whoever comes.
    Enough,
    /// Who has begun a login: the last twentieth is left.
    ForWhoHasBegun,
    /// Nobody at the moment.
    Nobody,
}

/// There is no place for who asks. As an answer it is a 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManySockets;

impl Sockets {
    /// So many.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { places: Arc::new(Semaphore::new(most)), most, is_told: AtomicBool::new(false) })
    }

    /// Whether somebody may begin who must find a place later, or could never be told: who comes by the last places has begun.
    pub(super) fn admit(&self) -> Result<(), TooManySockets> {
        match self.room() {
            Room::Enough => Ok(()),
            Room::ForWhoHasBegun | Room::Nobody => {
                self.refuse();
                Err(TooManySockets)
            }
        }
    }

    /// A place, if there is one. The log is told when the first is turned away, and when there is room again.
    pub(super) fn take(&self) -> Result<OwnedSemaphorePermit, TooManySockets> {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            self.refuse();
            return Err(TooManySockets);
        };
        // What comes and goes is told once.
        if self.is_told.load(Ordering::Relaxed)
            && self.places.available_permits() >= self.most / 10
            && self.is_told.swap(false, Ordering::Relaxed)
        {
            tracing::info!("there is room again for browsers that wait");
        }
        Ok(place)
    }

    /// Somebody is turned away.
    pub(super) fn refuse(&self) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                most = self.most,
                "sockets are short: new logins of the original page are refused, and browsers beyond the last place are not let wait; raise LimitNOFILE, and restart"
            );
        }
    }

    /// The places themselves, for who gives them away by other words.
    pub(super) fn places(&self) -> &Arc<Semaphore> {
        &self.places
    }

    /// For whom there is room at the moment.
    pub fn room(&self) -> Room {
        match self.places.available_permits() {
            0 => Room::Nobody,
            free if free < self.most.div_ceil(LAST) => Room::ForWhoHasBegun,
            _ => Room::Enough,
        }
    }
}

impl From<TooManySockets> for Problem {
    fn from(TooManySockets: TooManySockets) -> Self {
        Self::unavailable(TOO_MANY_SOCKETS, "more browsers wait already than there is room for", SOON)
    }
}
