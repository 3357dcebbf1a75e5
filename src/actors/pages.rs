//! The page ids of the original page: which browser holds one, and which session it is an alias of. Pure.
//!
//! A page id comes in two halves, the request for the QR code and the word on the connection; either may be first, and
//! both must come from the same holder.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::{Digest, Opener, PageId, SceneId};

use super::cell::Cell;
use super::feed::Feed;

/// Who brings one half of a page id.
#[derive(Clone, Debug)]
pub struct PageHolder {
    /// The id.
    pub page: PageId,
    /// Keyed hash of the address or cookie: both halves must bring the same.
    pub holder: Digest,
    /// The address (IPv6: its /64), for the limit on unclaimed ids.
    pub network: IpAddr,
}

/// Why a half is not taken. The same for unknown, used and foreign ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageRefusal {
    /// The id is another's, or was used before.
    Taken,
    /// This address holds too many ids of which only one half has come.
    TooManyUnclaimed,
}

/// Which halves of a page id have come, with what the QR code's half made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halves<T> {
    /// The id is free.
    Neither,
    /// The page has said its id on its connection, and waits for the QR code.
    Connection,
    /// The QR code is there, whether the connection's half has come or not.
    Code(T),
}

impl<T> Halves<T> {
    /// The same of what `make` makes of what there is.
    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Halves<U> {
        match self {
            Self::Neither => Halves::Neither,
            Self::Connection => Halves::Connection,
            Self::Code(code) => Halves::Code(make(code)),
        }
    }
}

/// Tells one claim from any other of this process, also of a registry that was restarted since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClaimNumber(u64);

impl ClaimNumber {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

struct Entry {
    holder: Digest,
    network: Option<IpAddr>,
    feed: Feed,
    cell: Option<Arc<Cell>>,
    claims: HashSet<ClaimNumber>,
    /// Whether the connection's half has ever come.
    claimed: bool,
}

impl Entry {
    fn new(holder: Digest, feed: Feed) -> Self {
        Self { holder, network: None, feed, cell: None, claims: HashSet::new(), claimed: false }
    }

    fn is_unclaimed(&self) -> bool {
        self.cell.is_none() || self.awaits_connection()
    }

    fn awaits_connection(&self) -> bool {
        self.cell.is_some() && !self.claimed && !self.feed.has_ended()
    }
}

/// All page ids in use.
#[derive(Default)]
pub(super) struct Pages {
    entries: HashMap<PageId, Entry>,
    by_network: HashMap<IpAddr, HashSet<PageId>>,
    most_unclaimed: usize,
}

impl Pages {
    /// How many ids an address may hold of which only one half has come; none before this was said.
    pub(super) fn limit_unclaimed(&mut self, most: usize) {
        self.most_unclaimed = most;
    }

    /// What there is of the id that `half` may see, with its session.
    pub(super) fn look_up(&self, half: &PageHolder) -> Result<Halves<Arc<Cell>>, PageRefusal> {
        match self.entries.get(&half.page) {
            Some(entry) if entry.holder != half.holder || entry.feed.has_ended() => Err(PageRefusal::Taken),
            Some(entry) => Ok(entry.cell.clone().map_or(Halves::Connection, Halves::Code)),
            None if self.unclaimed(half.network) >= self.most_unclaimed => Err(PageRefusal::TooManyUnclaimed),
            None => Ok(Halves::Neither),
        }
    }

    /// Whether a page of this network shows a code, and its connection has still to come.
    pub(super) fn awaits_connection_of(&self, network: IpAddr) -> bool {
        let pages = self.by_network.get(&network).into_iter().flatten();
        pages.filter_map(|page| self.entries.get(page)).any(Entry::awaits_connection)
    }

    fn unclaimed(&self, network: IpAddr) -> usize {
        let pages = self.by_network.get(&network).into_iter().flatten();
        pages.filter(|page| self.entries.get(*page).is_some_and(Entry::is_unclaimed)).count()
    }

    /// Takes the QR code's half: the feed that its session is to write.
    pub(super) fn reserve(&mut self, half: &PageHolder) -> Result<Feed, PageRefusal> {
        if let Halves::Code(_) = self.look_up(half)? {
            return Err(PageRefusal::Taken);
        }
        Ok(self.entry(half).feed.clone())
    }

    /// Ties the id of `cell` to it; after a restart also the holder, whose address is not known any more.
    pub(super) fn attach(&mut self, cell: &Arc<Cell>) {
        if let Opener::Page { page, holder } = &cell.created.opener {
            let entry = self.entries.entry(page.clone()).or_insert_with(|| Entry::new(*holder, cell.feed.clone()));
            entry.cell = Some(cell.clone());
        }
    }

    /// Takes the connection's half: the feed to watch. Every claim must be [released](Self::release) by its number.
    pub(super) fn claim(&mut self, half: &PageHolder) -> Result<(ClaimNumber, Feed), PageRefusal> {
        self.look_up(half)?;
        let number = ClaimNumber::next();
        let entry = self.entry(half);
        entry.claims.insert(number);
        entry.claimed = true;
        Ok((number, entry.feed.clone()))
    }

    /// A connection that had claimed `page` is gone.
    pub(super) fn release(&mut self, page: &PageId, claim: ClaimNumber) {
        if let Some(entry) = self.entries.get_mut(page)
            && entry.claims.remove(&claim)
            && entry.claims.is_empty()
            && entry.cell.is_none()
        {
            self.remove(page);
        }
    }

    /// The session that `page` is an alias of.
    pub(super) fn scene_of(&self, page: &PageId) -> Option<&SceneId> {
        self.entries.get(page)?.cell.as_ref().map(|cell| &cell.scene)
    }

    /// The session of `cell` is over and its QR code, too: its id is free again.
    pub(super) fn detach(&mut self, cell: &Cell) {
        if let Opener::Page { page, .. } = &cell.created.opener {
            let tied = self.entries.get(page).and_then(|entry| entry.cell.as_ref());
            if tied.is_some_and(|tied| tied.scene == cell.scene) {
                self.remove(page);
            }
        }
    }

    fn entry(&mut self, half: &PageHolder) -> &mut Entry {
        let entry = self.entries.entry(half.page.clone()).or_insert_with(|| Entry::new(half.holder, Feed::new()));
        let network = *entry.network.get_or_insert(half.network);
        self.by_network.entry(network).or_default().insert(half.page.clone());
        entry
    }

    fn remove(&mut self, page: &PageId) {
        let Some(Entry { network: Some(network), .. }) = self.entries.remove(page) else { return };
        if let Some(pages) = self.by_network.get_mut(&network) {
            pages.remove(page);
            if pages.is_empty() {
                self.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests;
