//! The authorization code and the confirm token: the scene id, which is no secret, and the derived value that proves it.
//!
//! Both name their session, so that it is found without a table that would have to be rebuilt.

use crate::domain::SceneId;

/// The code of `scene` with its derived value.
pub(super) fn join(scene: &SceneId, mac: &str) -> String {
    format!("{scene}.{mac}")
}

/// The scene and the derived value that a code claims; `None` where it is not made like one.
pub(super) fn split(code: &str) -> Option<(SceneId, &str)> {
    let (scene, mac) = code.rsplit_once('.')?;
    Some((SceneId::new(scene).ok()?, mac))
}
