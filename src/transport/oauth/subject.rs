//! What a client calls who logged in. A client whose subject is the unionid is told that or nothing.
//!
//! What is missing of it is asked for before anything is said or spent; what was found goes along with the grant from there on.

use super::super::site::{Shared, Site};
use super::super::unionids;
use super::{grant_has, has_scope};
use crate::actors::Grant;
use crate::config::{Client, Scope, Subject};
use crate::domain::{AccountName, Digest, OpenId, UnionId};

/// Why there is no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSubject {
    /// WeChat tells no unionid of this person.
    NoUnionid,
    /// It cannot be asked at the moment.
    Unavailable,
}

/// What a website sends to redeem a login, as far as it can be judged before.
pub(super) struct Presented<'a> {
    pub(super) code: &'a str,
    pub(super) redirect_uri: Option<&'a str>,
    pub(super) verifier: Option<Digest>,
}

/// The subject of a login; `None` where it is the unionid, and the grant has none.
pub(super) fn subject(site: &Site, client: &Client, grant: &Grant) -> Option<String> {
    match client.subject {
        Subject::Openid => Some(grant.openid.as_str().to_owned()),
        Subject::Pairwise => Some(site.keys.subject(&client.sector, &grant.created.app_id, &grant.openid)),
        Subject::Unionid => grant.unionid.as_ref().map(|unionid| unionid.as_str().to_owned()),
    }
}

/// Sees before a code is redeemed that there will be a subject for it, so that what fails burns no code: the unionid that the
/// grant will lack, where the client cannot do without. Of a redemption that would be refused nothing is seen.
pub(super) async fn foresee(
    site: &Shared,
    client: &Client,
    presented: &Presented<'_>,
) -> Result<Option<UnionId>, NoSubject> {
    if client.subject != Subject::Unionid {
        return Ok(None);
    }
    let Presented { code, redirect_uri, verifier } = presented;
    let redirect_uri = redirect_uri.map(str::to_owned);
    let foreseen = site.logins.foresee(code, &client.client_id, redirect_uri, *verifier).await;
    let missing = foreseen
        .map_err(|_| NoSubject::Unavailable)?
        .filter(|(created, scanner)| scanner.unionid.is_none() && has_scope(&created.request.scope, Scope::Openid));
    match missing {
        None => Ok(None),
        // In a box, because every redemption would keep room for it.
        Some((created, scanner)) => Box::pin(demand(site, &created.account, &scanner.openid)).await.map(Some),
    }
}

/// A grant with the unionid, where that is known or the client cannot do without.
pub(super) async fn complete(site: &Shared, client: &Client, grant: Grant) -> Result<Grant, NoSubject> {
    let grant = recall(site, grant, None);
    if grant.unionid.is_some() || client.subject != Subject::Unionid || !grant_has(&grant, Scope::Openid) {
        return Ok(grant);
    }
    let unionid = demand(site, &grant.created.account, &grant.openid).await?;
    Ok(Grant { unionid: Some(unionid), ..grant })
}

/// A grant with the unionid, where that was foreseen or is remembered.
pub(super) fn recall(site: &Site, grant: Grant, foreseen: Option<UnionId>) -> Grant {
    let known = || site.unionids.known(&grant.created.account, &grant.openid);
    let unionid = grant.unionid.clone().or(foreseen).or_else(known);
    Grant { unionid, ..grant }
}

async fn demand(site: &Shared, account: &AccountName, openid: &OpenId) -> Result<UnionId, NoSubject> {
    let found = unionids::find(site, account, openid).await.map_err(|_| NoSubject::Unavailable)?;
    found.ok_or(NoSubject::NoUnionid)
}
