use std::sync::Arc;

use super::{AccountName, ClientId, Created, DenyReason, Digest, OpenId, Timestamp, UnionId};

/// What somebody wants to happen to a session. It carries the moment and the randomness that deciding needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin the session.
    Create(Arc<Created>),
    /// WeChat says that somebody scanned.
    Scan(Scan),
    /// Who scanned agrees.
    Confirm {
        /// Who agrees.
        openid: OpenId,
        /// When.
        at: Timestamp,
    },
    /// Somebody who may do so refuses.
    Deny {
        /// Why.
        reason: DenyReason,
    },
    /// The session's timer fired.
    Expire {
        /// When.
        at: Timestamp,
    },
    /// The website redeems the code.
    Redeem(Redeem),
    /// The website gives back what its redemption gave (RFC 7009 §2.1).
    Revoke {
        /// Who gives it back; its credentials have been checked.
        client: ClientId,
    },
}

/// WeChat's word that somebody scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The account that WeChat told: a scan counts only for sessions of that account.
    pub account: AccountName,
    /// Who scanned.
    pub openid: OpenId,
    /// Who it is for all accounts of the owner, where that was learnt in time.
    pub unionid: Option<UnionId>,
    /// When the word was taken.
    pub at: Timestamp,
}

/// A redemption by a client whose credentials, and whose code, have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeem {
    /// Who redeems.
    pub client: ClientId,
    /// The `redirect_uri` that it names.
    pub redirect_uri: Option<String>,
    /// SHA-256 of the `code_verifier` that it gives (RFC 7636 §4.6).
    pub verifier: Option<Digest>,
    /// When.
    pub at: Timestamp,
}
