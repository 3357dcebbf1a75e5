//! What who opens the link of a session may know of it.

use std::sync::Arc;

use crate::domain::{Created, Phase, SceneId};

use super::logins::{Logins, Unavailable};

/// A session as the page of its link sees it: what everybody may know, since a scene is no secret.
#[derive(Clone, Debug)]
pub struct Linked {
    /// How it began.
    pub created: Arc<Created>,
    /// It ended without a login, or its time is over: nobody's scan counts any more.
    pub is_over: bool,
}

impl Logins {
    /// The session of a scene, for who opens its link.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn linked(&self, scene: &SceneId) -> Result<Option<Linked>, Unavailable> {
        let Some(cell) = self.find(scene).await? else { return Ok(None) };
        let session = self.show(&cell).await?;
        let has_ended = matches!(session.phase, Phase::Denied { .. } | Phase::Expired);
        let is_late = session.deadline().is_some_and(|deadline| self.clock.now() >= deadline);
        Ok(Some(Linked { created: cell.created.clone(), is_over: has_ended || is_late }))
    }
}
