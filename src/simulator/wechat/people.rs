//! Who the people are to an account, and what they and it have said to each other.

use std::collections::HashMap;

use super::allowance::Allowances;
use super::{Account, SimulatedWeChat};
use crate::domain::{AppId, OpenId, Timestamp};

/// Older lines of a conversation are forgotten.
const MOST_LINES: usize = 200;

/// One person, as one account knows them.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Since when they follow the account; none where they do not.
    pub(super) follows_since: Option<Timestamp>,
    /// The scene of the code that made them a follower.
    pub(super) came_by: Option<String>,
    pub(super) allowances: Allowances,
    lines: Vec<Line>,
}

/// Everybody who ever had to do with an account.
pub(super) type People = HashMap<OpenId, Person>;

/// One line of a conversation, as the phone shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// Who says it.
    pub voice: Voice,
    /// What.
    pub text: String,
}

/// Who says something in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The person, in a text message.
    Person,
    /// The account, in answer to a push.
    Reply,
    /// The account, by a custom message.
    Custom,
    /// WeChat, because the account took a push in none of its deliveries.
    OutOfOrder,
}

impl Account {
    pub(super) fn person(&mut self, openid: &OpenId) -> &mut Person {
        self.people.entry(openid.clone()).or_default()
    }
}

impl Person {
    pub(super) fn hear(&mut self, at: Timestamp, voice: Voice, text: impl Into<String>) {
        if self.lines.len() >= MOST_LINES {
            self.lines.remove(0);
        }
        self.lines.push(Line { at, voice, text: text.into() });
    }

    /// Whether they have only now become a follower.
    pub(super) fn follow(&mut self, now: Timestamp, scene: Option<&str>) -> bool {
        let is_new = self.follows_since.is_none();
        if is_new {
            self.follows_since = Some(now);
            self.came_by = scene.map(str::to_owned);
        }
        is_new
    }

    pub(super) fn unfollow(&mut self) {
        self.follows_since = None;
        self.came_by = None;
    }
}

impl SimulatedWeChat {
    pub(super) fn with_person<T>(
        &self,
        app_id: &AppId,
        openid: &OpenId,
        act: impl FnOnce(&mut Person) -> T,
    ) -> Option<T> {
        self.world().account(app_id).map(|account| act(account.person(openid)))
    }

    pub(super) fn follows(&self, app_id: &AppId, openid: &OpenId) -> bool {
        let mut world = self.world();
        let person = world.account(app_id).and_then(|account| account.people.get(openid));
        person.is_some_and(|person| person.follows_since.is_some())
    }

    /// Makes `openid` a follower of the account, so that the next scan is a `SCAN`. Sends nothing.
    pub fn follow(&self, app_id: &AppId, openid: &OpenId) {
        let now = self.now();
        self.with_person(app_id, openid, |person| person.follow(now, None));
    }

    /// Makes `openid` no follower of the account any more. Sends nothing.
    pub fn unfollow(&self, app_id: &AppId, openid: &OpenId) {
        self.with_person(app_id, openid, Person::unfollow);
    }

    /// What a person and the account have said to each other, the oldest first: replies to pushes and custom messages among
    /// it, in the order in which the phone got them.
    pub fn conversation(&self, app_id: &AppId, openid: &OpenId) -> Vec<Line> {
        let mut world = self.world();
        let person = world.account(app_id).and_then(|account| account.people.get(openid));
        person.map(|person| person.lines.clone()).unwrap_or_default()
    }
}
