//! Which keys are in use, while it is found out which are not.
//!
//! Retention reads the log for who is still named in it, and destroys the keys of the others. A key that was used meanwhile
//! stays: what was sealed under it may not be in the log yet.

use std::collections::HashSet;

use super::Handle;

/// Notes what is sealed with, from when it is asked to.
#[derive(Default)]
pub(super) struct Watch(Option<HashSet<Handle>>);

impl Watch {
    /// From now on.
    pub(super) fn begin(&mut self) {
        self.0 = Some(HashSet::new());
    }

    /// A key is used to seal with.
    pub(super) fn note(&mut self, handle: Handle) {
        if let Some(used) = &mut self.0 {
            used.insert(handle);
        }
    }

    /// Those of the keys that were not used since; none where nobody has watched. Watching ends with it.
    pub(super) fn unused(&mut self, handles: &[Handle]) -> HashSet<Handle> {
        let Some(used) = self.0.take() else { return HashSet::new() };
        handles.iter().copied().filter(|handle| !used.contains(handle)).collect()
    }
}
