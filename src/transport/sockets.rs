//! The places of browsers that wait, and that it is told when there are none.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{NoShare, Shares};

use super::client_address::ClientAddress;
use super::problem::Problem;

/// When it is worth coming again.
const SOON: Duration = Duration::from_secs(5);

/// Where fewer than one in so many are free, the rest is for logins that have begun.
const LAST: usize = 20;

/// The places of browsers that watch over a WebSocket, and of all others that wait.
#[derive(Debug)]
pub struct Sockets {
    shares: Mutex<Shares>,
    most: usize,
    /// The log was told that somebody was turned away.
    is_told: AtomicBool,
}

/// A place, until this is dropped.
#[derive(Debug)]
pub(super) struct SocketPlace {
    sockets: Arc<Sockets>,
    network: IpAddr,
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

/// There is no place for who asks. As an answer it is a 503, or a 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSocket {
    /// All are taken, or are kept for others.
    Taken,
    /// This network has more than remain for everybody else.
    OfNetwork,
}

impl Sockets {
    /// So many.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { shares: Mutex::default(), most, is_told: AtomicBool::new(false) })
    }

    /// Whether who comes from there may begin what needs a place later, and could never be told without one.
    pub(super) fn admit(&self, address: ClientAddress) -> Result<(), NoSocket> {
        let shares = self.shares();
        let is_for_others = self.room_of(&shares) != Room::Enough;
        let share = shares.look(Some(address.network()), self.most);
        drop(shares);
        if is_for_others { Err(self.refuse(NoSocket::Taken)) } else { share.map_err(|why| self.refuse(why.into())) }
    }

    /// A place for who comes from there, if there is one. The log is told when the first is turned away for want of places,
    /// and when there is room again.
    pub(super) fn take(self: &Arc<Self>, address: ClientAddress) -> Result<SocketPlace, NoSocket> {
        let network = address.network();
        let mut shares = self.shares();
        let share = shares.look(Some(network), self.most);
        if share.is_ok() {
            shares.take(Some(network));
        }
        let has_room = self.free(&shares) >= self.most / 10;
        drop(shares);
        share.map_err(|why| self.refuse(why.into()))?;
        // What comes and goes is told once.
        if has_room && self.is_told.load(Ordering::Relaxed) && self.is_told.swap(false, Ordering::Relaxed) {
            tracing::info!("there is room again for browsers that wait");
        }
        Ok(SocketPlace { sockets: self.clone(), network })
    }

    /// For whom there is room at the moment.
    pub fn room(&self) -> Room {
        self.room_of(&self.shares())
    }

    fn room_of(&self, shares: &Shares) -> Room {
        match self.free(shares) {
            0 => Room::Nobody,
            free if free < self.most.div_ceil(LAST) => Room::ForWhoHasBegun,
            _ => Room::Enough,
        }
    }

    fn free(&self, shares: &Shares) -> usize {
        self.most.saturating_sub(shares.taken())
    }

    /// Somebody is turned away.
    fn refuse(&self, why: NoSocket) -> NoSocket {
        if why == NoSocket::Taken && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                most = self.most,
                "sockets are short: new logins of the original page are refused, and browsers beyond the last place are not let wait; raise LimitNOFILE, and restart"
            );
        }
        why
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        self.sockets.shares().give_back(Some(self.network));
    }
}

impl From<NoShare> for NoSocket {
    fn from(why: NoShare) -> Self {
        match why {
            NoShare::All => Self::Taken,
            NoShare::OfNetwork => Self::OfNetwork,
        }
    }
}

impl NoSocket {
    /// The word for programs, in answers and metrics.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Taken => "too_many_sockets",
            Self::OfNetwork => "too_many_sockets_address",
        }
    }
}

impl From<NoSocket> for Problem {
    fn from(why: NoSocket) -> Self {
        match why {
            NoSocket::Taken => Self::unavailable(why.code(), "more browsers wait already than there is room for", SOON),
            NoSocket::OfNetwork => {
                let detail = "more browsers of this address wait already than there is room for at the moment";
                Self::too_many(why.code(), detail).again_after(SOON)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each from a network of its own.
    fn somebody(number: u32) -> ClientAddress {
        ClientAddress(IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0A00_0000 + number)))
    }

    #[test]
    fn one_network_leaves_room_for_others_and_is_not_told_as_a_shortage() {
        let sockets = Sockets::new(40);
        let greedy: Vec<_> = std::iter::from_fn(|| sockets.take(somebody(0)).ok()).collect();
        assert_eq!(greedy.len(), 21);
        assert_eq!(sockets.take(somebody(0)).unwrap_err(), NoSocket::OfNetwork);
        assert_eq!(sockets.admit(somebody(0)), Err(NoSocket::OfNetwork));
        assert_eq!(sockets.room(), Room::Enough);
        assert!(!sockets.is_told.load(Ordering::Relaxed));
        assert_eq!(sockets.admit(somebody(1)), Ok(()));
        drop(greedy);
        assert!(sockets.take(somebody(0)).is_ok());
    }

    #[test]
    fn the_last_places_are_for_who_has_begun() {
        let sockets = Sockets::new(40);
        let mut browsers: Vec<_> = (0..38).map(|number| sockets.take(somebody(number)).unwrap()).collect();
        assert_eq!(sockets.admit(somebody(99)), Ok(()), "a twentieth is free");
        browsers.push(sockets.take(somebody(38)).unwrap());
        assert_eq!(sockets.room(), Room::ForWhoHasBegun);
        assert_eq!(sockets.admit(somebody(99)), Err(NoSocket::Taken));
        browsers.push(sockets.take(somebody(39)).unwrap());
        assert_eq!(sockets.room(), Room::Nobody);
        assert_eq!(sockets.take(somebody(99)).unwrap_err(), NoSocket::Taken);
        browsers.truncate(37);
        assert_eq!(sockets.admit(somebody(99)), Ok(()));
    }
}
