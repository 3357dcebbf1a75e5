//! Layout 1: the log in chunks, and the index of retired streams.

use super::MigrationTarget;

/// Makes the two trees of layout 1. Doing it twice changes nothing.
pub(super) fn up(store: &dyn MigrationTarget) -> Result<(), super::MediumError> {
    store.create_tree("log")?;
    store.create_tree("retired")
}
