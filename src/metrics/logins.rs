//! What happens to scan sessions: events, where sessions stand, what is refused, and how long a login takes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::{Histogram, Snapshot};
use super::registering::Registering;
use crate::domain::{ClientId, DenyReason, Event, EventKind, Recorded, Refusal, SceneId};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    event: &'static str,
    client: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

/// Where a session stands that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Its code waits to be scanned.
    Created,
    /// Who scanned has to confirm.
    Scanned,
    /// Its code can be redeemed.
    Confirmed,
}

impl Standing {
    /// All of them, in the order of a login.
    pub const ALL: [Self; 3] = [Self::Created, Self::Scanned, Self::Confirmed];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Scanned => "scanned",
            Self::Confirmed => "confirmed",
        }
    }

    const fn after(event: &Event) -> Option<Self> {
        match event {
            Event::Created(_) => Some(Self::Created),
            Event::Scanned(_) => Some(Self::Scanned),
            Event::Confirmed(_) => Some(Self::Confirmed),
            _ => None,
        }
    }
}

/// What is counted of logins, behind one method for each thing that happens.
pub struct LoginMetrics {
    events: Family<EventLabels, Counter>,
    denied: [Counter; DenyReason::ALL.len()],
    sessions: [Gauge; Standing::ALL.len()],
    refusals: Family<Reason, Counter>,
    /// Those of them that were met.
    refused: Mutex<BTreeMap<&'static str, Counter>>,
    answered: Histogram,
    durable: Histogram,
    pushed: Histogram,
    callback_pushed: Histogram,
    redeemed: Histogram,
    callbacks_at_work: Gauge,
    places_used: Gauge,
    places_limit: Gauge,
    tally: Mutex<Tally>,
}

/// One client's counters, made at its first event: an event is counted without making a label.
type OfClient = [Counter; EventKind::ALL.len()];

/// Whose the live sessions are, and where they stand: of its later events, only the session knows the client.
#[derive(Default)]
struct Tally {
    clients: HashMap<Option<ClientId>, OfClient>,
    sessions: HashMap<SceneId, Session>,
}

struct Session {
    client: ClientId,
    standing: Option<Standing>,
}

/// A callback at work, from its arrival until this is dropped.
#[derive(Debug)]
pub struct AtWork(Gauge);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl LoginMetrics {
    pub(super) fn new(of: &mut Registering<'_>) -> Self {
        let events =
            of.family("events", "Events that are durable, by kind and client; empty where it is of no session");
        let denied: Family<Reason, Counter> = of.family("denied", "Sessions that were denied, by reason");
        let sessions: Family<InState, Gauge> = of.family("sessions", "Sessions that are not over, by where they stand");
        let told = "Requests, messages and scans that were refused, by reason";
        let refusals = of.family("refusals", told);
        let seconds = Histogram::of_seconds;
        Self {
            events,
            denied: DenyReason::ALL.map(|reason| denied.get_or_create_owned(&Reason { reason: reason.name() })),
            sessions: Standing::ALL.map(|state| sessions.get_or_create_owned(&InState { state: state.name() })),
            refusals,
            refused: Mutex::default(),
            answered: of.seconds("callback_answer", "From a callback's arrival to its answer", seconds()),
            durable: of.seconds(
                "callback_durable",
                "From a callback's arrival to what it led to being durable",
                seconds(),
            ),
            pushed: of.seconds("push", "From an event being durable to its message leaving for one browser", seconds()),
            callback_pushed: of.seconds(
                "callback_push",
                "From a callback's arrival to the message that it led to leaving for one browser",
                seconds(),
            ),
            redeemed: of.seconds(
                "redemption",
                "From a token request's arrival to its answer, where it was granted",
                seconds(),
            ),
            callbacks_at_work: of.one("callbacks_at_work", "Callbacks that are not answered yet"),
            places_used: of.one("session_places_used", "Places of pending sessions that are taken"),
            places_limit: of.one("session_places_limit", "Places of pending sessions: [server] max_sessions"),
            tally: Mutex::default(),
        }
    }

    /// A stream that a start found going on: no event of it is new.
    pub fn found(&self, stream: &[Recorded]) {
        self.tally(|tally| {
            for record in stream {
                self.stand(tally, record);
            }
        });
    }

    /// Events that are durable now, of one session, in their order.
    pub fn durable(&self, records: &[Recorded]) {
        self.tally(|tally| {
            for record in records {
                let client = self.stand(tally, record);
                self.count(tally, client, record.event.kind());
                if let Event::Denied(reason) = &record.event
                    && let Some(place) = DenyReason::ALL.iter().position(|known| known == reason)
                {
                    self.denied[place].inc();
                }
            }
        });
    }

    /// Nothing more will happen to this session.
    pub fn retired(&self, scene: &SceneId) {
        self.tally(|tally| {
            let session = tally.sessions.remove(scene);
            self.moved(session.and_then(|session| session.standing), None);
        });
    }

    /// Something was refused, for a reason of ours: the code of an answer, or why a connection was closed.
    pub fn refused(&self, reason: &'static str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.entry(reason).or_insert_with(|| self.refusals.get_or_create_owned(&Reason { reason })).inc();
    }

    /// A scan had no effect.
    pub fn scan_refused(&self, refusal: &Refusal) {
        self.refused(match refusal {
            Refusal::Unknown => "scan_unknown",
            Refusal::OtherAccount => "scan_other_account",
            Refusal::OtherScanner => "scan_other_scanner",
            _ => "scan_over",
        });
    }

    /// A callback has arrived.
    pub fn callback_arrived(&self) -> AtWork {
        self.callbacks_at_work.inc();
        AtWork(self.callbacks_at_work.clone())
    }

    /// A callback that was WeChat's word was answered so long after its arrival.
    pub fn callback_answered(&self, took: Duration) {
        self.answered.took(took);
    }

    /// What a callback led to was durable so long after its arrival.
    pub fn callback_durable(&self, took: Duration) {
        self.durable.took(took);
    }

    /// A message left for a browser: so long after its event was durable, and after the callback that led to it had arrived,
    /// where it was one.
    pub fn pushed(&self, since_durable: Duration, since_callback: Option<Duration>) {
        self.pushed.took(since_durable);
        if let Some(took) = since_callback {
            self.callback_pushed.took(took);
        }
    }

    /// A request for a token was granted.
    pub fn redeemed(&self, took: Duration) {
        self.redeemed.took(took);
    }

    /// How many places of pending sessions are taken, out of how many.
    pub fn places(&self, used: usize, limit: usize) {
        self.places_used.set(used.try_into().unwrap_or(i64::MAX));
        self.places_limit.set(limit.try_into().unwrap_or(i64::MAX));
    }

    pub(super) fn events(&self) -> Vec<(EventKind, u64)> {
        self.tally(|tally| {
            let all = |place: usize| tally.clients.values().map(|counters| counters[place].get()).sum();
            EventKind::ALL.into_iter().enumerate().map(|(place, kind)| (kind, all(place))).collect()
        })
    }

    pub(super) fn denied(&self) -> Vec<(DenyReason, u64)> {
        DenyReason::ALL.into_iter().zip(self.denied.iter().map(Counter::get)).collect()
    }

    pub(super) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().map(|(reason, counter)| (*reason, counter.get())).collect()
    }

    pub(super) fn sessions(&self) -> Vec<(Standing, u64)> {
        let counts = self.sessions.iter().map(|gauge| u64::try_from(gauge.get()).unwrap_or_default());
        Standing::ALL.into_iter().zip(counts).collect()
    }

    pub(super) fn callback_to_push(&self) -> Snapshot {
        self.callback_pushed.snapshot()
    }

    pub(super) fn callback_to_durable(&self) -> Snapshot {
        self.durable.snapshot()
    }

    pub(super) fn durable_to_push(&self) -> Snapshot {
        self.pushed.snapshot()
    }

    fn tally<T>(&self, work: impl FnOnce(&mut Tally) -> T) -> T {
        work(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes where a session stands by now; whose it is.
    fn stand(&self, tally: &mut Tally, record: &Recorded) -> Option<ClientId> {
        if let Event::Created(created) = &record.event {
            let session = Session { client: created.client.clone(), standing: None };
            let before = tally.sessions.insert(record.scene.clone(), session);
            self.moved(before.and_then(|session| session.standing), None);
        }
        let session = tally.sessions.get_mut(&record.scene)?;
        let after = Standing::after(&record.event);
        self.moved(std::mem::replace(&mut session.standing, after), after);
        Some(session.client.clone())
    }

    fn moved(&self, from: Option<Standing>, to: Option<Standing>) {
        if let Some(from) = from {
            self.sessions[from as usize].dec();
        }
        if let Some(to) = to {
            self.sessions[to as usize].inc();
        }
    }

    fn count(&self, tally: &mut Tally, client: Option<ClientId>, kind: EventKind) {
        let counters = tally.clients.entry(client).or_insert_with_key(|client| {
            let client = client.as_ref().map_or("", ClientId::as_str);
            let labels = |kind: EventKind| EventLabels { event: kind.name(), client: client.to_owned() };
            EventKind::ALL.map(|kind| self.events.get_or_create_owned(&labels(kind)))
        });
        if let Some(place) = EventKind::ALL.iter().position(|known| *known == kind) {
            counters[place].inc();
        }
    }
}
