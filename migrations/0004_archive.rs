//! Layout 4: old records move from sled into the files of the folder `archive`, by and by, while the daemon runs; and the
//! index of retired streams has short entries.

use super::MigrationTarget;

/// Makes the folder, and writes the index anew. Doing it twice, or once more after half of it, changes nothing.
pub(super) fn up(store: &dyn MigrationTarget) -> Result<(), super::MediumError> {
    store.create_folder("archive")?;
    store.shorten_index("retired")
}
