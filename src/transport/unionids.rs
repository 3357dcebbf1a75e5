//! Who people are for all accounts of an account's owner (unionid), where the account asks for it.
//!
//! The journal keeps it with each scan. So that WeChat is asked once a person and not at every scan, it is remembered here as
//! long as the daemon runs. A scan waits for it only a moment: WeChat, the person and their browser wait for the scan. What
//! comes too late for the scan is there when the login is redeemed; who cannot do without asks once more then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::site::Shared;
use crate::actors::Scanner;
use crate::config::Account;
use crate::domain::{AccountName, OpenId, SceneId, UnionId};

/// How long a scan waits. WeChat itself waits for 5 s.
const AT_SCAN: Duration = Duration::from_secs(1);

/// The most people that are remembered: some 10 MB.
const MOST: usize = 65_536;

/// How long it counts that WeChat tells none of a person: they may follow the account, or the operator bind it, at any time.
const NONE_COUNTS: Duration = Duration::from_secs(5 * 60);

/// What was learnt of people. Clone it freely.
#[derive(Clone, Debug, Default)]
pub struct Unionids(Arc<Mutex<HashMap<Somebody, Learnt>>>);

type Somebody = (AccountName, OpenId);

/// What WeChat has said of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Learnt {
    Unionid(UnionId),
    /// It tells none; that counts until then.
    None(Instant),
}

/// WeChat cannot be asked at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotLearnt;

impl Unionids {
    /// What is known of a person.
    pub(super) fn known(&self, account: &AccountName, openid: &OpenId) -> Option<UnionId> {
        self.recall(account, openid).flatten()
    }

    /// Somebody follows the account: where WeChat has told none, it may tell one now.
    pub(super) fn follows(&self, account: &AccountName, openid: &OpenId) {
        let (mut known, person) = (self.lock(), (account.clone(), openid.clone()));
        if matches!(known.get(&person), Some(Learnt::None(_))) {
            known.remove(&person);
        }
    }

    /// Knows nothing of a person any more.
    pub(super) fn forget(&self, account: &AccountName, openid: &OpenId) {
        self.lock().remove(&(account.clone(), openid.clone()));
    }

    /// Takes what WeChat has told in passing.
    pub(super) fn learn(&self, account: &AccountName, openid: &OpenId, unionid: Option<UnionId>) {
        let mut known = self.lock();
        let person = (account.clone(), openid.clone());
        if known.len() >= MOST && !known.contains_key(&person) {
            // Whoever it is can be asked for again.
            let one = known.keys().next().cloned();
            one.and_then(|one| known.remove(&one));
        }
        known.insert(person, unionid.map_or_else(|| Learnt::None(Instant::now() + NONE_COUNTS), Learnt::Unionid));
    }

    /// `None` where nobody was asked yet, or not lately.
    fn recall(&self, account: &AccountName, openid: &OpenId) -> Option<Option<UnionId>> {
        match self.lock().get(&(account.clone(), openid.clone()))? {
            Learnt::Unionid(unionid) => Some(Some(unionid.clone())),
            Learnt::None(until) => (Instant::now() < *until).then_some(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Somebody, Learnt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who scans this scene, with what can be learnt of them in a moment.
pub(super) async fn scanner(site: &Shared, account: &Account, scene: &SceneId, openid: &OpenId) -> Scanner {
    let unionid = match site.unionids.recall(&account.name, openid) {
        Some(known) => known,
        None if account.unionid => {
            let (site, name, openid) = (site.clone(), account.name.clone(), openid.clone());
            let scene = scene.clone();
            // It goes on where it takes longer.
            let asking = site
                .tasks
                .clone()
                .spawn(FutureExt::boxed(async move { ask(&site, &name, &openid, Some(&scene)).await }));
            tokio::time::timeout(AT_SCAN, asking).await.ok().and_then(Result::ok).and_then(Result::ok).flatten()
        }
        None => None,
    };
    Scanner { openid: openid.clone(), unionid }
}

/// The unionid of somebody by whom a website cannot do without: WeChat is asked again where it told none before. `None` where it
/// still tells none.
pub(super) async fn find(site: &Shared, account: &AccountName, openid: &OpenId) -> Result<Option<UnionId>, NotLearnt> {
    match site.unionids.known(account, openid) {
        Some(known) => Ok(Some(known)),
        None => ask(site, account, openid, None).await,
    }
}

async fn ask(
    site: &Shared,
    account: &AccountName,
    openid: &OpenId,
    scene: Option<&SceneId>,
) -> Result<Option<UnionId>, NotLearnt> {
    let api = site.wechat.get(account).ok_or(NotLearnt)?;
    let unionid = api.unionid(openid).await.map_err(|error| {
        let scene = scene.map(tracing::field::display);
        tracing::info!(%account, scene, %error, "a unionid could not be learnt");
        NotLearnt
    })?;
    site.unionids.learn(account, openid, unionid.clone());
    Ok(unionid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_remembered_and_no_more() {
        let (unionids, account) = (Unionids::default(), AccountName::new("main").unwrap());
        let person = |number: usize| OpenId::new(format!("o{number}")).unwrap();
        let unionid = UnionId::new("u").unwrap();
        for number in 0..=MOST {
            unionids.learn(&account, &person(number), Some(unionid.clone()));
        }
        assert_eq!(unionids.lock().len(), MOST);
        assert_eq!(unionids.known(&account, &person(MOST)), Some(unionid), "the newest is among them");
        assert_eq!(unionids.known(&AccountName::new("other").unwrap(), &person(MOST)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn that_there_is_none_counts_for_some_minutes_or_until_the_person_follows() {
        let (unionids, account) = (Unionids::default(), AccountName::new("main").unwrap());
        let (alice, unionid) = (OpenId::new("oAlice").unwrap(), UnionId::new("u").unwrap());
        unionids.learn(&account, &alice, None);
        tokio::time::advance(NONE_COUNTS - Duration::from_secs(1)).await;
        assert_eq!(unionids.recall(&account, &alice), Some(None));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(unionids.recall(&account, &alice), None);
        unionids.learn(&account, &alice, None);
        unionids.follows(&account, &alice);
        assert_eq!(unionids.recall(&account, &alice), None);
        unionids.learn(&account, &alice, Some(unionid.clone()));
        unionids.follows(&account, &alice);
        tokio::time::advance(2 * NONE_COUNTS).await;
        assert_eq!(unionids.recall(&account, &alice), Some(Some(unionid)), "what there is stays");
    }
}
