//! Layout 3: the index of retired streams in a database of its own, so that the log's file can be used again.

use super::MigrationTarget;

/// Moves what there is. Doing it twice, or once more after half of it, changes nothing.
pub(super) fn up(store: &dyn MigrationTarget) -> Result<(), super::MediumError> {
    store.move_to_index("retired")
}
