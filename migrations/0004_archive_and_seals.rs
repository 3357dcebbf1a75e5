//! Layout 4: old records move from sled into the files of the folder `archive`, by and by, while the daemon runs; and new records
//! (version 2 of `created` and `scanned`, and `forgotten`) have what identifies a person sealed. Records that are there stay as they
//! are. Older programs know neither the archive nor the sealed records: only programs that know both may open the store from here on.

use super::MigrationTarget;

/// Makes the folder. Doing it twice changes nothing.
pub(super) fn up(store: &dyn MigrationTarget) -> Result<(), super::MediumError> {
    store.create_folder("archive")
}
