//! The writing half, on its own thread: it takes what has come, writes it, syncs once, and acknowledges all.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use crate::domain::{Event, Person, Recorded, SceneId, Timestamp};
use crate::store::codec::{self, Chunk, ChunkBuilder, NotEncoded};
use crate::store::medium::MediumError;
use crate::store::{Append, StoreError};
use crate::vault::{Vault, VaultError};

use super::keys::KeySync;
use super::pace::Sharing;
use super::queue::{AppendRequest, Batch, Lines, Reply};
use super::reader::Shared;

/// Most requests that one sync acknowledges: bounds what a crash can leave unacknowledged.
pub(super) const GROUP: usize = 256;
/// So many archived chunks are removed at a time, so that no group waits for it long.
const SLICE: usize = 32;
/// The archiver is asked to look after so many records.
const LOOK_EVERY: u64 = 64;

/// The thread's state.
pub(super) struct Writer {
    shared: Arc<Shared>,
    lines: Lines,
    /// The first sequence of each unretired stream: the least is where a recovery has to begin.
    starts: BTreeSet<u64>,
    last_seq: u64,
    archiver: SyncSender<()>,
    keys: KeySync,
    sharing: Sharing,
    failed: Option<MediumError>,
}

/// Tells that nothing can be written any more, where the writer ends by a panic: sled panics at what it does not expect.
struct Alarm(Arc<Shared>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        tracing::error!("the journal's writer panicked; nothing is acknowledged until a restart");
        self.0.head.send_modify(|head| head.failure = Some("its writer panicked".into()));
    }
}

/// A group on its way to the disk.
struct Group {
    chunks: Vec<Chunk>,
    open: ChunkBuilder,
    first_seq: u64,
    next_seq: u64,
    /// The streams that this group adds to, as they will be.
    streams: HashMap<SceneId, Vec<u64>>,
    stored: Vec<(Reply, Vec<Recorded>)>,
    refused: Vec<(Reply, Result<Append, StoreError>)>,
    /// Why no key can be made any more: as final as a failed write of the log.
    failed: Option<MediumError>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, lines: Lines, archiver: SyncSender<()>, keys: KeySync) -> Self {
        let starts = shared.live().values().filter_map(|sequences| sequences.first().copied()).collect();
        let last_seq = shared.head.borrow().seq;
        Self { shared, lines, starts, last_seq, archiver, keys, sharing: Sharing::default(), failed: None }
    }

    pub(super) fn run(self) {
        let _alarm = Alarm(self.shared.clone());
        self.serve();
    }

    fn serve(mut self) {
        self.note_head(true);
        self.wake_archiver();
        let mut batch = Batch::default();
        while self.receive(&mut batch) {
            let before = self.last_seq;
            self.commit(&mut batch.appends);
            if batch.ends_something() {
                self.commit_beginning(&mut batch);
            }
            if self.last_seq > before {
                self.note_head(false);
                if self.last_seq / LOOK_EVERY > before / LOOK_EVERY {
                    self.wake_archiver();
                }
            }
            self.retire();
            for done in batch.settling.drain(..) {
                let _ = done.send(());
            }
            self.tidy();
            if !batch.closing.is_empty() {
                // Whoever asked later is answered by the end of their line.
                self.shared.closing.store(true, Ordering::Relaxed);
                self.lines.close();
                if self.failed.is_none() {
                    match self.shared.medium.sync() {
                        Ok(()) => self.note_head(true),
                        Err(error) => tracing::error!(%error, "the last sync of the journal failed"),
                    }
                }
                for done in batch.closing {
                    let _ = done.send(());
                }
                return;
            }
        }
    }

    /// Waits for requests; meanwhile, archived chunks are removed. `false` where none can come any more.
    fn receive(&mut self, batch: &mut Batch) -> bool {
        loop {
            self.lines.take(batch, GROUP);
            if !batch.is_empty() {
                break;
            }
            if !self.tidy() {
                if !self.lines.wait(batch, GROUP) {
                    return false;
                }
                break;
            }
        }
        self.gather(batch);
        true
    }

    /// Where the last sync was shared, waits for others to share this one.
    fn gather(&mut self, batch: &mut Batch) {
        let wait = self.sharing.wait(Instant::now());
        if wait.is_zero() || batch.ends_something() || batch.appends.is_empty() {
            return;
        }
        std::thread::sleep(wait);
        self.lines.take(batch, GROUP);
    }

    /// Commits all that stands in the line of new sessions at this moment.
    fn commit_beginning(&mut self, batch: &mut Batch) {
        let mut left = self.lines.beginning();
        while left > 0 {
            self.lines.take_beginning(batch, left.min(GROUP));
            left -= batch.appends.len();
            self.commit(&mut batch.appends);
        }
    }

    fn wake_archiver(&self) {
        // Where it has not looked yet since it was woken, once is enough.
        let _ = self.archiver.try_send(());
    }

    /// Commits the `appends` as one group, and leaves none.
    fn commit(&mut self, appends: &mut Vec<AppendRequest>) {
        if appends.is_empty() {
            return;
        }
        if let Some(error) = &self.failed {
            for append in appends.drain(..) {
                let _ = append.reply.send(Err(StoreError::Failed(error.clone())));
            }
            return;
        }
        let began = Instant::now();
        self.sharing.begins(appends.len(), began);
        self.shared.pace.begins(began);
        let mut group = Group::new(self.last_seq + 1);
        for append in appends.drain(..) {
            self.shared.tell(|observer| observer.waited(append.asked.elapsed()));
            group.take(&self.shared, append);
        }
        if let Some(error) = group.failed.take() {
            return self.fail(error, group);
        }
        if let Some(chunk) = group.close() {
            group.chunks.push(chunk);
        }
        if !group.chunks.is_empty() {
            let began = Instant::now();
            if let Err(error) = self.write(&group.chunks) {
                return self.fail(error, group);
            }
            self.shared.tell(|observer| observer.synced(group.stored.len(), began.elapsed()));
        }
        self.shared.pace.ends(Instant::now());
        self.acknowledge(group);
    }

    /// Makes the chunks durable, and beside them the keys that were made for them: neither waits for the other.
    fn write(&self, chunks: &[Chunk]) -> Result<(), MediumError> {
        let Shared { medium, vault, .. } = &*self.shared;
        let write = || medium.write(chunks).and_then(|()| medium.sync());
        if vault.is_behind() { self.keys.beside(write) } else { write() }
    }

    fn note_head(&self, sync: bool) {
        if let Err(error) = self.shared.medium.note_head(self.last_seq, sync) {
            // The log itself is not touched by it.
            tracing::warn!(%error, "how far the journal has come could not be noted");
        }
    }

    /// Removes some chunks whose records are durable in the archive; whether there may be more.
    fn tidy(&mut self) -> bool {
        if self.failed.is_some() {
            return false;
        }
        let (slice, archived) = {
            let mut obsolete = self.shared.obsolete();
            let count = obsolete.keys.len().min(SLICE);
            (obsolete.keys.drain(..count).collect::<Vec<u64>>(), obsolete.archived)
        };
        if slice.is_empty() {
            self.shared.archived.send_if_modified(|known| std::mem::replace(known, archived) != archived);
            return false;
        }
        if let Err(error) = self.shared.medium.remove(&slice) {
            // They stay; the next write says whether the medium is really gone.
            tracing::warn!(%error, "chunks that were archived could not be removed");
        }
        true
    }

    fn acknowledge(&mut self, group: Group) {
        self.last_seq = group.next_seq - 1;
        let newest =
            group.stored.iter().filter_map(|(_, records)| records.last()).map(|last| last.at.as_micros()).max();
        if let Some(newest) = newest {
            self.shared.newest.store(newest, Ordering::Relaxed);
        }
        let records = group.stored.iter().flat_map(|(_, records)| records);
        self.shared.streams.note_all(records.map(|record| (record.seq, record.scene.as_str().as_bytes())));
        {
            let mut live = self.shared.live_mut();
            for (scene, stream) in group.streams {
                self.starts.extend(stream.first());
                live.insert(scene, stream);
            }
        }
        self.shared.tell(|observer| group.stored.iter().for_each(|(_, records)| observer.durable(records)));
        self.shared.head.send_modify(|head| head.seq = self.last_seq);
        for (reply, records) in group.stored {
            let _ = reply.send(Ok(Append::Stored(records)));
        }
        for (reply, answer) in group.refused {
            let _ = reply.send(answer);
        }
    }

    /// A failed write or sync is final: nothing is acknowledged any more.
    fn fail(&mut self, error: MediumError, group: Group) {
        tracing::error!(%error, "the journal can no longer be written; nothing is acknowledged until a restart");
        self.failed = Some(error.clone());
        self.shared.tell(|observer| observer.failed());
        self.shared.head.send_modify(|head| head.failure = Some(error.clone()));
        let replies = group.stored.into_iter().map(|(reply, _)| reply);
        for reply in replies.chain(group.refused.into_iter().map(|(reply, _)| reply)) {
            let _ = reply.send(Err(StoreError::Failed(error.clone())));
        }
    }

    fn retire(&mut self) {
        let scenes = std::mem::take(&mut *self.shared.retiring.lock().unwrap_or_else(PoisonError::into_inner));
        if scenes.is_empty() || self.failed.is_some() {
            return;
        }
        {
            let mut live = self.shared.live_mut();
            for first in scenes.iter().filter_map(|scene| live.remove(scene)?.first().copied()) {
                self.starts.remove(&first);
            }
        }
        let pending_from = self.starts.first().copied().unwrap_or(self.last_seq + 1);
        if let Err(error) = self.shared.medium.note_pending(pending_from) {
            // From an older note a start finds the same.
            tracing::warn!(%error, "from where on sessions are pending could not be noted");
        }
    }
}

impl Group {
    fn new(next_seq: u64) -> Self {
        Self {
            chunks: Vec::new(),
            open: ChunkBuilder::new(next_seq),
            first_seq: next_seq,
            next_seq,
            streams: HashMap::new(),
            stored: Vec::new(),
            refused: Vec::new(),
            failed: None,
        }
    }

    fn take(&mut self, shared: &Shared, append: AppendRequest) {
        let stream = self.streams.remove(&append.scene).map_or_else(|| shared.sequences(&append.scene), Ok);
        let found = stream.and_then(|stream| Ok((shared.length(&append.scene, &stream)?, stream)));
        let (actual, mut stream) = match found {
            Ok(found) => found,
            Err(error) => return self.refused.push((append.reply, Err(error))),
        };
        let answer = if actual == append.expected {
            self.place(&mut stream, actual, append.at, &append.scene, append.events, &*shared.vault)
        } else {
            Ok(Append::Conflict { actual })
        };
        if stream.last().is_some_and(|last| *last >= self.first_seq) {
            self.streams.insert(append.scene, stream);
        }
        match answer {
            Ok(Append::Stored(records)) => self.stored.push((append.reply, records)),
            Err(StoreError::Failed(error)) => {
                self.failed = Some(error.clone());
                self.refused.push((append.reply, Err(StoreError::Failed(error))));
            }
            other => self.refused.push((append.reply, other)),
        }
    }

    /// Puts the records of one append behind those of the group, and their sequences behind those of the `stream`, which has
    /// `actual` records.
    fn place(
        &mut self,
        stream: &mut Vec<u64>,
        actual: u32,
        at: Timestamp,
        scene: &SceneId,
        events: Vec<Event>,
        vault: &dyn Vault,
    ) -> Result<Append, StoreError> {
        let records: Vec<Recorded> = events
            .into_iter()
            .zip(1..)
            .map(|(event, place)| Recorded {
                seq: self.next_seq + u64::from(place) - 1,
                scene_seq: actual + place,
                at,
                scene: scene.clone(),
                event: named(event, vault),
            })
            .collect();
        let bytes = codec::encode_records(&records, vault).map_err(|error| match error {
            NotEncoded::TooLarge => StoreError::TooLarge,
            NotEncoded::Unsealed(VaultError::NoKeys) => StoreError::Unsealed(VaultError::NoKeys.to_string().into()),
            NotEncoded::Unsealed(error) => StoreError::Failed(error.to_string().into()),
        })?;
        if !self.open.fits(&bytes) {
            let full = self.close();
            self.chunks.extend(full);
        }
        self.open.push(&bytes, records.len());
        stream.extend(records.iter().map(|record| record.seq));
        self.next_seq += records.len() as u64;
        Ok(Append::Stored(records))
    }

    fn close(&mut self) -> Option<Chunk> {
        std::mem::replace(&mut self.open, ChunkBuilder::new(self.next_seq)).finish(self.first_seq - 1)
    }
}

/// The event as it will be read back: with the handle by which the journal names its person.
fn named(mut event: Event, vault: &dyn Vault) -> Event {
    if let Event::Scanned(scanned) = &mut event
        && let Person::Known { openid, handle, .. } = &mut scanned.person
    {
        *handle = Some(vault.person(&scanned.account, openid));
    }
    event
}
