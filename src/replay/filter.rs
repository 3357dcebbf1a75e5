use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use crate::clock::rfc3339_micros;
use crate::domain::{AccountName, Event, EventKind, OpenId, Opener, PageId, Recorded, SceneId, Timestamp};

use super::persons::{Identify, Persons};
use super::time::{TimeError, parse_rfc3339};

/// How long after a redemption a second one can still revoke it: longer than any session lives.
const REVOCABLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Which events to show; what is not set selects all. Several conditions must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The events of one session, by its scene id; or of all sessions that the original page opened under this page id.
    pub scene: Option<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Not after this moment.
    pub until: Option<Timestamp>,
    /// Of one of these kinds; of any where there is none.
    pub kinds: Vec<EventKind>,
    /// The scans by this WeChat user, and what came of them in the same sessions.
    pub openid: Option<OpenId>,
    /// The account that knows the user by that openid, which means something only together with it.
    pub account: Option<AccountName>,
}

/// Why a filter cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No id of a session or page.
    #[error("`{}` is neither a scene id nor a page id", .0.escape_debug())]
    Scene(String),
    /// No openid. It is not shown: it may be one, mistyped.
    #[error("what is given as openid is none")]
    OpenId,
    /// No name of an account.
    #[error("`{}` is no account's name", .0.escape_debug())]
    Account(String),
    /// An account alone selects nothing.
    #[error("an account is given, but no openid that it knows")]
    AccountAlone,
    /// No kind of event.
    #[error("`{}` is not a kind of event", .0.escape_debug())]
    Kind(String),
    /// No time.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// The end lies before the beginning.
    #[error("the end of the time asked for ({until}) lies before its beginning ({since})")]
    Backwards {
        /// The beginning.
        since: String,
        /// The end.
        until: String,
    },
}

impl FilterError {
    /// What to do about it.
    pub fn cure(&self) -> String {
        match self {
            Self::Scene(_) => "take the scene_id of a line of `replay`, or the id that the page sent".to_owned(),
            Self::OpenId => "take the openid of a `scanned` line: 1 to 128 visible characters".to_owned(),
            Self::Account(_) => "take the name of an [[account]] of the configuration".to_owned(),
            Self::AccountAlone => "give the openid, too, or leave the account out".to_owned(),
            Self::Kind(_) => format!("take {}", EventKind::ALL.map(EventKind::name).join(", ")),
            Self::Time(_) => TimeError::CURE.to_owned(),
            Self::Backwards { .. } => "swap them, or leave one out".to_owned(),
        }
    }
}

impl Filter {
    /// Takes one pair of a query string in. `false`: the key is no filter's.
    ///
    /// # Errors
    /// [`FilterError`] where the value is not of the key's kind.
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, FilterError> {
        match key {
            "scene" => {
                // Every scene id is a page id by its characters, too.
                PageId::new(value).map_err(|_| FilterError::Scene(value.to_owned()))?;
                self.scene = Some(value.to_owned());
            }
            "since" => self.since = Some(parse_rfc3339(value)?),
            "until" => self.until = Some(parse_rfc3339(value)?),
            "type" => {
                self.kinds.push(EventKind::from_name(value).ok_or_else(|| FilterError::Kind(value.to_owned()))?);
            }
            "openid" => self.openid = Some(OpenId::new(value).map_err(|_| FilterError::OpenId)?),
            "account" => {
                self.account = Some(AccountName::new(value).map_err(|_| FilterError::Account(value.to_owned()))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Holds its parts against each other; to be called when all are set.
    ///
    /// # Errors
    /// [`FilterError`] where the end lies before the beginning, or an account is given without an openid.
    pub fn checked(self) -> Result<Self, FilterError> {
        if self.account.is_some() && self.openid.is_none() {
            return Err(FilterError::AccountAlone);
        }
        match (self.since, self.until) {
            (Some(since), Some(until)) if since > until => {
                Err(FilterError::Backwards { since: rfc3339_micros(since), until: rfc3339_micros(until) })
            }
            _ => Ok(self),
        }
    }

    /// The pairs of a query string that [`set`](Self::set) reads back.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        pairs.extend(self.scene.clone().map(|scene| ("scene", scene)));
        pairs.extend(self.since.map(|since| ("since", rfc3339_micros(since))));
        pairs.extend(self.until.map(|until| ("until", rfc3339_micros(until))));
        pairs.extend(self.kinds.iter().map(|kind| ("type", kind.name().to_owned())));
        pairs.extend(self.openid.as_ref().map(|openid| ("openid", openid.as_str().to_owned())));
        pairs.extend(self.account.as_ref().map(|account| ("account", account.as_str().to_owned())));
        pairs
    }

    /// Whether it leaves anything out.
    pub fn narrows(&self) -> bool {
        *self != Self::default()
    }

    /// The session that is asked for, where what is given can be its scene id: a store finds its events by an index.
    pub fn scene_id(&self) -> Option<SceneId> {
        SceneId::new(self.scene.as_deref()?).ok()
    }

    /// From when to when the selector has to be given events: where it has to see how sessions began, from the first on.
    pub fn times(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let is_about_sessions = self.scene.is_some() || self.openid.is_some();
        (self.since.filter(|_| !is_about_sessions), self.until)
    }

    /// Begins to select: to be given the events of the journal in order. Persons are found by what `identify` says.
    pub fn selector(self, identify: Identify) -> Selector {
        let persons = Persons::new(identify);
        Selector { filter: self, is_scene_only: false, of_page: Trail::default(), of_user: Trail::default(), persons }
    }
}

/// A [`Filter`] on its way through the journal.
///
/// Most events do not name the page id or the openid of their session, so it remembers which sessions do. It must
/// therefore see a session from its `created` (for a page id) or its `scanned` (for an openid) on: see [`Filter::times`].
#[derive(Debug)]
pub struct Selector {
    filter: Filter,
    /// Whether what is asked for is known to be a scene id.
    is_scene_only: bool,
    of_page: Trail,
    of_user: Trail,
    persons: Persons,
}

impl Selector {
    /// The scene asked for is a session's: one that a page has given the same id is not meant.
    pub fn of_scene_only(&mut self) {
        self.is_scene_only = true;
    }

    /// Whether this event is to be shown. Must be asked for every event of [`Filter::times`], in the journal's order.
    pub fn matches(&mut self, recorded: &Recorded) -> bool {
        // Both trails look at every event, whatever the other conditions say.
        let scene = self.filter.scene.as_deref().is_none_or(|wanted| {
            let opened = !self.is_scene_only
                && matches!(&recorded.event, Event::Created(created)
                if matches!(&created.opener, Opener::Page { page, .. } if page.as_str() == wanted));
            self.of_page.follow(recorded, opened) || recorded.scene.as_str() == wanted
        });
        let openid = self.filter.openid.as_ref().is_none_or(|wanted| {
            let of_account =
                |account: &AccountName| self.filter.account.as_ref().is_none_or(|wanted| wanted == account);
            let named = recorded
                .event
                .person()
                .is_some_and(|(account, person)| of_account(account) && self.persons.is(wanted, (account, person)));
            let forgotten = matches!(&recorded.event, Event::Forgotten(forgotten)
                if of_account(&forgotten.account)
                    && self.persons.handle(&forgotten.account, wanted) == forgotten.person);
            if !recorded.event.kind().is_of_a_session() {
                return named || forgotten;
            }
            self.of_user.follow(recorded, named)
        });
        scene
            && openid
            && self.filter.since.is_none_or(|since| since <= recorded.at)
            && self.filter.until.is_none_or(|until| recorded.at <= until)
            && (self.filter.kinds.is_empty() || self.filter.kinds.contains(&recorded.event.kind()))
    }
}

/// The sessions that were found to belong to the filter and are not over yet: as much memory as there are such at a time.
#[derive(Debug, Default)]
struct Trail {
    scenes: HashSet<SceneId>,
    /// Redeemed sessions, with the moment from which nothing more can come.
    redeemed: VecDeque<(Timestamp, SceneId)>,
}

impl Trail {
    /// Whether the event's session belongs here, which it does from an event on that `begins` it.
    fn follow(&mut self, recorded: &Recorded, begins: bool) -> bool {
        while let Some((over, scene)) = self.redeemed.front()
            && *over < recorded.at
        {
            self.scenes.remove(scene);
            self.redeemed.pop_front();
        }
        let scene = &recorded.scene;
        if begins {
            self.scenes.insert(scene.clone());
        } else if !self.scenes.contains(scene) {
            return false;
        }
        match &recorded.event {
            Event::Denied(_) | Event::Expired | Event::Revoked => {
                self.scenes.remove(scene);
            }
            Event::Redeemed(redeemed) => {
                let over = recorded.at.after(REVOCABLE).max(redeemed.access_token_expires_at);
                self.redeemed.push_back((over, scene.clone()));
            }
            Event::Created(_)
            | Event::Scanned(_)
            | Event::Confirmed(_)
            | Event::Forgotten(_)
            | Event::Subscribed(_)
            | Event::Unsubscribed(_) => (),
        }
        true
    }
}

#[cfg(test)]
mod tests;
