//! What a configuration may say and this version does not do. A version that does it deletes the line, nothing else.
//!
//! Names are `section.key`, noted where the key is set to something other than its default; or `section.key.value` for
//! keys that take one of a few words, noted where that word is in force, by default or not.

/// What is taken and has no effect yet.
const DOES_NOTHING: &[(&str, &str)] = &[];

/// What this version cannot run with, and the cure.
const CANNOT_RUN: &[(&str, &str, &str)] =
    &[("store.engine.jetstream", "is not built in this version", "set engine = \"sled\"")];

/// What to say of something that has no effect yet.
pub(super) fn does_nothing(name: &str) -> Option<&'static str> {
    DOES_NOTHING.iter().find(|(known, _)| *known == name).map(|(_, what)| *what)
}

/// Reason and cure, where this version cannot run with it.
pub(super) fn cannot_run(name: &str) -> Option<(&'static str, &'static str)> {
    CANNOT_RUN.iter().find(|(known, ..)| *known == name).map(|(_, reason, cure)| (*reason, *cure))
}
