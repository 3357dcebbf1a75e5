//! The bare limits: what the parts of a login do by themselves, on the same core.

pub mod echo;
pub mod empty;
pub mod file;
