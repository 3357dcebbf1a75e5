use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::domain::{Created, SceneId, Session, Timestamp};

use super::address::{Address, Signpost};
use super::admission::Place;
use super::feed::{Feed, Message, Moments};
use super::session::SessionMessage;
use super::standing::Standing;

/// Most commands that wait for one session. A login needs five, a person who scans again and again a few more.
const MOST_IN_FLIGHT: usize = 64;

/// Addresses of watchers that are remembered; whoever has the token has more than one or two only by roaming.
const MOST_WATCHERS: usize = 4;

/// What stays of a session while its actor is restarted, or none runs: its name, how it began, who listens, where its actor is.
pub(super) struct Cell {
    pub(super) scene: SceneId,
    pub(super) created: Arc<Created>,
    pub(super) feed: Feed,
    pub(super) address: Address<SessionMessage>,
    pub(super) signpost: Signpost<SessionMessage>,
    /// Places in front of its actor's mailbox, which has no bound of its own.
    pub(super) in_flight: Semaphore,
    /// From where it was watched, in the order of their first coming. In memory only.
    watchers: Mutex<Vec<IpAddr>>,
    /// Its place among the pending sessions, until it ends.
    admission: Mutex<Option<Place>>,
    /// Where it stands, while it rests: else its actor has that.
    kept: Mutex<Option<Box<Standing>>>,
}

impl Cell {
    pub(super) fn new(scene: SceneId, created: Arc<Created>, feed: Feed, admission: Option<Place>) -> Arc<Self> {
        let (signpost, address) = Signpost::new();
        let in_flight = Semaphore::new(MOST_IN_FLIGHT);
        let (watchers, admission, kept) = (Mutex::default(), Mutex::new(admission), Mutex::default());
        Arc::new(Self { scene, created, feed, address, signpost, in_flight, watchers, admission, kept })
    }

    /// Tells the browsers what is durable now.
    pub(super) fn publish(&self, messages: Arc<[Message]>, ended: bool, moments: Option<Arc<Moments>>) {
        if ended {
            self.leave_admission();
        }
        self.feed.publish(messages, ended, moments);
    }

    /// Notes that somebody watches from there.
    pub(super) fn note_watcher(&self, address: IpAddr) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if watchers.len() < MOST_WATCHERS && !watchers.contains(&address) {
            watchers.push(address);
        }
    }

    /// From where it was watched since the daemon started.
    pub(super) fn watchers(&self) -> Vec<IpAddr> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps where the session stands until it is woken.
    pub(super) fn keep(&self, standing: Box<Standing>) {
        *self.kept() = Some(standing);
    }

    /// What was kept, for the actor that wakes.
    pub(super) fn take_kept(&self) -> Option<Box<Standing>> {
        self.kept().take()
    }

    /// Where the session stands, if it rests and its time is not over: nobody need be woken to say so.
    pub(super) fn shown(&self, now: Timestamp) -> Option<Session> {
        self.kept().as_ref().filter(|standing| !standing.is_overdue(now))?.session().cloned()
    }

    fn kept(&self) -> MutexGuard<'_, Option<Box<Standing>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave_admission(&self) {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Says that no actor will answer for this session any more.
    pub(super) fn gone(&self) {
        self.leave_admission();
        self.signpost.gone();
    }
}
