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

/// One place in so many is for pages that cannot ask instead, and have begun a login: those that have asked for their code
/// and are about to connect.
const LAST: usize = 128;

/// A page that polls over SockJS takes one for its session, and one for the request that waits.
const OF_A_PAGE: usize = 2;

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

/// Who wants to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A page of ours, or a program: where it may not wait, it asks again and again, and holds nothing meanwhile.
    MayAsk,
    /// The original page, which hears of nothing while it has no place.
    MustWait,
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

    /// Whether a page that must wait may begin a login from there: whether it would find its places a moment later.
    pub(super) fn admit(&self, address: ClientAddress) -> Result<(), NoSocket> {
        let share = self.shares().look(Some(address.network()), OF_A_PAGE, self.most_of(Who::MayAsk));
        share.map_err(|why| self.refuse(why.into()))
    }

    /// A place for who comes from there, if there is one. The log is told when the first is turned away for want of places,
    /// and when there is room again.
    pub(super) fn take(self: &Arc<Self>, address: ClientAddress, who: Who) -> Result<SocketPlace, NoSocket> {
        let network = address.network();
        let mut shares = self.shares();
        let share = match who {
            // It was let begin before the last places were reached, and whose they are was asked then.
            Who::MustWait if self.are_last(&shares) && shares.taken() < self.most => {
                shares.take(Some(network));
                Ok(())
            }
            who => shares.try_take(Some(network), self.most_of(who)),
        };
        let has_room = self.most.saturating_sub(shares.taken()) >= self.most / 10;
        drop(shares);
        share.map_err(|why| self.refuse(why.into()))?;
        // What comes and goes is told once.
        if has_room && self.is_told.load(Ordering::Relaxed) && self.is_told.swap(false, Ordering::Relaxed) {
            tracing::info!("there is room again for browsers that wait");
        }
        Ok(SocketPlace { sockets: self.clone(), network })
    }

    /// Whether no more are left than those for pages that must wait.
    pub fn are_short(&self) -> bool {
        self.are_last(&self.shares())
    }

    fn are_last(&self, shares: &Shares) -> bool {
        shares.taken() >= self.most_of(Who::MayAsk)
    }

    fn most_of(&self, who: Who) -> usize {
        match who {
            Who::MayAsk => self.most - self.most / LAST,
            Who::MustWait => self.most,
        }
    }

    /// Somebody is turned away.
    pub(super) fn refuse(&self, why: NoSocket) -> NoSocket {
        if why == NoSocket::Taken && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                most = self.most,
                "sockets are short: browsers that would wait for their logins are turned away, and the original page gets no code; raise LimitNOFILE, and restart"
            );
        }
        why
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SocketPlace {
    /// Makes it one of who comes from there: behind a proxy one connection carries many people's requests.
    ///
    /// # Errors
    /// There is none for them; it stays whose it was.
    pub(super) fn pass_to(&mut self, address: ClientAddress, who: Who) -> Result<(), NoSocket> {
        let network = address.network();
        if network == self.network {
            return Ok(());
        }
        let mut shares = self.sockets.shares();
        shares.give_back(Some(self.network));
        let share = shares.try_take(Some(network), self.sockets.most_of(who));
        if share.is_err() {
            shares.take(Some(self.network));
        }
        drop(shares);
        share.map_err(|why| self.sockets.refuse(why.into()))?;
        self.network = network;
        Ok(())
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

    fn fill(sockets: &Arc<Sockets>, who: Who) -> Vec<SocketPlace> {
        (0..1000).map_while(|number| sockets.take(somebody(number), who).ok()).collect()
    }

    #[test]
    fn one_network_leaves_room_for_others_and_is_not_told_as_a_shortage() {
        let sockets = Sockets::new(40);
        let greedy: Vec<_> = std::iter::from_fn(|| sockets.take(somebody(0), Who::MayAsk).ok()).collect();
        assert_eq!(greedy.len(), 21);
        assert_eq!(sockets.take(somebody(0), Who::MustWait).unwrap_err(), NoSocket::OfNetwork);
        assert_eq!(sockets.admit(somebody(0)), Err(NoSocket::OfNetwork));
        assert!(!sockets.are_short() && !sockets.is_told.load(Ordering::Relaxed));
        assert_eq!(sockets.admit(somebody(1)), Ok(()));
        drop(greedy);
        assert!(sockets.take(somebody(0), Who::MayAsk).is_ok());
    }

    #[test]
    fn who_must_wait_is_let_begin_only_where_there_are_places_for_both_its_connections() {
        let sockets = Sockets::new(40);
        let mut held: Vec<_> = (0..20).map(|_| sockets.take(somebody(0), Who::MustWait).unwrap()).collect();
        assert_eq!(sockets.admit(somebody(0)), Err(NoSocket::OfNetwork), "one more would be its last");
        held.pop();
        assert_eq!(sockets.admit(somebody(0)), Ok(()));
    }

    #[test]
    fn the_last_places_are_for_who_must_wait() {
        let sockets = Sockets::new(256);
        let mut browsers = fill(&sockets, Who::MayAsk);
        assert_eq!((browsers.len(), sockets.are_short()), (254, true));
        assert_eq!(sockets.admit(somebody(999)), Err(NoSocket::Taken));
        browsers.extend((0..2).map(|_| sockets.take(somebody(900), Who::MustWait).unwrap()));
        assert_eq!(sockets.take(somebody(999), Who::MustWait).unwrap_err(), NoSocket::Taken);
        browsers.truncate(252);
        assert_eq!(sockets.admit(somebody(999)), Ok(()));
    }

    #[test]
    fn a_place_that_others_use_is_theirs() {
        let sockets = Sockets::new(40);
        let mut all: Vec<_> = (0..2).map(|_| sockets.take(somebody(1), Who::MayAsk).unwrap()).collect();
        all[0].pass_to(somebody(2), Who::MayAsk).unwrap();
        all.extend(std::iter::from_fn(|| sockets.take(somebody(3), Who::MayAsk).ok()));
        assert_eq!((all.len(), sockets.shares().taken()), (22, 22));
        let refused = all[0].pass_to(somebody(3), Who::MayAsk);
        assert_eq!((refused, all[0].network), (Err(NoSocket::OfNetwork), somebody(2).network()));
        drop(all);
        assert_eq!(sockets.shares().taken(), 0);
    }
}
