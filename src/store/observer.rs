use std::time::Duration;

use crate::domain::{Recorded, SceneId};

/// Who hears what the journal does, so that it can be counted. Most is told on the journal's own thread, which waits
/// meanwhile: it must be quick, and must not panic.
pub trait Observer: Send + Sync {
    /// A stream that nobody has retired was read, by a start.
    fn found(&self, stream: &[Recorded]);

    /// Records of one append are durable, and nobody knows of them yet.
    fn durable(&self, records: &[Recorded]);

    /// Nothing more will happen to this scene.
    fn retired(&self, scene: &SceneId);

    /// An append waited so long for the writer.
    fn waited(&self, wait: Duration);

    /// So many appends were made durable at once, and writing and syncing them took so long.
    fn synced(&self, appends: usize, took: Duration);

    /// A write or a sync failed.
    fn failed(&self);
}
