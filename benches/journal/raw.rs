//! What the disk itself can do: a file that is appended and synced, and nothing else.

use std::fs::File;
use std::io::Write;
use std::path::Path;

pub struct RawFile(File);

impl RawFile {
    pub fn create(path: &Path) -> Self {
        Self(File::options().append(true).create_new(true).open(path).unwrap())
    }

    pub fn append(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.sync_data().unwrap();
    }
}
