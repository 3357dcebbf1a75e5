//! What waits for the writer, in two lines: what goes on is written before what begins, so that where the disk does not keep
//! up, the logins under way are not behind those that have only just come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::domain::{Event, SceneId, Timestamp};
use crate::store::{Append, StoreError};

/// Appends that may wait in each line; more wait in front of it.
const LINE: usize = 1024;

pub(super) type Reply = oneshot::Sender<Result<Append, StoreError>>;

/// What the writer takes.
pub(super) enum Request {
    /// An append to a stream that goes on.
    Append(AppendRequest),
    /// There is an append to a new stream, or there are streams to retire, or archived chunks to remove.
    Wake,
    /// Answered behind every append that was asked for before.
    Settle(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

pub(super) struct AppendRequest {
    pub(super) scene: SceneId,
    pub(super) expected: u32,
    pub(super) at: Timestamp,
    pub(super) events: Vec<Event>,
    pub(super) asked: Instant,
    pub(super) reply: Reply,
    /// Counts it until the writer has taken it, or nobody waits for it any more.
    pub(super) _waits: Waits,
}

impl AppendRequest {
    /// No stream begins but with its session; what is of no session has an event of another kind.
    fn begins_a_session(&self) -> bool {
        matches!(self.events.first(), Some(Event::Created(_)))
    }
}

/// One of those that wait.
pub(super) struct Waits(Arc<AtomicUsize>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where to ask the writer.
#[derive(Clone)]
pub(super) struct Queue {
    going_on: mpsc::Sender<Request>,
    beginning: mpsc::Sender<AppendRequest>,
    waiting: Arc<AtomicUsize>,
}

/// The writer's end of it.
pub(super) struct Lines {
    going_on: mpsc::Receiver<Request>,
    beginning: mpsc::Receiver<AppendRequest>,
}

/// What the writer has taken at once.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) appends: Vec<AppendRequest>,
    pub(super) settling: Vec<oneshot::Sender<()>>,
    pub(super) closing: Vec<oneshot::Sender<()>>,
    is_woken: bool,
}

impl Queue {
    pub(super) fn new() -> (Self, Lines) {
        let (going_on, going_on_line) = mpsc::channel(LINE);
        let (beginning, beginning_line) = mpsc::channel(LINE);
        let queue = Self { going_on, beginning, waiting: Arc::default() };
        (queue, Lines { going_on: going_on_line, beginning: beginning_line })
    }

    /// Appends that wait, those in front of a full line among them.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A place among those that wait.
    pub(super) fn wait(&self) -> Waits {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waits(self.waiting.clone())
    }

    pub(super) async fn append(self, append: AppendRequest) -> Result<(), StoreError> {
        if !append.begins_a_session() {
            return self.ask(Request::Append(append)).await;
        }
        self.beginning.send(append).await.map_err(|_| StoreError::Closed)?;
        self.wake();
        Ok(())
    }

    pub(super) async fn ask(&self, request: Request) -> Result<(), StoreError> {
        self.going_on.send(request).await.map_err(|_| StoreError::Closed)
    }

    /// Has the writer look around.
    pub(super) fn wake(&self) {
        // Where the line is full the writer is at work, and looks before it waits again.
        let _ = self.going_on.try_send(Request::Wake);
    }

    /// For who must not keep the writer at work.
    pub(super) fn waker(&self) -> mpsc::WeakSender<Request> {
        self.going_on.downgrade()
    }
}

impl Lines {
    /// Takes what is there, up to `most` appends; those that begin a session only where there is room behind the others.
    pub(super) fn take(&mut self, batch: &mut Batch, most: usize) {
        batch.is_woken = false;
        for _ in 0..LINE {
            if batch.appends.len() >= most {
                return;
            }
            match self.going_on.try_recv() {
                Ok(request) => batch.put(request),
                Err(_) => break,
            }
        }
        self.take_beginning(batch, most);
    }

    /// Takes new sessions alone.
    pub(super) fn take_beginning(&mut self, batch: &mut Batch, most: usize) {
        while batch.appends.len() < most
            && let Ok(append) = self.beginning.try_recv()
        {
            batch.appends.push(append);
        }
    }

    /// New sessions that wait in their line.
    pub(super) fn beginning(&self) -> usize {
        self.beginning.len()
    }

    /// Waits until there is something, and takes what has come. `false` where nothing can come any more.
    ///
    /// Who else waits for this processor goes first: on a machine that has no other to give them, those that are about to
    /// append do so, and share a sync, in place of being held up by the sync of one. Where nobody waits for the processor
    /// nothing is waited for (sched_yield(2); docs/adr/0031).
    pub(super) fn wait(&mut self, batch: &mut Batch, most: usize) -> bool {
        match self.going_on.blocking_recv() {
            Some(request) => batch.put(request),
            // Who could have added to either line is gone.
            None if self.beginning.is_empty() => return false,
            None => {}
        }
        std::thread::yield_now();
        self.take(batch, most);
        true
    }

    /// Takes nothing more.
    pub(super) fn close(&mut self) {
        self.going_on.close();
        self.beginning.close();
    }
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.appends.is_empty() && self.settling.is_empty() && self.closing.is_empty() && !self.is_woken
    }

    /// Whether somebody waits for all that was asked for before.
    pub(super) fn ends_something(&self) -> bool {
        !self.settling.is_empty() || !self.closing.is_empty()
    }

    fn put(&mut self, request: Request) {
        match request {
            Request::Append(append) => self.appends.push(append),
            Request::Wake => self.is_woken = true,
            Request::Settle(done) => self.settling.push(done),
            Request::Close(done) => self.closing.push(done),
        }
    }
}
