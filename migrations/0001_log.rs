//! Layout 1: the log in chunks.

use super::MigrationTarget;

/// Makes its tree. Doing it twice changes nothing.
pub(super) fn up(store: &dyn MigrationTarget) -> Result<(), super::MediumError> {
    store.create_tree("log")
}
