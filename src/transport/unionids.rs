//! Who people are for all accounts of an account's owner (unionid), where the account asks for it.
//!
//! The journal keeps it with each scan. So that WeChat is asked once a person and not at every scan, it is remembered here as
//! long as the daemon runs. A scan waits for it only a moment: WeChat, the person and their browser wait for the scan. What
//! comes too late for the scan is there when the login is redeemed; who cannot do without asks once more then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::site::Shared;
use crate::actors::Scanner;
use crate::config::Account;
use crate::domain::{AccountName, OpenId, UnionId};

/// How long a scan waits. WeChat itself waits for 5 s.
const AT_SCAN: Duration = Duration::from_secs(1);

/// The most people that are remembered: some 10 MB.
const MOST: usize = 65_536;

/// Those that were learnt; `None` of whom WeChat tells none. Clone it freely: the clones share them.
#[derive(Clone, Debug, Default)]
pub struct Unionids(Arc<Mutex<Known>>);

type Known = HashMap<(AccountName, OpenId), Option<UnionId>>;

/// WeChat cannot be asked at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotLearnt;

impl Unionids {
    /// What is known of a person.
    pub(super) fn known(&self, account: &AccountName, openid: &OpenId) -> Option<UnionId> {
        self.recall(account, openid).flatten()
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
        known.insert(person, unionid);
    }

    /// `None` where nobody was asked yet.
    fn recall(&self, account: &AccountName, openid: &OpenId) -> Option<Option<UnionId>> {
        self.lock().get(&(account.clone(), openid.clone())).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who scans, with what can be learnt of them in a moment.
pub(super) async fn scanner(site: &Shared, account: &Account, openid: &OpenId) -> Scanner {
    let unionid = match site.unionids.recall(&account.name, openid) {
        Some(known) => known,
        None if account.unionid => {
            let (site, name, openid) = (site.clone(), account.name.clone(), openid.clone());
            // It goes on where it takes longer.
            let asking = site.tasks.clone().spawn(async move { ask(&site, &name, &openid).await });
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
        None => ask(site, account, openid).await,
    }
}

async fn ask(site: &Shared, account: &AccountName, openid: &OpenId) -> Result<Option<UnionId>, NotLearnt> {
    let api = site.wechat.get(account).ok_or(NotLearnt)?;
    let unionid = api.unionid(openid).await.map_err(|error| {
        tracing::info!(%account, %error, "a unionid could not be learnt");
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
}
