//! Where every session stood at one moment.

mod line;

use crate::domain::{AccountName, OpenId, Person, Recorded, Timestamp};

use super::course::{Course, Courses, Stage};

/// Folds the journal up to one moment, to be given its events in order.
///
/// A session to which nothing more can happen is handed out as soon as that is so; the others at the end.
#[derive(Debug)]
pub struct Moment {
    at: Timestamp,
    scanner: Option<Scanner>,
    courses: Courses,
}

/// A WeChat user, whose sessions alone are asked for; who is forgotten is not found here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanner {
    /// The openid.
    pub openid: OpenId,
    /// The account that knows the user by it; any where that is not said.
    pub account: Option<AccountName>,
}

/// Where a session stood at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    at: Timestamp,
    course: Course,
}

impl Moment {
    /// The moment `at`; of the sessions that `scanner` scanned, where one is given.
    pub fn new(at: Timestamp, scanner: Option<Scanner>) -> Self {
        Self { at, scanner, courses: Courses::default() }
    }

    /// Takes the next event of the journal. What came after the moment changes nothing.
    pub fn take(&mut self, recorded: &Recorded, mut tell: impl FnMut(Standing)) {
        if recorded.at > self.at {
            return;
        }
        let (at, scanner) = (self.at, &self.scanner);
        self.courses.take(recorded, |course| {
            if scanner.as_ref().is_none_or(|scanner| scanner.scanned(&course)) {
                tell(Standing { at, course });
            }
        });
    }

    /// The sessions that were not handed out yet, the oldest first.
    pub fn into_rest(self) -> impl Iterator<Item = Standing> {
        let (at, scanner) = (self.at, self.scanner);
        let courses = self.courses.into_open().into_iter();
        courses
            .filter(move |course| scanner.as_ref().is_none_or(|scanner| scanner.scanned(course)))
            .map(move |course| Standing { at, course })
    }
}

impl Scanner {
    fn scanned(&self, course: &Course) -> bool {
        course.person.as_ref().and_then(Person::openid) == Some(&self.openid)
            && self.account.as_ref().is_none_or(|account| course.session.created.account == *account)
    }
}

impl Standing {
    /// Where the session of these events, all of one and in their order, stands at that moment, at which all of them have
    /// happened; `None` where they tell of none.
    pub fn of(events: &[Recorded], at: Timestamp) -> Option<Self> {
        Some(Self { at, course: Course::of(events)? })
    }

    /// The session's way until then.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// Whether its time was over, and the journal says so only later: after that nobody could scan, confirm or redeem it,
    /// even where the daemon was down and recorded the end when it came back.
    pub fn is_overdue(&self) -> bool {
        self.course.session.deadline().is_some_and(|deadline| deadline <= self.at)
    }

    /// How far the session had come.
    pub fn stage(&self) -> Stage {
        if self.is_overdue() { Stage::Expired } else { self.course.stage() }
    }

    /// Since when it had stood there.
    pub fn since(&self) -> Timestamp {
        self.course.session.deadline().filter(|deadline| *deadline <= self.at).unwrap_or(self.course.since)
    }
}

#[cfg(test)]
mod tests;
