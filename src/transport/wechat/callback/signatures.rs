//! In plain mode nobody signs a body: so each `signature` of an account that takes plain messages belongs to the first thing
//! that comes with it, for as long as its timestamp is taken, across restarts.
//!
//! That counts for every call that bears one: also a verification and an encrypted push show a signature to whoever reads
//! along, and neither may be turned into a plain message.

use super::{Callback, recall_key};
use crate::config::Encryption;
use crate::domain::Timestamp;
use crate::recall::{Entered, Keep, Kept};
use crate::transport::site::Site;
use crate::transport::wechat::envelope::Opened;
use crate::transport::wechat::query::CallbackQuery;

/// What a signature can belong to.
#[derive(Clone, Copy)]
pub(super) enum Belongs<'a> {
    /// A verification of the server.
    Verification,
    /// A push, by its message in clear: what WeChat encrypts anew is the same message still.
    Push(&'a Opened),
}

/// Why a call is not taken.
pub(super) enum Unbound {
    /// The signature belongs to something else.
    Taken,
    /// It cannot be remembered at the moment.
    NotKept,
}

/// On its way to the disk, where it is new.
#[must_use]
pub(super) struct Bound(Option<Kept>);

impl Bound {
    /// Returns when it is on the disk; `false` where it cannot be brought there.
    pub(super) async fn kept(self) -> bool {
        match self.0 {
            Some(kept) => kept.done().await.is_ok(),
            None => true,
        }
    }
}

/// Binds the call's `signature`, where the account takes plain messages and it is the account's.
pub(super) fn bind(
    site: &Site,
    callback: &Callback,
    query: &CallbackQuery,
    belongs: Belongs<'_>,
    until: Timestamp,
) -> Result<Bound, Unbound> {
    let account = &*callback.account;
    if account.encryption != Encryption::Plain || callback.envelopes.judge_verification(query).is_err() {
        return Ok(Bound(None));
    }
    let key = recall_key(site, "signature", &[account.name.as_str(), query.signature()]);
    let digest = match belongs {
        Belongs::Verification => [0; 32],
        Belongs::Push(opened) => opened.digest().0,
    };
    match site.callbacks.recall.enter(key, &digest, until, Keep::Durably) {
        Ok(Entered::New(kept)) => Ok(Bound(Some(kept))),
        Ok(Entered::There(known)) if known == digest => Ok(Bound(None)),
        Ok(Entered::There(_)) => Err(Unbound::Taken),
        Err(_) => Err(Unbound::NotKept),
    }
}
