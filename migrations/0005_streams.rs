//! Layout 5: the index of streams in files of the folder `streams`, made of the archive, in place of sled's database in the folder
//! `index`, which grew with history in memory, too. The files themselves are made by whatever opens the store next, of whatever
//! the archive has by then. Programs of layout 4 would make their index again from the log, but would not know where to begin: only
//! programs that know the new one may open the store from here on.

use super::MigrationTarget;

/// Makes the one folder and takes the other away. Doing it twice, or once more after half of it, changes nothing.
pub(super) fn up(store: &dyn MigrationTarget) -> Result<(), super::MediumError> {
    store.create_folder("streams")?;
    store.remove_folder("index")
}
