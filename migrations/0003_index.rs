//! Layout 3: no index of retired streams in the log's file any more, so that its segments can be used again. It lay in a database of its
//! own then, and since layout 5 in files that are made of the log.

use super::MigrationTarget;

/// Takes it away. Doing it twice changes nothing.
pub(super) fn up(store: &dyn MigrationTarget) -> Result<(), super::MediumError> {
    store.drop_tree("retired")
}
