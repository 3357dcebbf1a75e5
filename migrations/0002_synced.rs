//! Layout 2: a chunk also says how far the log was durable when it was written. Chunks of layout 1 stay as they are: what
//! they do not say is not known any more. Only programs that know the new chunks may open the store from here on.

use super::MigrationTarget;

/// Nothing is rewritten.
pub(super) fn up(_: &dyn MigrationTarget) -> Result<(), super::MediumError> {
    Ok(())
}
