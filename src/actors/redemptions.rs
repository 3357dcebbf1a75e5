//! What a website's back end does with a login: redeem its code, ask what its access token stands for, give it back.

use std::sync::Arc;

use crate::domain::{
    ClientId, Command, Created, Digest, Event, OpenId, Person, Phase, Redeem, Refusal, SceneId, Session, State,
    Timestamp, UnionId, decide,
};
use crate::keys::Purpose;

use super::address::IfLost;
use super::cell::Cell;
use super::code;
use super::logins::{Failed, Logins, Scanner, Unavailable};

/// A login that a website was given.
#[derive(Clone, Debug)]
pub struct Grant {
    /// How it began: for whom, and what was asked for.
    pub created: Arc<Created>,
    /// Who logged in.
    pub openid: OpenId,
    /// Who it is for all accounts of the owner, where the journal knows it.
    pub unionid: Option<UnionId>,
    /// When who scanned had agreed.
    pub confirmed_at: Timestamp,
    /// Until when the access token lives.
    pub expires_at: Timestamp,
}

impl Grant {
    /// `None` where nothing was redeemed, or it is void.
    fn of(session: &Session) -> Option<Self> {
        let Phase::Redeemed { person, confirmed_at, access_token_expires_at } = &session.phase else { return None };
        Some(Self {
            created: session.created.clone(),
            openid: person.openid()?.clone(),
            unionid: person.unionid().cloned(),
            confirmed_at: *confirmed_at,
            expires_at: *access_token_expires_at,
        })
    }
}

/// What the website gets for a code. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Redemption {
    /// Who logged in, to what.
    pub grant: Grant,
    /// The session's name.
    pub scene: SceneId,
    /// The access token.
    pub access_token: String,
}

impl std::fmt::Debug for Redemption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redemption(…)")
    }
}

/// Why a code was not redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedeemError {
    /// It is no code of this client's that can be redeemed now.
    InvalidGrant,
    /// See [`Unavailable`]; it may have been redeemed all the same.
    Unavailable,
}

/// What became of a token that its website gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenBack {
    /// It is worth nothing any more, or never was.
    Void,
    /// It is another client's, and stays.
    OtherClients,
}

impl Logins {
    /// A client whose credentials have been checked redeems a code. The first time, and only then, it gets the login.
    ///
    /// # Errors
    /// [`RedeemError`].
    pub async fn redeem(
        &self,
        code: &str,
        client: &ClientId,
        redirect_uri: Option<String>,
        verifier: Option<Digest>,
    ) -> Result<Redemption, RedeemError> {
        let cell = self.proven(Purpose::Code, code).await.map_err(|_| RedeemError::Unavailable)?;
        let cell = cell.ok_or(RedeemError::InvalidGrant)?;
        let redeem = Redeem { client: client.clone(), redirect_uri, verifier, at: self.clock.now() };
        match self.command(&cell, IfLost::GiveUp, Command::Redeem(redeem)).await {
            // A second redemption only revoked the first.
            Ok(outcome) if !matches!(*outcome.events, [Event::Redeemed(_)]) => Err(RedeemError::InvalidGrant),
            Ok(outcome) => {
                let grant = Grant::of(&outcome.session).ok_or(RedeemError::InvalidGrant)?;
                Ok(Redemption { grant, scene: cell.scene.clone(), access_token: self.access_token(&cell.scene, &cell) })
            }
            Err(Failed::Refused(_)) => Err(RedeemError::InvalidGrant),
            Err(Failed::Unavailable) => Err(RedeemError::Unavailable),
        }
    }

    /// How a login began, and of whom, that [`Self::redeem`] would give for the same; `None` where it would refuse, or revoke.
    /// Nothing happens.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn foresee(
        &self,
        code: &str,
        client: &ClientId,
        redirect_uri: Option<String>,
        verifier: Option<Digest>,
    ) -> Result<Option<(Arc<Created>, Scanner)>, Unavailable> {
        let Some(cell) = self.proven(Purpose::Code, code).await? else { return Ok(None) };
        let state = State::Present(self.show(&cell).await?);
        let redeem = Redeem { client: client.clone(), redirect_uri, verifier, at: self.clock.now() };
        let is_taken = matches!(decide(&state, &Command::Redeem(redeem)).as_deref(), Ok([Event::Redeemed(_)]));
        let State::Present(session) = state else { return Ok(None) };
        match session.phase {
            Phase::Confirmed { person: Person::Known { openid, unionid, .. }, .. } if is_taken => {
                Ok(Some((session.created, Scanner { openid, unionid })))
            }
            _ => Ok(None),
        }
    }

    /// What an access token stands for; `None` where it is none, or not any more.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn grant(&self, access_token: &str) -> Result<Option<Grant>, Unavailable> {
        let Some(cell) = self.proven(Purpose::AccessToken, access_token).await? else { return Ok(None) };
        let grant = Grant::of(&self.show(&cell).await?);
        Ok(grant.filter(|grant| self.clock.now() < grant.expires_at))
    }

    /// A client whose credentials have been checked gives an access token back (RFC 7009). It is durable when this returns.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn give_back(&self, access_token: &str, client: &ClientId) -> Result<GivenBack, Unavailable> {
        let Some(cell) = self.proven(Purpose::AccessToken, access_token).await? else { return Ok(GivenBack::Void) };
        let revoke = Command::Revoke { client: client.clone() };
        match self.command(&cell, IfLost::SendAgain, revoke).await {
            Ok(_) => Ok(GivenBack::Void),
            Err(Failed::Refused(Refusal::OtherClient)) => Ok(GivenBack::OtherClients),
            Err(Failed::Refused(_)) => Ok(GivenBack::Void),
            Err(Failed::Unavailable) => Err(Unavailable),
        }
    }

    fn access_token(&self, scene: &SceneId, cell: &Cell) -> String {
        code::join(scene, &self.keys.derive(Purpose::AccessToken, scene, cell.created.incarnation))
    }
}
