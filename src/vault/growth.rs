//! How a larger table comes to be while keys are made and used: on a thread of its own, which lets everybody else go first.

use std::io;

use super::Handle;
use super::epoch::{Copied, NextEpoch, Step, destroy};
use super::file::Shared;

/// Whether a larger table is made.
pub(super) enum Growth {
    None,
    /// It is. The keys of these handles were made meanwhile.
    UnderWay(Vec<Handle>),
    /// It could not be. When this one is full, whoever needs room makes it, and is told why there is none.
    Failed,
}

/// Makes the next epoch, with twice the room.
pub(super) fn grow(shared: &Shared) {
    if let Err(error) = try_to(shared) {
        shared.inner().growth = Growth::Failed;
        tracing::warn!(
            %error, path = %shared.folder.display(),
            "more room for keys could not be made beforehand: see that the disk has space and that the folder belongs to this user"
        );
    }
}

fn try_to(shared: &Shared) -> io::Result<()> {
    let (table, number) = {
        let inner = shared.inner();
        (inner.epoch.table.reader(), inner.epoch.number)
    };
    let witness = |step| shared.stop(step);
    // What is made while this reads comes behind it.
    let copied: Copied<'_> = (&table, &|_, _| true, &std::thread::yield_now);
    let mut next = NextEpoch::make(&shared.folder, number + 1, table.slots() * 2, copied, &witness)?;
    {
        let mut inner = shared.inner();
        let Growth::UnderWay(made) = std::mem::replace(&mut inner.growth, Growth::None) else { return Ok(()) };
        next.catch_up(&shared.folder, &table, &made)?;
        // Which of the two counts is not known where this fails, nor, below, whether the one before can still be opened.
        inner.epoch = next.begin(&shared.folder).inspect_err(|_| inner.has_failed = true)?;
        inner.is_behind = false;
    }
    let destroyed = witness(Step::KeyWritten).and_then(|()| destroy(&shared.folder, number, &witness));
    destroyed.inspect_err(|_| shared.inner().has_failed = true)
}

#[cfg(test)]
mod tests;
