//! The state of the dashboard and its readers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};

use crate::clock::Clock;
use crate::domain::Recorded;
use crate::metrics::Reading;

use super::message::Message;
use super::minutes::Minutes;
use super::newest::Newest;
use super::readings::Readings;

/// Most readers at once.
const MOST_READERS: usize = 16;

/// How many messages a reader may be behind before it is dropped.
const MOST_BEHIND: usize = 32;

/// What a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Figures that name nobody and no session.
    Counters,
    /// Also which session it was.
    All,
}

/// There are as many readers as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MOST_READERS} windows show the dashboard already")]
pub struct Full;

/// What is known, and who is told.
pub(super) struct Board {
    state: Mutex<State>,
    news: broadcast::Sender<News>,
    readers: watch::Sender<usize>,
    clock: Clock,
}

/// One message, as each sort of reader gets it.
#[derive(Clone)]
struct News {
    counters: Arc<str>,
    all: Arc<str>,
}

impl News {
    fn seen(&self, sight: Sight) -> Arc<str> {
        match sight {
            Sight::Counters => self.counters.clone(),
            Sight::All => self.all.clone(),
        }
    }
}

struct State {
    minutes: Minutes,
    newest: Newest,
    readings: Readings,
    is_complete: bool,
    /// What has changed since it was told.
    changed: BTreeSet<i64>,
    /// Up to which sequence events were told.
    told: u64,
    /// The last sequence that was taken.
    last: u64,
}

impl Board {
    pub(super) fn new(clock: Clock) -> Self {
        let state = State {
            minutes: Minutes::new(),
            newest: Newest::default(),
            readings: Readings::default(),
            is_complete: false,
            changed: BTreeSet::new(),
            told: 0,
            last: 0,
        };
        let news = broadcast::Sender::new(MOST_BEHIND);
        Self { state: Mutex::new(state), news, readers: watch::Sender::new(0), clock }
    }

    pub(super) fn watch(board: &Arc<Self>, sight: Sight) -> Result<Watching, Full> {
        let has_place = board.readers.send_if_modified(|readers| {
            let has_place = *readers < MOST_READERS;
            *readers += usize::from(has_place);
            has_place
        });
        if !has_place {
            return Err(Full);
        }
        let place = Place(board.clone());
        // Under the lock, so that nothing comes between the snapshot and what follows it.
        let state = board.state();
        let (first, news) = (board.snapshot(&state, sight), board.news.subscribe());
        Ok(Watching { sight, first: Some(first), news, _place: place })
    }

    /// How many readers there are.
    pub(super) fn readers(&self) -> watch::Receiver<usize> {
        self.readers.subscribe()
    }

    /// The journal goes on with these.
    pub(super) fn take(&self, events: &[Recorded]) {
        let now = self.clock.now();
        let mut state = self.state();
        let State { minutes, newest, changed, last, .. } = &mut *state;
        for recorded in events {
            changed.extend(minutes.take(recorded, now));
            newest.take(recorded);
            *last = recorded.seq;
        }
    }

    /// What was measured just now.
    pub(super) fn measured(&self, reading: &Reading) {
        let mut state = self.state();
        state.readings.take(reading, self.clock.now());
        if self.news.receiver_count() > 0 {
            let readings = state.readings.last().into_iter().collect();
            let message = Message { readings, ..self.nothing(&state) };
            let text = message.text();
            self.send(News { counters: text.clone(), all: text });
        }
    }

    /// Says whether the last hour is read to its end, and tells what was taken since this was called last.
    pub(super) fn tell(&self, is_complete: bool) {
        let mut state = self.state();
        let changed = std::mem::take(&mut state.changed);
        let was_complete = std::mem::replace(&mut state.is_complete, is_complete);
        let (told, last) = (state.told, state.last);
        state.told = last;
        if (changed.is_empty() && told == last && was_complete == is_complete) || self.news.receiver_count() == 0 {
            return;
        }
        let lines = || changed.iter().filter_map(|number| state.minutes.line(*number)).collect();
        let counters = Message { minutes: lines(), ..self.nothing(&state) };
        let all = Message { minutes: lines(), events: Some(state.newest.behind(told)), ..self.nothing(&state) };
        self.send(News { counters: counters.text(), all: all.text() });
    }

    fn send(&self, news: News) {
        // Where nobody listens any more, nobody is told.
        let _ = self.news.send(news);
    }

    fn snapshot(&self, state: &State, sight: Sight) -> Arc<str> {
        let message = Message {
            minutes: state.minutes.last_hour(self.clock.now()),
            readings: state.readings.all().collect(),
            events: (sight == Sight::All).then(|| state.newest.behind(0)),
            ..self.nothing(state)
        };
        message.text()
    }

    fn nothing(&self, state: &State) -> Message<'static> {
        let now = self.clock.now().as_micros() / 1000;
        Message { now, is_complete: state.is_complete, minutes: Vec::new(), readings: Vec::new(), events: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader's place, for as long as it is kept.
struct Place(Arc<Board>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.readers.send_modify(|readers| *readers -= 1);
    }
}

/// One reader.
pub struct Watching {
    sight: Sight,
    first: Option<Arc<str>>,
    news: broadcast::Receiver<News>,
    _place: Place,
}

impl Watching {
    /// The next message as JSON: first what is known, then what comes. `None` where this reader is too far behind.
    pub async fn next(&mut self) -> Option<Arc<str>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        self.news.recv().await.ok().map(|news| news.seen(self.sight))
    }
}
