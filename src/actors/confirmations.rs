//! What who scanned may do: look at the login, confirm it, deny it. The token that proves it goes to nobody else.

use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::{Command, Created, DenyReason, OpenId, Phase, SceneId, Session, Timestamp};
use crate::keys::Purpose;

use super::address::IfLost;
use super::cell::Cell;
use super::code;
use super::logins::{Failed, Logins, Unavailable};
use super::numbers::Numbers;

/// A session as who scanned it may see it.
#[derive(Clone, Debug)]
pub struct Confirmable {
    /// Its name.
    pub scene: SceneId,
    /// How it began.
    pub created: Arc<Created>,
    /// When.
    pub created_at: Timestamp,
    /// Whether there is still something to decide.
    pub stage: ConfirmStage,
    /// The numbers to pick from, in their order, where that is how it is decided.
    pub numbers: Option<[u8; 3]>,
    /// From where the browser watched since the daemon started; empty for the original page.
    pub watchers: Vec<IpAddr>,
}

/// What who scanned decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was them: by a press, where no number is asked for.
    Confirm,
    /// It was them: the page shows this number.
    Pick(u8),
    /// It was not, or not any more.
    Deny(DenyReason),
}

/// Where a session stands for who scanned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmStage {
    /// It waits for the scanner's word.
    Open,
    /// The scanner has confirmed, and may still say that it was not them.
    Confirmed,
    /// The scanner has said that it was not them, or the code came twice: nothing of the login counts.
    Reported,
    /// It was denied.
    Denied,
    /// It was denied by a number that was not the page's.
    WrongNumber,
    /// It is over.
    Over,
}

impl ConfirmStage {
    /// It in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed => "confirmed",
            Self::Reported => "reported",
            Self::Denied => "denied",
            Self::WrongNumber => "wrong_number",
            Self::Over => "over",
        }
    }
}

impl Logins {
    /// What the link to [`Self::confirmable`] carries.
    pub(super) fn confirm_token(&self, cell: &Cell) -> String {
        code::join(&cell.scene, &self.keys.derive(Purpose::Confirm, &cell.scene, cell.created.incarnation))
    }

    /// The session that who scanned may decide on; `None` where the token is wrong.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn confirmable(&self, token: &str) -> Result<Option<Confirmable>, Unavailable> {
        let Some(cell) = self.proven(Purpose::Confirm, token).await? else { return Ok(None) };
        let session = self.show(&cell).await?;
        Ok(Some(self.confirmable_of(&cell, session)))
    }

    /// Whether it was this person who scanned. `false` also where the token is wrong or they are forgotten.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn is_scanner(&self, token: &str, openid: &OpenId) -> Result<bool, Unavailable> {
        let Some(cell) = self.proven(Purpose::Confirm, token).await? else { return Ok(false) };
        Ok(self.show(&cell).await?.openid() == Some(openid))
    }

    /// Who scanned decides. Told again, or where it is not what was asked, it has no effect. `None` where the token is
    /// wrong.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn decide(&self, token: &str, decision: Decision) -> Result<Option<Confirmable>, Unavailable> {
        let Some(cell) = self.proven(Purpose::Confirm, token).await? else { return Ok(None) };
        let session = self.show(&cell).await?;
        self.decide_on(&cell, session, decision).await.map(Some)
    }

    /// The same for a session whose scanner is known by other means than the link.
    pub(super) async fn decide_on(
        &self,
        cell: &Cell,
        session: Session,
        decision: Decision,
    ) -> Result<Confirmable, Unavailable> {
        let Some(command) = self.command_of(cell, &session, decision) else {
            return Ok(self.confirmable_of(cell, session));
        };
        let session = match self.command(cell, IfLost::SendAgain, command).await {
            Ok(outcome) => outcome.session,
            Err(Failed::Refused(_)) => self.show(cell).await?,
            Err(Failed::Unavailable) => return Err(Unavailable),
        };
        Ok(self.confirmable_of(cell, session))
    }

    fn command_of(&self, cell: &Cell, session: &Session, decision: Decision) -> Option<Command> {
        match (decision, self.numbers(cell)) {
            (Decision::Deny(reason), _) => Some(Command::Deny { reason }),
            (Decision::Pick(number), Some(numbers)) if number != numbers.right() => {
                Some(Command::Deny { reason: DenyReason::Number })
            }
            (Decision::Pick(_), None) | (Decision::Confirm, Some(_)) => None,
            (Decision::Confirm, None) | (Decision::Pick(_), Some(_)) => {
                session.openid().map(|openid| Command::Confirm { openid: openid.clone(), at: self.clock.now() })
            }
        }
    }

    fn numbers(&self, cell: &Cell) -> Option<Numbers> {
        Numbers::of_session(&self.keys, &cell.scene, &cell.created)
    }

    pub(super) fn confirmable_of(&self, cell: &Cell, session: Session) -> Confirmable {
        // The session has just told, so its beginning is there.
        let began = cell.feed.watch(0).ready().first().map(|message| message.at);
        Confirmable {
            scene: cell.scene.clone(),
            created_at: began.unwrap_or(session.created.expires_at),
            stage: stage(&session.phase),
            numbers: self.numbers(cell).map(Numbers::shown),
            watchers: cell.watchers(),
            created: session.created,
        }
    }
}

fn stage(phase: &Phase) -> ConfirmStage {
    match phase {
        Phase::Scanned { .. } => ConfirmStage::Open,
        Phase::Confirmed { .. } | Phase::Redeemed { .. } => ConfirmStage::Confirmed,
        Phase::Denied { reason: DenyReason::NotMe } | Phase::Revoked { .. } => ConfirmStage::Reported,
        Phase::Denied { reason: DenyReason::Number } => ConfirmStage::WrongNumber,
        Phase::Denied { .. } => ConfirmStage::Denied,
        Phase::Pending | Phase::Expired => ConfirmStage::Over,
    }
}
