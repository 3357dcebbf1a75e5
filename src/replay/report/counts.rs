use crate::domain::{DenyReason, Phase, Timestamp};

use super::super::course::Course;

/// How many sessions came how far, and how they ended. Counts of several groups can be added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub created: u64,
    /// Of these, scanned.
    pub scanned: u64,
    /// Of these, confirmed.
    pub confirmed: u64,
    /// Of these, redeemed: somebody logged in.
    pub redeemed: u64,
    /// Of these, revoked, since the code came a second time.
    pub revoked: u64,
    /// Expired: never scanned; scanned, but not confirmed; confirmed, but not redeemed.
    pub expired: [u64; 3],
    /// Denied, in the order of [`DenyReason::ALL`].
    pub denied: [u64; DenyReason::ALL.len()],
    /// Not over yet.
    pub open: u64,
}

impl Counts {
    /// One more session, as it stands at `now`.
    pub fn add(&mut self, course: &Course, now: Timestamp) {
        self.created += 1;
        self.scanned += u64::from(course.scanned_at.is_some());
        self.confirmed += u64::from(course.confirmed_at.is_some());
        self.redeemed += u64::from(course.redeemed_at.is_some());
        let is_overdue = course.session.deadline().is_some_and(|deadline| deadline <= now);
        match &course.session.phase {
            Phase::Redeemed { .. } => (),
            Phase::Revoked { .. } => self.revoked += 1,
            Phase::Denied { reason } => {
                let place = DenyReason::ALL.iter().position(|known| known == reason);
                self.denied[place.unwrap_or(0)] += 1;
            }
            Phase::Pending | Phase::Scanned { .. } | Phase::Confirmed { .. } if !is_overdue => self.open += 1,
            Phase::Expired | Phase::Pending | Phase::Scanned { .. } | Phase::Confirmed { .. } => {
                let steps = usize::from(course.scanned_at.is_some()) + usize::from(course.confirmed_at.is_some());
                self.expired[steps] += 1;
            }
        }
    }

    /// All of the other.
    pub fn merge(&mut self, other: &Self) {
        self.created += other.created;
        self.scanned += other.scanned;
        self.confirmed += other.confirmed;
        self.redeemed += other.redeemed;
        self.revoked += other.revoked;
        self.open += other.open;
        self.expired.iter_mut().zip(other.expired).for_each(|(sum, more)| *sum += more);
        self.denied.iter_mut().zip(other.denied).for_each(|(sum, more)| *sum += more);
    }

    /// The steps of a login, each of which the one before is needed for.
    pub fn funnel(&self) -> [u64; 4] {
        [self.created, self.scanned, self.confirmed, self.redeemed]
    }

    /// All that expired.
    pub fn all_expired(&self) -> u64 {
        self.expired.iter().sum()
    }

    /// All that were denied.
    pub fn all_denied(&self) -> u64 {
        self.denied.iter().sum()
    }
}
