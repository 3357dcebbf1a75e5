//! Who scanned what: which sessions a person may answer for, where nothing but WeChat's word says who answers.
//!
//! A view in memory. A start makes it of the journal before anybody can ask; each session adds itself when its scan is durable,
//! and is taken out when its actor has ended for good.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{AccountName, Confirmation, OpenId, Scanned, SceneId};

use super::cell::Cell;

/// An openid means something only together with its account.
type Scanner = (AccountName, OpenId);

/// Sessions by who scanned them.
#[derive(Default)]
pub(super) struct Scanners(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// In the order in which they were scanned.
    sessions: HashMap<Scanner, Vec<Arc<Cell>>>,
    scanners: HashMap<SceneId, Scanner>,
}

impl Scanners {
    /// Notes who scanned, once. A session that asks nobody, and one whose scanner is forgotten, has nobody to answer.
    pub(super) fn note(&self, cell: &Arc<Cell>, scanned: &Scanned) {
        if cell.created.confirmation == Confirmation::Auto {
            return;
        }
        let Some(openid) = scanned.person.openid() else { return };
        let scanner = (scanned.account.clone(), openid.clone());
        let mut inner = self.inner();
        if inner.scanners.insert(cell.scene.clone(), scanner.clone()).is_none() {
            inner.sessions.entry(scanner).or_default().push(cell.clone());
        }
    }

    /// Nobody will answer for this session any more.
    pub(super) fn forget(&self, scene: &SceneId) {
        let mut inner = self.inner();
        let Some(scanner) = inner.scanners.remove(scene) else { return };
        if let Some(cells) = inner.sessions.get_mut(&scanner) {
            cells.retain(|cell| cell.scene != *scene);
            if cells.is_empty() {
                inner.sessions.remove(&scanner);
            }
        }
    }

    /// The sessions that this person scanned through this account, the last one first.
    pub(super) fn sessions_of(&self, account: &AccountName, openid: &OpenId) -> Vec<Arc<Cell>> {
        let inner = self.inner();
        let cells = inner.sessions.get(&(account.clone(), openid.clone()));
        cells.into_iter().flatten().rev().cloned().collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
