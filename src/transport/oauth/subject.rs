//! What a client calls who logged in. A client whose subject is the unionid is told that or nothing.

use super::super::site::{Shared, Site};
use super::super::unionids;
use super::has_scope;
use crate::actors::Grant;
use crate::config::{Client, Scope, Subject};
use crate::domain::{AccountName, OpenId, UnionId};

/// Why there is no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSubject {
    /// WeChat tells no unionid of this person.
    NoUnionid,
    /// It cannot be asked at the moment.
    Unavailable,
}

/// The subject of a login.
pub(super) async fn subject(site: &Shared, client: &Client, grant: &Grant) -> Result<String, NoSubject> {
    match client.subject {
        Subject::Openid => Ok(grant.openid.as_str().to_owned()),
        Subject::Pairwise => Ok(site.keys.subject(&client.sector, &grant.created.app_id, &grant.openid)),
        Subject::Unionid => {
            let unionid = match unionid(site, grant) {
                Some(known) => known,
                None => demand(site, &grant.created.account, &grant.openid).await?,
            };
            Ok(unionid.as_str().to_owned())
        }
    }
}

/// The unionid of who logged in, where it is known.
pub(super) fn unionid(site: &Site, grant: &Grant) -> Option<UnionId> {
    grant.unionid.clone().or_else(|| site.unionids.known(&grant.created.account, &grant.openid))
}

/// Sees before a code is redeemed that there will be a subject for it, so that what fails burns no code.
pub(super) async fn foresee(site: &Shared, client: &Client, code: &str) -> Result<(), NoSubject> {
    if client.subject != Subject::Unionid {
        return Ok(());
    }
    let behind = site.logins.behind(code, &client.client_id).await.map_err(|_| NoSubject::Unavailable)?;
    let missing = behind
        .filter(|(created, scanner)| scanner.unionid.is_none() && has_scope(&created.request.scope, Scope::Openid));
    match missing {
        None => Ok(()),
        Some((created, scanner)) => demand(site, &created.account, &scanner.openid).await.map(drop),
    }
}

async fn demand(site: &Shared, account: &AccountName, openid: &OpenId) -> Result<UnionId, NoSubject> {
    let found = unionids::find(site, account, openid).await.map_err(|_| NoSubject::Unavailable)?;
    found.ok_or(NoSubject::NoUnionid)
}
