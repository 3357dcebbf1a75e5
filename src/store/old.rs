//! What is kept of old records outside of the medium.

use super::archive::Archive;
use super::streams::StreamIndex;

/// The archive, and the index of streams that is made of it.
pub(super) struct Old {
    pub(super) archive: Archive,
    pub(super) streams: StreamIndex,
}

impl Old {
    /// For media that keep all their chunks.
    pub(super) fn none() -> Self {
        Self { archive: Archive::none(), streams: StreamIndex::none() }
    }
}
