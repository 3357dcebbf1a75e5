// The addresses of `core`, which has no sockets.
use core::net::IpAddr;
use std::collections::HashMap;

/// How many places of something scarce are taken, and how many each network has ([`network_of`](super::network_of)).
///
/// As places get scarce, the heaviest is refused first: nobody gets one more who has more than remain for everybody else. So
/// one network alone ends at half of them, and whoever comes from another finds a place.
#[derive(Debug, Default)]
pub struct Shares {
    taken: usize,
    held: HashMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoShare {
    /// All are taken.
    All,
    /// The network has more than remain.
    OfNetwork,
}

impl Shares {
    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Whether `network` could take so many `more` of `most` places, one after the other; where it is not known, they are
    /// nobody's.
    ///
    /// # Errors
    /// Why it could not take the last of them.
    pub fn look(&self, network: Option<IpAddr>, more: usize, most: usize) -> Result<(), NoShare> {
        let held = network.and_then(|network| self.held.get(&network)).copied().unwrap_or_default();
        let before = more.saturating_sub(1);
        match most.saturating_sub(self.taken).saturating_sub(before) {
            0 => Err(NoShare::All),
            free if held + before > free => Err(NoShare::OfNetwork),
            _ => Ok(()),
        }
    }

    /// Takes one of `most` places, if there is one for `network`. It is to be [given back](Self::give_back).
    ///
    /// # Errors
    /// Why there is none.
    pub fn try_take(&mut self, network: Option<IpAddr>, most: usize) -> Result<(), NoShare> {
        self.look(network, 1, most)?;
        self.take(network);
        Ok(())
    }

    /// Takes a place, whether there is one or not. Each is to be [given back](Self::give_back).
    pub fn take(&mut self, network: Option<IpAddr>) {
        self.taken += 1;
        if let Some(network) = network {
            *self.held.entry(network).or_default() += 1;
        }
    }

    /// Gives a place of this network back.
    pub fn give_back(&mut self, network: Option<IpAddr>) {
        self.taken -= 1;
        let Some(network) = network else { return };
        if let Some(count) = self.held.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: Option<IpAddr> = Some(IpAddr::V4(core::net::Ipv4Addr::new(203, 0, 113, 9)));
    const OTHER: Option<IpAddr> = Some(IpAddr::V4(core::net::Ipv4Addr::new(203, 0, 113, 10)));

    /// Takes as many of `most` as it gets.
    fn fill(shares: &mut Shares, network: Option<IpAddr>, most: usize) -> NoShare {
        loop {
            if let Err(why) = shares.try_take(network, most) {
                return why;
            }
        }
    }

    #[test]
    fn who_has_more_than_remain_is_refused_and_who_comes_from_elsewhere_is_not() {
        let mut shares = Shares::default();
        assert_eq!(fill(&mut shares, GREEDY, 100), NoShare::OfNetwork);
        assert_eq!(shares.taken(), 51);
        assert_eq!(shares.look(OTHER, 1, 100), Ok(()));
        assert_eq!(shares.look(OTHER, 25, 100), Ok(()), "of 49");
        assert_eq!(shares.look(OTHER, 26, 100), Err(NoShare::OfNetwork));
        assert_eq!(shares.look(OTHER, 50, 100), Err(NoShare::All));
        shares.give_back(GREEDY);
        assert_eq!(shares.look(GREEDY, 1, 100), Ok(()), "who goes makes room, for its own, too");
    }

    #[test]
    fn who_is_of_no_network_may_have_all_and_what_was_taken_comes_back() {
        let mut shares = Shares::default();
        assert_eq!(fill(&mut shares, None, 10), NoShare::All);
        assert_eq!(shares.taken(), 10);
        shares.take(GREEDY);
        assert_eq!(shares.taken(), 11, "whether there is one or not");
        shares.give_back(GREEDY);
        (0..10).for_each(|_| shares.give_back(None));
        assert_eq!((shares.taken(), shares.held.len()), (0, 0));
    }
}
