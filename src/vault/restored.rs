//! Keys that come back from a backup: what was forgotten since stays forgotten.

use std::collections::HashSet;
use std::path::Path;

use super::file::LEDGER;
use super::{Handle, VaultError, ledger};
use crate::domain::Timestamp;

/// The file in the folder of the keys that tells who was forgotten; it is never put back over a newer one.
pub const FORGOTTEN: &str = LEDGER;

/// Whose keys the ledger in `folder` says were destroyed, and when that was asked for; nobody's where there is none.
///
/// # Errors
/// [`VaultError`] where it cannot be read.
pub fn forgotten(folder: &Path) -> Result<Vec<(Handle, Timestamp)>, VaultError> {
    Ok(read(folder)?.into_iter().map(|entry| (entry.handle, entry.at)).collect())
}

/// Takes what the ledger in the folder `other` tells into that in `folder`, durably.
///
/// # Errors
/// [`VaultError`] where one cannot be read, or the other not be written.
pub fn join_forgotten(folder: &Path, other: &Path) -> Result<(), VaultError> {
    let known: HashSet<(Handle, Timestamp, [u8; 16])> =
        read(folder)?.into_iter().map(|entry| (entry.handle, entry.at, entry.fingerprint)).collect();
    let mut missing = read(other)?;
    missing.retain(|entry| !known.contains(&(entry.handle, entry.at, entry.fingerprint)));
    if missing.is_empty() {
        return Ok(());
    }
    let path = folder.join(LEDGER);
    ledger::append(&path, &missing).map_err(|error| VaultError::Io { path, error })
}

fn read(folder: &Path) -> Result<Vec<ledger::Entry>, VaultError> {
    let path = folder.join(LEDGER);
    ledger::read(&path).map_err(|error| VaultError::Io { path, error })
}
