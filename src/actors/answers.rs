//! What who scanned says in the conversation, where no link proves who it is: WeChat's word does.

use std::fmt;
use std::sync::Arc;

use crate::domain::{AccountName, Created, OpenId, SceneId};
use crate::keys::Purpose;

use super::cell::Cell;
use super::confirmations::{Confirmable, Decision};
use super::logins::{Logins, Unavailable};

/// A session that somebody scanned, and may answer for.
#[derive(Clone)]
pub struct Asked {
    cell: Arc<Cell>,
    scanner: OpenId,
    menu: u32,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asked({})", self.cell.scene)
    }
}

impl Asked {
    /// The session's name.
    pub fn scene(&self) -> &SceneId {
        &self.cell.scene
    }

    /// How the session began.
    pub fn created(&self) -> &Arc<Created> {
        &self.cell.created
    }

    /// Tells the menus of one session from those of another, below 2²⁷. The same each time, also after a restart; no secret.
    pub fn menu(&self) -> u32 {
        self.menu
    }
}

impl Logins {
    /// What this person scanned through this account and was asked about, the last one first: what waits for their word as well
    /// as what has ended lately. In memory, and complete from the start on.
    pub fn asked(&self, account: &AccountName, openid: &OpenId) -> Vec<Asked> {
        let cells = self.scanners.sessions_of(account, openid).into_iter();
        cells.map(|cell| Asked { menu: self.menu(&cell), cell, scanner: openid.clone() }).collect()
    }

    /// Where it stands.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn look(&self, asked: &Asked) -> Result<Confirmable, Unavailable> {
        let session = self.show(&asked.cell).await?;
        Ok(self.confirmable_of(&asked.cell, session))
    }

    /// Who was asked decides. Where the session does not know them as its scanner any more, it has no effect.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn answer(&self, asked: &Asked, decision: Decision) -> Result<Confirmable, Unavailable> {
        let session = self.show(&asked.cell).await?;
        if session.openid() != Some(&asked.scanner) {
            return Ok(self.confirmable_of(&asked.cell, session));
        }
        self.decide_on(&asked.cell, session, decision).await
    }

    fn menu(&self, cell: &Cell) -> u32 {
        let [one, two, three, four, ..] = self.keys.derive_bytes(Purpose::Menu, &cell.scene, cell.created.incarnation);
        u32::from_be_bytes([one, two, three, four]) >> 5
    }
}
