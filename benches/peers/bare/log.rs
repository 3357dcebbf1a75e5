//! The bare log: sled behind one writer that takes what has come, inserts it as one value, syncs once, and acknowledges all.

use std::fs::File;
use std::path::Path;

use tokio::sync::{mpsc, oneshot};

use super::keys::Keys;

/// As at our daemon: most appends that one sync acknowledges, and most that wait.
const GROUP: usize = 256;
const WAITING: usize = 1024;
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// What happens to a login. Each is as many bytes as our daemon's records of it, as what reaches sled's file shows.
#[derive(Clone, Copy)]
pub enum Event {
    Created,
    ScannedAndConfirmed,
    Redeemed,
}

impl Event {
    fn bytes(self) -> &'static [u8] {
        const BYTES: [u8; 512] = [0x5a; 512];
        match self {
            Self::Created => &BYTES[..489],
            Self::ScannedAndConfirmed => &BYTES[..193],
            Self::Redeemed => &BYTES[..83],
        }
    }

    /// Whether our daemon makes a key for it: for what it keeps of each visitor. People come again, and have theirs.
    fn has_new_key(self) -> bool {
        matches!(self, Self::Created)
    }
}

struct Append {
    event: Event,
    done: oneshot::Sender<()>,
}

pub struct Log {
    appends: mpsc::Sender<Append>,
}

impl Log {
    pub fn open(folder: &Path) -> Self {
        let path = folder.join("log");
        let config = sled::Config::new().path(&path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = config.open().unwrap();
        let log = db.open_tree("log").unwrap();
        let file = File::options().write(true).open(path.join("db")).unwrap();
        let keys = Keys::open(folder);
        let (appends, waiting) = mpsc::channel(WAITING);
        std::thread::spawn(move || write(&db, &log, &file, &keys, waiting));
        Self { appends }
    }

    /// Returns when the event is on the disk.
    pub async fn append(&self, event: Event) {
        let (done, is_done) = oneshot::channel();
        assert!(self.appends.send(Append { event, done }).await.is_ok());
        is_done.await.unwrap();
    }
}

fn write(db: &sled::Db, log: &sled::Tree, file: &File, keys: &Keys, mut waiting: mpsc::Receiver<Append>) {
    let (mut group, mut value, mut seq) = (Vec::with_capacity(GROUP), Vec::new(), 1_u64);
    while let Some(first) = waiting.blocking_recv() {
        // As our daemon's writer does: who is about to append shares this sync.
        std::thread::yield_now();
        group.push(first);
        while group.len() < GROUP
            && let Ok(append) = waiting.try_recv()
        {
            group.push(append);
        }
        value.clear();
        group.iter().for_each(|append| value.extend_from_slice(append.event.bytes()));
        let new_keys = group.iter().filter(|append| append.event.has_new_key()).count();
        keys.sync_beside(new_keys, || {
            log.insert(seq.to_be_bytes(), value.as_slice()).unwrap();
            // sled's flush is no fsync on Linux, see our daemon's `store/sled_medium.rs`.
            db.flush().unwrap();
            file.sync_data().unwrap();
        });
        seq += group.len() as u64;
        for append in group.drain(..) {
            let _ = append.done.send(());
        }
    }
}
