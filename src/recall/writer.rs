//! The thread that writes: it takes what has come, writes it, and syncs once where somebody waits for that.
//!
//! To wake it takes longer than to write an entry. But where the disk stalls, only those stand still who wait for it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::segment::{Record, Segment};
use super::{Keep, Key, Shared};
use crate::domain::Timestamp;

/// Most entries that one sync acknowledges.
const GROUP: usize = 256;

/// What the thread is asked for.
pub(super) enum Request {
    Enter(Entry),
    /// Remove what is over.
    Sweep,
}

/// An entry to write.
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) value: Arc<[u8]>,
    pub(super) until: Timestamp,
    pub(super) keep: Keep,
    pub(super) done: oneshot::Sender<bool>,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    current: Option<Current>,
    /// A failed write or sync is final for the process: what the kernel says of the pages afterwards is not to be trusted.
    failed: bool,
}

/// The file being written.
struct Current {
    number: u64,
    file: Arc<File>,
    length: u64,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, current: None, failed: false }
    }

    /// Until the last handle is dropped.
    pub(super) fn run(mut self, mut incoming: mpsc::Receiver<Request>) {
        let mut group = Vec::new();
        while incoming.blocking_recv_many(&mut group, GROUP) > 0 {
            let mut taken = Vec::with_capacity(group.len());
            for request in group.drain(..) {
                match request {
                    Request::Enter(entry) => taken.push(entry),
                    Request::Sweep => self.sweep(),
                }
            }
            if taken.is_empty() {
                continue;
            }
            if self.failed {
                self.give_up(taken);
            } else if let Err(error) = self.write(&taken) {
                self.failed = true;
                let path = self.shared.folder.display();
                tracing::error!(%error, %path, "what must be remembered cannot be written: see to the disk and start again");
                self.give_up(taken);
            } else {
                self.acknowledge(taken);
            }
        }
    }

    fn write(&mut self, group: &[Entry]) -> io::Result<()> {
        let now = self.shared.clock.now();
        self.begin_file_if_due(now)?;
        let Some(current) = &mut self.current else { return Err(io::Error::other("no file")) };
        let records = group.iter().map(Entry::record);
        let mut buffer = Vec::with_capacity(records.clone().map(|record| record.bytes()).sum());
        records.clone().for_each(|record| record.encode(&mut buffer));
        (&*current.file).write_all(&buffer)?;
        let mut entries = self.shared.entries();
        for record in records {
            if let Some(segment) = entries.segments.back_mut() {
                segment.insert(&record, current.length);
            }
            entries.waiting.remove(&record.key);
            current.length += record.bytes() as u64;
        }
        Ok(())
    }

    /// Begins the next file, and removes those that are over, when its time has come. Only this thread changes the list of
    /// files, so the disk is not waited for under the lock.
    fn begin_file_if_due(&mut self, now: Timestamp) -> io::Result<()> {
        let last = self.shared.entries().segments.back().map(|last| (last.number(), last.is_full_at(now)));
        let current = self.current.as_ref().map(|current| current.number);
        if last.is_some_and(|(number, is_full)| !is_full && Some(number) == current) {
            return Ok(());
        }
        let segment = Segment::create_after(&self.shared.folder, last.map(|(number, _)| number), now)?;
        // The file's name must be as durable as what will stand in it.
        File::open(&self.shared.folder)?.sync_all()?;
        self.current = Some(Current { number: segment.number(), file: segment.file(), length: 0 });
        self.shared.entries().segments.push_back(segment);
        self.sweep();
        Ok(())
    }

    /// Removes the files in which nothing counts any more; the one being written stays until its time for entries is over.
    fn sweep(&mut self) {
        let now = self.shared.clock.now();
        let current = self.current.as_ref().map(|current| current.number);
        let mut entries = self.shared.entries();
        let (over, kept): (VecDeque<_>, VecDeque<_>) = entries.segments.drain(..).partition(|segment| {
            segment.is_over_at(now) && (Some(segment.number()) != current || segment.is_full_at(now))
        });
        entries.segments = kept;
        drop(entries);
        if over.iter().any(|segment| Some(segment.number()) == current) {
            self.current = None;
        }
        over.iter().for_each(Segment::remove_file);
    }

    fn acknowledge(&mut self, group: Vec<Entry>) {
        let (durable, written): (Vec<_>, Vec<_>) = group.into_iter().partition(|request| request.keep == Keep::Durably);
        written.into_iter().for_each(|request| request.tell(true));
        if durable.is_empty() {
            return;
        }
        let synced = self.current.as_ref().map_or(Ok(()), |current| current.file.sync_data());
        if let Err(error) = &synced {
            self.failed = true;
            let path = self.shared.folder.display();
            tracing::error!(%error, %path, "what must be remembered cannot be synced: see to the disk and start again");
        }
        durable.into_iter().for_each(|request| request.tell(synced.is_ok()));
    }

    fn give_up(&self, group: Vec<Entry>) {
        let mut entries = self.shared.entries();
        group.iter().for_each(|request| drop(entries.waiting.remove(&request.key)));
        drop(entries);
        group.into_iter().for_each(|request| request.tell(false));
    }
}

impl Entry {
    fn record(&self) -> Record<'_> {
        Record { key: self.key, until: self.until, value: &self.value }
    }

    /// Whoever asked may have given up; it is kept all the same.
    fn tell(self, is_kept: bool) {
        let _ = self.done.send(is_kept);
    }
}
