use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::domain::{AccountName, OpenId, Person, PersonHandle};

/// Says by what an account's records name a person: a keyed hash, so it is the store's to know.
pub type Identify = Arc<dyn Fn(&AccountName, &OpenId) -> PersonHandle + Send + Sync>;

/// Recognises a person, also one who is forgotten: an openid belongs to an account, and each record says to which.
pub(super) struct Persons {
    identify: Identify,
    /// As many as there are accounts.
    known: HashMap<AccountName, PersonHandle>,
}

impl fmt::Debug for Persons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Persons")
    }
}

impl Persons {
    pub(super) fn new(identify: Identify) -> Self {
        Self { identify, known: HashMap::new() }
    }

    /// Whether `person` of an account is `openid`. Old records name nobody by a handle, and stand in clear.
    pub(super) fn is(&mut self, openid: &OpenId, (account, person): (&AccountName, &Person)) -> bool {
        match person.handle() {
            Some(handle) => self.handle(account, openid) == handle,
            None => person.openid() == Some(openid),
        }
    }

    pub(super) fn handle(&mut self, account: &AccountName, openid: &OpenId) -> PersonHandle {
        if let Some(handle) = self.known.get(account) {
            return *handle;
        }
        let handle = (self.identify)(account, openid);
        self.known.insert(account.clone(), handle);
        handle
    }
}
