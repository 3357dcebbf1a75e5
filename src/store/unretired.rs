//! The streams to which something may still happen, found by reading the log in its order.

use std::collections::HashMap;

use crate::domain::{Recorded, SceneId, State, Timestamp, evolve};

/// In memory are only those that are not over.
#[derive(Default)]
pub(super) struct Unretired {
    streams: HashMap<SceneId, Stream>,
}

/// A stream, as far as it was read.
#[derive(Default)]
struct Stream {
    sequences: Vec<u64>,
    /// How many records it had before the log's beginning.
    cut_off: u64,
    /// Whether all of it was read, or some places are all that is known.
    is_whole: bool,
    state: State,
}

impl Unretired {
    /// Takes the next record. Where its stream is not known, `earlier` tells the places of its records before. Gives how many
    /// records the stream has now, by what was read.
    pub(super) fn take<E>(
        &mut self,
        record: &Recorded,
        first: u64,
        earlier: impl FnOnce() -> Result<Vec<u64>, E>,
    ) -> Result<u64, E> {
        let stream = match self.streams.get_mut(&record.scene) {
            Some(stream) => stream,
            None => {
                // Of what was over only the places are known any more: whoever starts looks at all of it.
                let sequences = earlier()?;
                let before = u64::from(record.scene_seq).saturating_sub(1 + sequences.len() as u64);
                let cut_off = if first > 1 { before } else { 0 };
                let is_whole = sequences.is_empty() && cut_off == 0;
                let stream = Stream { sequences, cut_off, is_whole, state: State::Absent };
                self.streams.entry(record.scene.clone()).or_insert(stream)
            }
        };
        stream.sequences.push(record.seq);
        stream.state = evolve(std::mem::take(&mut stream.state), &record.event);
        Ok(stream.cut_off + stream.sequences.len() as u64)
    }

    /// Leaves out what is over at `now`.
    pub(super) fn retire(&mut self, now: Timestamp) {
        let own = SceneId::of_the_journal();
        self.streams.retain(|scene, stream| match stream.state.session() {
            Some(session) => session.retires_at().is_none_or(|retires_at| retires_at > now),
            // No session goes on that has lost its beginning, and nothing is awaited of who follows an account.
            None => *scene == own || stream.cut_off == 0 && !stream.is_whole,
        });
    }

    /// How many records the stream has, by what was read; 0 where it is not known.
    pub(super) fn length(&self, scene: &SceneId) -> u64 {
        self.streams.get(scene).map_or(0, |stream| stream.cut_off + stream.sequences.len() as u64)
    }

    /// The first place of all.
    pub(super) fn first(&self) -> Option<u64> {
        self.streams.values().filter_map(|stream| stream.sequences.first().copied()).min()
    }

    /// The places of each stream.
    pub(super) fn into_places(self) -> HashMap<SceneId, Vec<u64>> {
        self.streams.into_iter().map(|(scene, stream)| (scene, stream.sequences)).collect()
    }
}
