//! A website that wants no more webhooks (410 Gone), also over a restart: beside its cursor stands which address has said so.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use super::cursor::Cursor;
use super::line_file;
use crate::keys::sha256;

/// Where it is noted, and of which address.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    path: PathBuf,
    /// Its SHA-256 in hexadecimal digits: an address may hold a secret.
    address: String,
}

impl Gone {
    pub(super) fn of(cursor: &Cursor, url: &str) -> Self {
        let address = HEXLOWER.encode(&sha256(url.as_bytes()).0);
        Self { path: cursor.path().with_extension("gone"), address }
    }

    /// Whether this very address has said it: another one is told as ever. What cannot be read says nothing.
    pub(super) fn is_noted(&self) -> bool {
        std::fs::read_to_string(&self.path).is_ok_and(|noted| noted.trim_end() == self.address)
    }

    /// The file, whose removal lets webhooks begin again.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes it, durably. Where that fails the address is asked again after a restart.
    pub(super) async fn note(&self) {
        line_file::note(&self.path, self.address.clone(), "that a website wants no more webhooks").await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_counts_for_the_address_that_said_it() {
        let folder = tempfile::tempdir().unwrap();
        let cursor = Cursor::open(folder.path(), "shop", 7).unwrap();
        let gone = |url: &str| Gone::of(&cursor, url);
        assert!(!gone("https://shop.example.com/hooks").is_noted());
        gone("https://shop.example.com/hooks").note().await;
        assert!(gone("https://shop.example.com/hooks").is_noted());
        assert!(!gone("https://shop.example.com/other").is_noted());
        assert_eq!(Cursor::open(folder.path(), "shop", 20).unwrap().seq(), 7, "the cursor stays");
    }
}
