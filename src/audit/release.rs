//! What is made durable and signed before records are removed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt;

use crate::domain::Timestamp;
use crate::store::Beginning;
use crate::tlog::{Frontier, leaf_hash};

use super::checkpointer::Checkpointer;
use super::error::AuditError;
use super::nodes::{self, Split};
use super::notes;
use super::prove::Leaves;
use super::removed::{self, beginning};
use super::start;
use super::subtrees::{self, LEAVES, LEVEL};

impl Checkpointer {
    /// Keeps of the records up to `last` what proofs need of them, and signs that they are going to be removed, being older than
    /// `before`. `last` is the end of a subtree of 256. All of it is durable when this returns where the log begins without them.
    ///
    /// # Errors
    /// [`AuditError`]; then they must stay. [`AuditError::NotRemoved`] where they are not those of the tree.
    pub async fn release(self: &Arc<Self>, last: u64, before: Timestamp) -> Result<Beginning, AuditError> {
        self.catch_up().await?;
        let setup = self.setup();
        let mut tree = removed::tree(&setup.store.beginning())?;
        let folder = setup.folder.clone();
        let known =
            blocking(&folder, |folder| subtrees::read(folder).map_err(|reason| unreadable(folder, reason))).await?;
        let range = tree.size() + 1..last;
        let sizes = blocking(&folder, move |folder| Ok(notes::sizes(folder, &range)?)).await?;
        let mut splits = Vec::new();
        while tree.size() < last {
            let index = tree.size() / LEAVES;
            let (first, end) = (tree.size() + 1, tree.size() + LEAVES);
            let (mut leaves, mut root) = (Leaves::default(), None);
            start::each_record(&setup.store, first, end, |record| {
                leaves.take(record.seq, &record.body);
                root = tree.append_telling(leaf_hash(&record.body), LEVEL);
            })
            .await?;
            // What was altered is evidence.
            if root.is_none() || known.get(index as usize) != root.as_ref() {
                return Err(AuditError::NotRemoved { first, last: end });
            }
            let unknown = |what: String| unreadable(&folder, io::Error::other(what));
            for size in sizes.range(first..end) {
                splits.push(Split::of(*size, &leaves).map_err(unknown)?);
            }
        }
        let removed = setup.store.beginning().removed();
        blocking(&folder, move |folder| {
            nodes::extend(folder, removed, splits).map_err(|reason| unreadable(folder, reason))
        })
        .await?;
        // A task of its own: what is written goes to its end, whoever stops waiting for it.
        let (this, lines) = (self.clone(), vec![removed::line(last, Some(before))]);
        let signed = tokio::spawn(FutureExt::boxed(async move { this.sign_with(lines).await })).await;
        signed.unwrap_or_else(|panicked| Err(unreadable(&folder, io::Error::other(panicked))))?;
        Ok(beginning(&tree))
    }
}

/// What the first checkpoint of a log says of records that it never had.
pub(super) fn lines(removed: &Frontier) -> Option<String> {
    (removed.size() > 0).then(|| removed::line(removed.size(), None))
}

async fn blocking<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce(&Path) -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    let path = folder.to_owned();
    let done = tokio::task::spawn_blocking(move || work(&path)).await;
    done.unwrap_or_else(|panicked| Err(unreadable(folder, io::Error::other(panicked))))
}

fn unreadable(folder: &Path, reason: io::Error) -> AuditError {
    AuditError::Tree { path: folder.to_owned(), reason }
}
