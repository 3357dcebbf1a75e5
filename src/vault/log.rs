//! The key log beside a table: what makes new keys durable.
//!
//! The slots of a group's new keys are strewn over the whole table, so to sync them there would be to write a page for
//! each. They are written there all the same, without a sync, and once more here behind each other: one write and one
//! sync a group.
//!
//! ```text
//! half · half        of 8,192 entries each; all of it is written when the file is made, so that a sync is of data alone
//! entry              handle [16] · key, wrapped [48]: as in the table; zeros where there is none yet
//! ```
//!
//! The halves take turns. When one is full the table is synced, by a thread of its own while the other is filled; before the
//! full one is written over, that sync must have come back. A start puts whatever the log has into the table and syncs that. Old
//! entries do no harm: within an epoch a handle has one key, and the table has it already. A torn entry opens nothing, as a
//! torn slot does, and its key was never acknowledged.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::table::{SLOT_BYTES, Slot, Table, write_zeros};

/// 512 KiB: as much as one sync writes fast, and at most so many pages of the table that its own sync has to write.
pub(super) const HALF_ENTRIES: usize = 8192;
const HALF_BYTES: usize = HALF_ENTRIES * SLOT_BYTES;
const BYTES: u64 = 2 * HALF_BYTES as u64;

pub(super) struct KeyLog {
    file: Arc<File>,
    /// Entries that are not written yet.
    pending: Vec<u8>,
    half: usize,
    /// How many bytes of the half are written.
    used: usize,
    /// The sync of the table that the other half waits for.
    table_sync: Option<JoinHandle<io::Result<()>>>,
}

impl KeyLog {
    /// The log at `path`, made where there is none. What it has goes into the table, which is durable when this returns; so
    /// is the log, but for its name.
    pub(super) fn open(path: &Path, table: &mut Table) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let length = file.metadata()?.len();
        write_zeros(&file, length, BYTES.saturating_sub(length))?;
        for half in [0, 1] {
            let mut entries = vec![0; HALF_BYTES];
            file.read_exact_at(&mut entries, half * HALF_BYTES as u64)?;
            entries.as_chunks().0.iter().try_for_each(|entry| table.take(entry))?;
        }
        // Whatever is found there counts as durable from here on, also what the process before did not come to sync.
        table.file().sync_data()?;
        file.sync_all()?;
        Ok(Self { file: Arc::new(file), pending: Vec::new(), half: 0, used: 0, table_sync: None })
    }

    /// Adds the slot of a key that lies in the table. It is written by the next [`write`](Self::write).
    pub(super) fn push(&mut self, slot: &Slot) {
        self.pending.extend_from_slice(slot);
    }

    /// Writes what was added; the keys are durable when the file that this returns is synced.
    pub(super) fn write(&mut self, table: &Table) -> io::Result<Arc<File>> {
        let pending = std::mem::take(&mut self.pending);
        if pending.len() > HALF_BYTES {
            return Ok(table.file());
        }
        if self.used + pending.len() > HALF_BYTES {
            self.turn(table)?;
        }
        self.file.write_all_at(&pending, (self.half * HALF_BYTES + self.used) as u64)?;
        self.used += pending.len();
        Ok(self.file.clone())
    }

    /// Goes over to the other half, and has the table synced for this one.
    fn turn(&mut self, table: &Table) -> io::Result<()> {
        if let Some(before) = self.table_sync.take() {
            before.join().map_err(|_| io::Error::other("the sync of the table panicked"))??;
        }
        let file = table.file();
        let sync = std::thread::Builder::new().name("keys-table".into()).spawn(move || file.sync_data())?;
        (self.half, self.used, self.table_sync) = (1 - self.half, 0, Some(sync));
        Ok(())
    }
}
