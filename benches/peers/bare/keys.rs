//! The syncs of keys: our daemon makes one for what it keeps of each visitor, durable in a file of its own, which a thread of its own
//! syncs while the log is synced.

use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A handle and a wrapped key.
const KEY_BYTES: usize = 64;
/// All of it is written beforehand, so that a sync is of data alone.
const FILE_BYTES: usize = 1024 * 1024;

pub struct Keys {
    file: Arc<File>,
    place: Cell<usize>,
    ask: SyncSender<()>,
    synced: Receiver<()>,
}

impl Keys {
    pub fn open(folder: &Path) -> Self {
        let file = Arc::new(File::create_new(folder.join("keys")).unwrap());
        file.write_all_at(&vec![0; FILE_BYTES], 0).unwrap();
        file.sync_all().unwrap();
        let ((ask, asked), (answer, synced)) = (sync_channel(1), sync_channel(1));
        let syncing = file.clone();
        std::thread::spawn(move || {
            while asked.recv().is_ok() {
                syncing.sync_data().unwrap();
                answer.send(()).unwrap();
            }
        });
        Self { file, place: Cell::new(0), ask, synced }
    }

    /// Does `work` while so many new keys are made durable; returns when both are done.
    pub fn sync_beside(&self, new_keys: usize, work: impl FnOnce()) {
        if new_keys == 0 {
            return work();
        }
        let bytes = vec![0x5a; new_keys * KEY_BYTES];
        if self.place.get() + bytes.len() > FILE_BYTES {
            self.place.set(0);
        }
        self.file.write_all_at(&bytes, self.place.get() as u64).unwrap();
        self.place.set(self.place.get() + bytes.len());
        self.ask.send(()).unwrap();
        work();
        self.synced.recv().unwrap();
    }
}
