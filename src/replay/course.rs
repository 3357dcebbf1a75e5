use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use crate::domain::{Event, Person, Phase, Recorded, SceneId, Session, State, Timestamp, evolve};

/// How much later than [`Session::retires_at`] a second redemption may still be recorded: a timer that fires late.
const SLACK: Duration = Duration::from_secs(60 * 60);

/// How far a session has come, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// See [`Phase::Pending`].
    Pending,
    /// See [`Phase::Scanned`].
    Scanned,
    /// See [`Phase::Confirmed`].
    Confirmed,
    /// See [`Phase::Redeemed`].
    Redeemed,
    /// See [`Phase::Denied`].
    Denied,
    /// See [`Phase::Expired`].
    Expired,
    /// See [`Phase::Revoked`].
    Revoked,
}

impl Stage {
    /// All stages; those of a session that goes on come first.
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Scanned, Self::Confirmed, Self::Redeemed, Self::Denied, Self::Expired, Self::Revoked];

    /// The name that readers see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scanned => "scanned",
            Self::Confirmed => "confirmed",
            Self::Redeemed => "redeemed",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// The stage with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// Whether the login still goes on.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Scanned | Self::Confirmed)
    }
}

impl From<&Phase> for Stage {
    fn from(phase: &Phase) -> Self {
        match phase {
            Phase::Pending => Self::Pending,
            Phase::Scanned { .. } => Self::Scanned,
            Phase::Confirmed { .. } => Self::Confirmed,
            Phase::Redeemed { .. } => Self::Redeemed,
            Phase::Revoked { .. } => Self::Revoked,
            Phase::Denied { .. } => Self::Denied,
            Phase::Expired => Self::Expired,
        }
    }
}

/// The way of one session so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// Which session.
    pub scene: SceneId,
    /// What its events fold to.
    pub session: Session,
    /// The sequence of its last event that counted.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was scanned, where it was.
    pub scanned_at: Option<Timestamp>,
    /// When it was confirmed, where it was.
    pub confirmed_at: Option<Timestamp>,
    /// When it was redeemed, where it was.
    pub redeemed_at: Option<Timestamp>,
    /// Since when it has stood where it stands.
    pub since: Timestamp,
    /// Who scanned, also where that came to nothing.
    pub person: Option<Person>,
}

impl Course {
    /// `None` where the event is no session's beginning.
    fn begin(recorded: &Recorded) -> Option<Self> {
        let State::Present(session) = evolve(State::Absent, &recorded.event) else { return None };
        Some(Self {
            scene: recorded.scene.clone(),
            session,
            seq: recorded.seq,
            created_at: recorded.at,
            scanned_at: None,
            confirmed_at: None,
            redeemed_at: None,
            since: recorded.at,
            person: None,
        })
    }

    /// The way that these events tell, all of one session and in their order; `None` where they tell of none.
    pub fn of(events: &[Recorded]) -> Option<Self> {
        let (first, rest) = events.split_first()?;
        let mut course = Self::begin(first)?;
        rest.iter().for_each(|recorded| course.take(recorded));
        Some(course)
    }

    /// How far it has come.
    pub fn stage(&self) -> Stage {
        Stage::from(&self.session.phase)
    }

    fn take(&mut self, recorded: &Recorded) {
        let before = self.stage();
        if let State::Present(session) = evolve(State::Present(self.session.clone()), &recorded.event) {
            self.session = session;
        }
        if self.stage() == before {
            return;
        }
        (self.since, self.seq) = (recorded.at, recorded.seq);
        match &recorded.event {
            Event::Scanned(scanned) => {
                (self.scanned_at, self.person) = (Some(recorded.at), Some(scanned.person.clone()));
            }
            Event::Confirmed(_) => self.confirmed_at = Some(recorded.at),
            Event::Redeemed(_) => self.redeemed_at = Some(recorded.at),
            Event::Created(_)
            | Event::Denied(_)
            | Event::Expired
            | Event::Revoked
            | Event::Forgotten(_)
            | Event::Subscribed(_)
            | Event::Unsubscribed(_) => (),
        }
    }
}

/// The ways of all sessions, to be given the events of the journal in order. It keeps those to which something can still
/// happen, and hands each of the others out when it is over: so it needs as much memory as sessions live at a time.
#[derive(Debug, Default)]
pub struct Courses {
    open: HashMap<SceneId, Course>,
    /// Redeemed sessions, by when a second redemption can no longer revoke them.
    redeemed: BinaryHeap<Reverse<(Timestamp, SceneId)>>,
}

impl Courses {
    /// Takes the next event; `over` gets each session to which nothing more can happen.
    pub fn take(&mut self, recorded: &Recorded, mut over: impl FnMut(Course)) {
        self.settle(recorded.at, &mut over);
        match self.open.entry(recorded.scene.clone()) {
            Entry::Vacant(entry) => {
                if let Some(course) = Course::begin(recorded) {
                    entry.insert(course);
                }
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().take(recorded);
                match entry.get().stage() {
                    Stage::Pending | Stage::Scanned | Stage::Confirmed => (),
                    Stage::Denied | Stage::Expired | Stage::Revoked => over(entry.remove()),
                    Stage::Redeemed => {
                        let settles = entry.get().session.retires_at().unwrap_or(recorded.at).after(SLACK);
                        self.redeemed.push(Reverse((settles, recorded.scene.clone())));
                    }
                }
            }
        }
    }

    /// It is `now`, whatever happened; `over` gets each session to which nothing more can happen.
    pub fn settle(&mut self, now: Timestamp, mut over: impl FnMut(Course)) {
        while let Some(scene) = self.next_settled(now) {
            self.open.remove(&scene).into_iter().for_each(&mut over);
        }
    }

    fn next_settled(&mut self, now: Timestamp) -> Option<SceneId> {
        let Reverse((settles, _)) = self.redeemed.peek()?;
        if *settles >= now {
            return None;
        }
        self.redeemed.pop().map(|Reverse((_, scene))| scene)
    }

    /// Whether nothing more can happen to any session that was begun.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The sessions that are not over, the oldest first.
    pub fn into_open(self) -> Vec<Course> {
        let mut open: Vec<Course> = self.open.into_values().collect();
        open.sort_unstable_by(|one, other| (one.created_at, &one.scene).cmp(&(other.created_at, &other.scene)));
        open
    }
}

#[cfg(test)]
mod tests;
