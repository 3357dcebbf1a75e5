//! The keys on the disk: `id-token-{algorithm}-{seconds}.pem`, named by when each was made.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::domain::Timestamp;
use crate::keys::{self, KeysError};

use super::signing_key::Algorithm;

const PREFIX: &str = "id-token-";
const SUFFIX: &str = ".pem";

/// When the keys of an algorithm in `folder` were made, oldest first.
pub(super) fn list(folder: &Path, algorithm: Algorithm) -> Result<Vec<Timestamp>, KeysError> {
    let io = |error| KeysError::Io { path: folder.to_owned(), error };
    let mut made = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        let seconds = name.to_str().and_then(|name| made_of(name, algorithm));
        made.extend(seconds.map(|seconds| Timestamp::from_micros(seconds * 1_000_000)));
    }
    made.sort_unstable();
    Ok(made)
}

fn made_of(name: &str, algorithm: Algorithm) -> Option<i64> {
    let rest = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let seconds = rest.strip_prefix(algorithm.name())?.strip_prefix('-')?.parse::<u32>().ok()?;
    Some(seconds.into())
}

pub(super) fn read(folder: &Path, algorithm: Algorithm, made: Timestamp) -> Result<SecretString, KeysError> {
    keys::read_text(&path(folder, algorithm, made))
}

pub(super) fn write(folder: &Path, algorithm: Algorithm, made: Timestamp, pem: &SecretString) -> Result<(), KeysError> {
    let path = path(folder, algorithm, made);
    keys::write_key(&path, pem.expose_secret().as_bytes()).map_err(|error| KeysError::Io { path, error })
}

pub(super) fn remove(folder: &Path, algorithm: Algorithm, made: Timestamp) -> Result<(), KeysError> {
    let path = path(folder, algorithm, made);
    std::fs::remove_file(&path).map_err(|error| KeysError::Io { path, error })
}

pub(super) fn path(folder: &Path, algorithm: Algorithm, made: Timestamp) -> PathBuf {
    folder.join(format!("{PREFIX}{}-{}{SUFFIX}", algorithm.name(), made.as_seconds()))
}
