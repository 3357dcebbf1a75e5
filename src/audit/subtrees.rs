//! The file `TREE`: the roots of all complete subtrees of 256 leaves, 32 bytes each, in order. With it, neither a start
//! nor a proof has to read all history. Nothing rests on it alone: what is computed from it must give a root that was
//! signed, and it can be made again from the log.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::tlog::Hash;

/// The level of its subtrees in the tree.
pub(super) const LEVEL: u32 = 8;
/// The leaves of each.
pub const LEAVES: u64 = 1 << LEVEL;
/// Has the place of one that nobody can make again: its records were removed.
pub(super) const UNKNOWN: Hash = Hash([0; 32]);

const NAME: &str = "TREE";
const HASH: usize = 32;

/// What the file in this folder holds; nothing where there is none. A torn last one is passed over.
///
/// # Errors
/// What the system says.
pub fn read(folder: &Path) -> io::Result<Vec<Hash>> {
    match std::fs::read(folder.join(NAME)) {
        Ok(bytes) => Ok(bytes.as_chunks::<HASH>().0.iter().map(|bytes| Hash(*bytes)).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The file, to be made longer.
pub(super) struct SubtreeFile {
    file: File,
    count: u64,
}

impl SubtreeFile {
    /// Holds these, whatever it held before; what is right is not written again.
    pub(super) fn holding(folder: &Path, roots: &[Hash]) -> io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).open(folder.join(NAME))?;
        let is_right = read(folder)?.starts_with(roots);
        let mut holding = Self { file, count: if is_right { roots.len() as u64 } else { 0 } };
        holding.file.set_len(holding.count * HASH as u64)?;
        if !is_right {
            holding.append(roots)?;
            holding.sync()?;
        }
        Ok(holding)
    }

    pub(super) fn append(&mut self, roots: &[Hash]) -> io::Result<()> {
        let bytes: Vec<u8> = roots.iter().flat_map(|root| root.0).collect();
        self.file.write_all_at(&bytes, self.count * HASH as u64)?;
        self.count += roots.len() as u64;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
