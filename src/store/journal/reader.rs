//! The reading half: where records are, and how they are read back.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use tokio::sync::watch;

use crate::domain::{Recorded, SceneId};
use crate::store::archive::{Archive, VisitBody};
use crate::store::codec;
use crate::store::medium::{Medium, MediumError};
use crate::store::observer::Observer;
use crate::store::old::Old;
use crate::store::streams::StreamIndex;
use crate::store::unretired::Unretired;
use crate::store::{Head, RawRecord, StoreError};
use crate::vault::{NoVault, Vault};

use super::pace::Pace;

/// After so many records a start looks which sessions were over by then.
const RETIRE_EVERY: u64 = 8192;

/// What reading and writing share.
pub(super) struct Shared {
    pub(super) medium: Box<dyn Medium>,
    pub(super) vault: Arc<dyn Vault>,
    /// Where old records are. What lies in both is read from here.
    pub(super) archive: Archive,
    /// Where the records of each stream are.
    pub(super) streams: StreamIndex,
    obsolete: Mutex<Obsolete>,
    pub(super) archived: watch::Sender<u64>,
    /// The time of the newest durable record, in microseconds: a clock that was wrong before is not looked at any more.
    pub(super) newest: AtomicI64,
    /// No new file of the archive is begun any more.
    pub(super) closing: AtomicBool,
    /// The unretired streams: where their records are.
    pub(super) live: RwLock<HashMap<SceneId, Vec<u64>>>,
    pub(super) head: watch::Sender<Head>,
    /// Who hears what happens here, where somebody does.
    pub(super) observer: OnceLock<Arc<dyn Observer>>,
    /// Streams that are to be retired; the writer takes them when it has nothing more urgent.
    pub(super) retiring: Mutex<Vec<SceneId>>,
    /// How fast the writer is.
    pub(super) pace: Pace,
}

/// Chunks whose records are durable in the archive; the writer removes them when it has nothing more urgent.
#[derive(Default)]
pub(super) struct Obsolete {
    pub(super) keys: VecDeque<u64>,
    /// Without them, the records up to here lie in the archive alone.
    pub(super) archived: u64,
}

impl Shared {
    pub(super) fn new(medium: impl Medium, old: Old, vault: Arc<dyn Vault>) -> Self {
        Self {
            medium: Box::new(medium),
            vault,
            archive: old.archive,
            streams: old.streams,
            obsolete: Mutex::default(),
            archived: watch::Sender::default(),
            newest: AtomicI64::new(i64::MIN),
            closing: AtomicBool::default(),
            live: RwLock::default(),
            head: watch::Sender::default(),
            observer: OnceLock::new(),
            retiring: Mutex::default(),
            pace: Pace::default(),
        }
    }

    /// Tells whoever hears what happens here.
    pub(super) fn tell(&self, what: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = self.observer.get() {
            what(&**observer);
        }
    }

    pub(super) fn live(&self) -> std::sync::RwLockReadGuard<'_, HashMap<SceneId, Vec<u64>>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn live_mut(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<SceneId, Vec<u64>>> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn obsolete(&self) -> MutexGuard<'_, Obsolete> {
        self.obsolete.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the end of the log, and reads it from where unretired records can lie, in place of all history.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        let last = match self.medium.chunk_at_or_before(u64::MAX).map_err(unreadable)? {
            None => 0,
            Some((first_seq, value)) => first_seq + decode(first_seq, &value, &NoVault)?.len() as u64 - 1,
        };
        let last = last.max(self.archive.last());
        self.find_obsolete()?;
        if last >= self.archive.first() {
            self.newest.store(self.time_of(last)?, Ordering::Relaxed);
        }
        self.streams.catch_up(&self.archive)?;
        self.visit_bodies(self.archive.last() + 1, last, &mut |seq, body| {
            self.streams.note(seq, codec::scene_of(body).ok_or_else(|| missing(seq))?);
            Ok(ControlFlow::Continue(()))
        })?;
        *self.live_mut() = self.find_unretired(last)?;
        self.head.send_replace(Head { seq: last, failure: None });
        Ok(())
    }

    /// The places of the streams to which something may still happen, of the log up to `last`.
    fn find_unretired(&self, last: u64) -> Result<HashMap<SceneId, Vec<u64>>, StoreError> {
        let first = self.archive.first();
        let (mut unretired, mut newest, mut outcome) = (Unretired::default(), None, Ok(()));
        // A note of what lies behind the log's end is of another log: it says nothing of this one.
        let pending = Some(self.medium.pending_from()).filter(|pending| *pending <= last + 1).unwrap_or_default();
        // Whose they are is of no interest here.
        self.visit_records(pending.max(first), last, &NoVault, &mut |record| {
            let earlier = || match record.scene_seq {
                1 => Ok(Vec::new()),
                _ => self.of_scene(self.streams.places(&record.scene)?, &record.scene, record.seq - 1),
            };
            outcome = unretired.take(&record, first, earlier).map(drop);
            if record.seq.is_multiple_of(RETIRE_EVERY) {
                unretired.retire(record.at);
            }
            newest = Some(record.at);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome?;
        newest.into_iter().for_each(|newest| unretired.retire(newest));
        Ok(unretired.into_places())
    }

    /// Finds chunks that a crash has left though the archive has their records.
    fn find_obsolete(&self) -> Result<(), StoreError> {
        let archived = self.archive.last();
        let mut found = self.obsolete();
        found.archived = archived;
        let chunk = &mut |first_seq: u64, value: &[u8]| {
            if first_seq > archived {
                return ControlFlow::Break(());
            }
            if first_seq + codec::records_of(value).1 as u64 <= archived + 1 {
                found.keys.push_back(first_seq);
            }
            ControlFlow::Continue(())
        };
        self.medium.visit(0, chunk).map_err(unreadable)
    }

    /// When the record was made, in microseconds.
    pub(super) fn time_of(&self, seq: u64) -> Result<i64, StoreError> {
        let mut at = None;
        self.visit_bodies(seq, seq, &mut |_, body| {
            at = codec::time_of(body);
            Ok(ControlFlow::Continue(()))
        })?;
        at.map(|at| at.as_micros()).ok_or_else(|| missing(seq))
    }

    /// The records of the chunk, or of the archive's block, that holds `seq`.
    fn chunk_with(&self, seq: u64) -> Result<Vec<Recorded>, StoreError> {
        if seq <= self.archive.last() {
            return self.block_with(seq);
        }
        match self.young_chunk_with(seq) {
            // It was archived meanwhile.
            Err(_) if seq <= self.archive.last() => self.block_with(seq),
            chunk => chunk,
        }
    }

    fn block_with(&self, seq: u64) -> Result<Vec<Recorded>, StoreError> {
        let mut records: Vec<Recorded> = Vec::new();
        self.archive.visit_block(seq, &mut |seq, body| {
            let before = records.last().map(|record| &record.scene);
            records.push(RawRecord::decode_body(seq, before, body, &*self.vault)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(records)
    }

    fn young_chunk_with(&self, seq: u64) -> Result<Vec<Recorded>, StoreError> {
        let missing = || missing(seq);
        let (first_seq, value) = self.medium.chunk_at_or_before(seq).map_err(unreadable)?.ok_or_else(missing)?;
        let records = decode(first_seq, &value, &*self.vault)?;
        if records.last().is_some_and(|last| last.seq >= seq) { Ok(records) } else { Err(missing()) }
    }

    /// Up to `limit` records from `from` on, persons as far as `vault` has their keys.
    pub(super) fn read(&self, from: u64, limit: usize, vault: &dyn Vault) -> Result<Vec<Recorded>, StoreError> {
        self.unless_removed(|first| {
            let last = self.head.borrow().seq;
            let mut found = Vec::with_capacity(limit.min(1024));
            if limit == 0 {
                return Ok(found);
            }
            self.visit_records(from.max(first), last, vault, &mut |record| {
                found.push(record);
                if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            Ok(found)
        })
    }

    /// The same as [`read`](Self::read), as they are stored.
    pub(super) fn read_raw(&self, from: u64, limit: usize) -> Result<Vec<RawRecord>, StoreError> {
        self.unless_removed(|first| {
            let last = self.head.borrow().seq;
            let mut found = Vec::with_capacity(limit.min(1024));
            if limit == 0 {
                return Ok(found);
            }
            self.visit_bodies(from.max(first), last, &mut |seq, body| {
                found.push(RawRecord { seq, body: body.to_vec() });
                Ok(if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
            Ok(found)
        })
    }

    /// Shows all records from `next` to `last` in order, each once, or finds out that one is missing.
    fn visit_records(
        &self,
        next: u64,
        last: u64,
        vault: &dyn Vault,
        visit: &mut dyn FnMut(Recorded) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut before: Option<SceneId> = None;
        self.visit_bodies(next, last, &mut |seq, body| {
            let record = RawRecord::decode_body(seq, before.as_ref(), body, vault)?;
            before = Some(record.scene.clone());
            Ok(visit(record))
        })
    }

    /// Shows the bodies of all records from `next` to `last` in order, each once, or finds out that one is missing.
    pub(super) fn visit_bodies(&self, mut next: u64, last: u64, visit: &mut VisitBody<'_>) -> Result<(), StoreError> {
        while next <= last {
            if next <= self.archive.last() {
                self.archive.visit(&mut next, last, visit)?;
                continue;
            }
            let (before, mut outcome) = (next, Ok(()));
            let chunk = &mut |first_seq, value: &[u8]| {
                // What comes next may have moved into the archive while this went by.
                if first_seq > next {
                    return ControlFlow::Break(());
                }
                let flow = visit_chunk(first_seq, value, &mut next, last, visit);
                flow.unwrap_or_else(|error| {
                    outcome = Err(error);
                    ControlFlow::Break(())
                })
            };
            self.medium.visit(before, chunk).map_err(unreadable)?;
            outcome?;
            if next == before && next > self.archive.last() {
                return Err(missing(next));
            }
        }
        Ok(())
    }

    /// What `read` gives that is told the log's first record; once more where that was removed meanwhile.
    fn unless_removed<T>(&self, read: impl Fn(u64) -> Result<T, StoreError>) -> Result<T, StoreError> {
        loop {
            let first = self.archive.first();
            match read(first) {
                Err(_) if self.archive.first() > first => {}
                done => return done,
            }
        }
    }

    /// How many records a stream has ever had whose places today are these. Of all streams, only the journal's own goes on
    /// for longer than records are kept.
    pub(super) fn length(&self, scene: &SceneId, sequences: &[u64]) -> Result<u32, StoreError> {
        let length = u32::try_from(sequences.len()).unwrap_or(u32::MAX);
        let durable = self.head.borrow().seq;
        match sequences.first() {
            Some(first) if self.archive.first() > 1 && *first <= durable && *scene == SceneId::of_the_journal() => {
                let mut scene_seq = 1;
                self.visit_records(*first, *first, &NoVault, &mut |record| {
                    scene_seq = record.scene_seq;
                    ControlFlow::Continue(())
                })?;
                Ok(length.saturating_add(scene_seq.saturating_sub(1)))
            }
            _ => Ok(length),
        }
    }

    pub(super) fn sequences(&self, scene: &SceneId) -> Result<Vec<u64>, StoreError> {
        if let Some(sequences) = self.live().get(scene) {
            let first = self.archive.first();
            return Ok(sequences.iter().copied().filter(|seq| *seq >= first).collect());
        }
        let candidates = self.streams.places(scene)?;
        if candidates.is_empty() {
            return Ok(candidates);
        }
        self.unless_removed(|_| self.of_scene(candidates.clone(), scene, self.head.borrow().seq))
    }

    /// Those of the places that are of the scene: the index tells of several together, where it cannot tell them apart.
    fn of_scene(&self, mut candidates: Vec<u64>, scene: &SceneId, last: u64) -> Result<Vec<u64>, StoreError> {
        let (mut outcome, mut is_of) = (Ok(()), false);
        let kept = self.archive.first()..=last;
        candidates.retain(|seq| {
            is_of = false;
            if kept.contains(seq) && outcome.is_ok() {
                outcome = self.visit_bodies(*seq, *seq, &mut |_, body| {
                    is_of = codec::scene_of(body) == Some(scene.as_str().as_bytes());
                    Ok(ControlFlow::Continue(()))
                });
            }
            is_of
        });
        outcome.map(|()| candidates)
    }

    pub(super) fn stream(&self, scene: &SceneId) -> Result<Vec<Recorded>, StoreError> {
        self.unless_removed(|_| {
            let sequences = self.sequences(scene)?;
            self.records(sequences.into_iter().map(|seq| (seq, scene)))
        })
    }

    /// The names of the live streams, those first that began first.
    pub(super) fn unretired_scenes(&self) -> Vec<SceneId> {
        let mut begun: Vec<(u64, SceneId)> =
            self.live().iter().filter_map(|(scene, sequences)| Some((*sequences.first()?, scene.clone()))).collect();
        begun.sort_unstable_by_key(|(seq, _)| *seq);
        begun.into_iter().map(|(_, scene)| scene).collect()
    }

    /// Several streams, each whole, in the order of the scenes.
    pub(super) fn streams(&self, scenes: &[SceneId]) -> Result<Vec<Vec<Recorded>>, StoreError> {
        self.unless_removed(|_| {
            let mut places = Vec::new();
            for scene in scenes {
                places.extend(self.sequences(scene)?.into_iter().map(|seq| (seq, scene)));
            }
            let mut streams = self.by_scene(places)?;
            Ok(scenes.iter().map(|scene| streams.remove(scene).unwrap_or_default()).collect())
        })
    }

    /// The live streams, each whole. Goes through the log once, however many they are.
    pub(super) fn unretired(&self) -> Result<Vec<Vec<Recorded>>, StoreError> {
        let live = self.live().clone();
        let places = live.iter().flat_map(|(scene, sequences)| sequences.iter().map(move |seq| (*seq, scene)));
        Ok(self.by_scene(places.collect())?.into_values().collect())
    }

    /// The records at these places, by their scenes.
    fn by_scene(&self, mut places: Vec<(u64, &SceneId)>) -> Result<HashMap<SceneId, Vec<Recorded>>, StoreError> {
        places.sort_unstable_by_key(|(seq, _)| *seq);
        let mut streams: HashMap<SceneId, Vec<Recorded>> = HashMap::new();
        for record in self.records(places)? {
            streams.entry(record.scene.clone()).or_default().push(record);
        }
        Ok(streams)
    }

    /// The records at these places, in ascending order; each must be of the scene that the index says.
    fn records<'a>(&self, places: impl IntoIterator<Item = (u64, &'a SceneId)>) -> Result<Vec<Recorded>, StoreError> {
        let mut records = Vec::new();
        let mut chunk: Vec<Recorded> = Vec::new();
        for (seq, scene) in places {
            if chunk.last().is_none_or(|last| last.seq < seq) {
                chunk = self.chunk_with(seq)?;
            }
            let found = chunk.iter().find(|record| record.seq == seq && record.scene == *scene);
            let record = found.ok_or_else(|| {
                StoreError::Damaged(format!("record {seq}: the index says that it is another scene's").into())
            })?;
            records.push(record.clone());
        }
        Ok(records)
    }
}

fn missing(seq: u64) -> StoreError {
    StoreError::Damaged(format!("record {seq}: it is missing").into())
}

/// Shows those records of a chunk that are wanted next, and moves `next` on: beyond all, where nothing more is wanted.
pub(super) fn visit_chunk(
    first_seq: u64,
    value: &[u8],
    next: &mut u64,
    last: u64,
    visit: &mut VisitBody<'_>,
) -> Result<ControlFlow<()>, StoreError> {
    let damaged = |what: String| StoreError::Damaged(what.into());
    for found in codec::Bodies::of(first_seq, value).map_err(damaged)? {
        let (seq, body) = found.map_err(damaged)?;
        if seq < *next {
            continue;
        }
        if *next > last || visit(seq, body)?.is_break() {
            *next = u64::MAX;
            return Ok(ControlFlow::Break(()));
        }
        *next += 1;
    }
    Ok(if *next > last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}

fn decode(first_seq: u64, value: &[u8], vault: &dyn Vault) -> Result<Vec<Recorded>, StoreError> {
    codec::decode_chunk(first_seq, value, vault).map_err(|what| StoreError::Damaged(what.into()))
}

pub(super) fn unreadable(error: MediumError) -> StoreError {
    StoreError::Unreadable(error)
}
