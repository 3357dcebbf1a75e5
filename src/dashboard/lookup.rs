//! One session, by a name that an operator has at hand.

use crate::actors::{History, StoreError};
use crate::domain::{Event, Opener, PageId, Recorded, SceneId};

/// How many events are looked through for a page id, from the newest on: the journal has no index of them.
const FARTHEST: u64 = 256 * STEP;

/// As many as are read at once.
const STEP: u64 = 1024;

pub(super) async fn session(history: &History, id: &str) -> Result<Option<Vec<Recorded>>, StoreError> {
    if let Ok(scene) = SceneId::new(id)
        && let Some(events) = of_scene(history, &scene).await?
    {
        return Ok(Some(events));
    }
    let Ok(page) = PageId::new(id) else { return Ok(None) };
    match newest_of_page(history, &page).await? {
        Some(scene) => of_scene(history, &scene).await,
        None => Ok(None),
    }
}

/// Its events, where it is a session's scene.
async fn of_scene(history: &History, scene: &SceneId) -> Result<Option<Vec<Recorded>>, StoreError> {
    let events = history.session(scene).await?;
    let is_a_session = events.first().is_some_and(|first| first.event.kind().is_of_a_session());
    Ok(is_a_session.then_some(events))
}

async fn newest_of_page(history: &History, page: &PageId) -> Result<Option<SceneId>, StoreError> {
    let head = history.head().borrow().seq;
    let last = head.saturating_sub(FARTHEST);
    let mut end = head;
    while end > last {
        let from = end.saturating_sub(STEP) + 1;
        let events = history.follow(from).sealed().batch().await?;
        let found = events.iter().rev().find(|recorded| recorded.seq <= end && is_of(recorded, page));
        if let Some(recorded) = found {
            return Ok(Some(recorded.scene.clone()));
        }
        end = from - 1;
    }
    Ok(None)
}

fn is_of(recorded: &Recorded, page: &PageId) -> bool {
    match &recorded.event {
        Event::Created(created) => matches!(&created.opener, Opener::Page { page: own, .. } if own == page),
        _ => false,
    }
}
