//! How a larger table comes to be while keys are made and used: on a thread of its own, which lets everybody else go first.

use std::io;

use super::Handle;
use super::epoch::{Copied, NextEpoch, Step, Witness, destroy};
use super::file::Shared;

/// So few keys may be copied while others wait for theirs.
const FEW: usize = 64;
/// So often it is tried to be left with few: on a disk that syncs slowly there are never.
const ROUNDS: usize = 4;

/// Whether a larger table is made.
pub(super) enum Growth {
    None,
    /// It is. The keys of these handles were made meanwhile.
    UnderWay(Vec<Handle>),
    /// It is made and counts, and the one before is destroyed.
    Destroying,
    /// It could not be. When this one is full, whoever needs room makes it, and is told why there is none.
    Failed,
}

impl Growth {
    /// Whether the thread still writes.
    pub(super) fn is_at_work(&self) -> bool {
        matches!(self, Self::UnderWay(_) | Self::Destroying)
    }

    fn made_meanwhile(&mut self) -> Vec<Handle> {
        if let Self::UnderWay(made) = self { std::mem::take(made) } else { Vec::new() }
    }
}

/// Who waits for the growth goes on, however it ends.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end_growth(Growth::Failed);
        }
    }
}

/// Makes the next epoch, with twice the room, and destroys the one before.
pub(super) fn grow(shared: &Shared) {
    let _end = End(shared);
    let witness = |step| shared.stop(step);
    let grown = make(shared, &witness).and_then(|before| {
        let destroyed = witness(Step::KeyWritten).and_then(|()| destroy(&shared.folder, before, &witness));
        destroyed.inspect_err(|_| shared.inner().has_failed = true)
    });
    if let Err(error) = &grown {
        tracing::warn!(
            %error, path = %shared.folder.display(),
            "more room for keys could not be made beforehand: see that the disk has space and that the folder belongs to this user"
        );
    }
    shared.end_growth(grown.map_or(Growth::Failed, |()| Growth::None));
}

/// Returns the number of the epoch that counts no more.
fn make(shared: &Shared, witness: Witness<'_>) -> io::Result<u64> {
    let (table, number) = {
        let inner = shared.inner();
        (inner.epoch.table.reader(), inner.epoch.number)
    };
    // What is made while this reads comes behind it.
    let copied: Copied<'_> = (&table, &|_, _| true, &std::thread::yield_now);
    let mut next = NextEpoch::make(&shared.folder, number + 1, table.slots() * 2, copied, witness)?;
    // Most of what was made meanwhile is copied before anybody has to wait; while that is synced, a little more comes.
    for _ in 0..ROUNDS {
        let made = shared.inner().growth.made_meanwhile();
        next.catch_up(&shared.folder, &table, &made)?;
        if made.len() <= FEW {
            break;
        }
    }
    let mut inner = shared.inner();
    let made = inner.growth.made_meanwhile();
    next.catch_up(&shared.folder, &table, &made)?;
    // Which of the two counts is not known where this fails, nor, behind it, whether the one before can still be opened.
    inner.epoch = next.begin(&shared.folder).inspect_err(|_| inner.has_failed = true)?;
    inner.growth = Growth::Destroying;
    inner.is_behind = false;
    Ok(number)
}

#[cfg(test)]
mod tests;
