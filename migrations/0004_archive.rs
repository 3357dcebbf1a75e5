//! Layout 4: old records move from sled into the files of the folder `archive`, by and by, while the daemon runs.

use super::MigrationTarget;

/// Makes the folder. Doing it twice changes nothing.
pub(super) fn up(store: &dyn MigrationTarget) -> Result<(), super::MediumError> {
    store.create_folder("archive")
}
