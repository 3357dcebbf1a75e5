mod archiver;
mod front;
mod keys;
mod pace;
mod queue;
mod reader;
mod times;
mod writer;

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::domain::{AccountName, Event, OpenId, PersonHandle, Recorded, SceneId, Timestamp};
use crate::vault::{NoVault, Vault};

use super::medium::Medium;
use super::observer::Observer;
use super::old::Old;
use super::{Append, Beginning, EventStore, Head, RawRecord, StoreError};
use archiver::Archiver;
use keys::KeySync;
use queue::{AppendRequest, Queue, Request};
use reader::Shared;
use writer::{GROUP, Writer};

pub use front::OldFile;

/// An [`EventStore`] on one machine, over a medium of chunks.
///
/// One thread writes. It takes what has come, writes it, syncs once and acknowledges all: a lone append waits for
/// nobody, a burst shares its syncs, and what goes on comes before what begins. Reads go beside it, and so does a second
/// thread, which archives what is old.
pub struct Journal {
    shared: Arc<Shared>,
    queue: Queue,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Journal {
    /// Finds the end of the log and the unretired streams, and starts the writer.
    pub(super) fn start(medium: impl Medium, old: Old, vault: Arc<dyn Vault>) -> Result<Self, StoreError> {
        let shared = Shared::new(medium, old, vault);
        shared.recover()?;
        let shared = Arc::new(shared);
        let (queue, lines) = Queue::new();
        let (wake, woken) = std::sync::mpsc::sync_channel(1);
        let mut threads = Vec::new();
        if let Some(archiver) = Archiver::new(shared.clone(), queue.waker()) {
            threads.push(spawn("archive", move || archiver.run(&woken))?);
        }
        let (keys, key_thread) = KeySync::new(shared.vault.clone());
        threads.push(spawn("keys", move || key_thread.run())?);
        let thread = Writer::new(shared.clone(), lines, wake, keys);
        threads.push(spawn("journal", move || thread.run())?);
        Ok(Self { shared, queue, threads: Arc::new(Mutex::new(threads)) })
    }

    /// How far the log lies in the archive alone, and sled has let go of it. Changes wake whoever waits on the receiver.
    pub fn archived(&self) -> watch::Receiver<u64> {
        self.shared.archived.subscribe()
    }

    /// Has `observer` hear what happens from now on; the first that is named stays.
    pub fn observed_by(&self, observer: Arc<dyn Observer>) {
        // A second one is the caller's mistake, and does no harm.
        let _ = self.shared.observer.set(observer);
    }

    /// How many appends wait for the writer.
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// The keys that what identifies a person is sealed under.
    pub fn vault(&self) -> Arc<dyn Vault> {
        self.shared.vault.clone()
    }

    fn read_blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        read_on_a_thread(self.shared.clone(), Box::new(read))
    }
}

type Read<T> = Box<dyn FnOnce(&Shared) -> Result<T, StoreError> + Send>;

/// Compiled once for what is read, and not for each way to read it.
fn read_on_a_thread<T: Send + 'static>(
    shared: Arc<Shared>,
    read: Read<T>,
) -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(async move {
        match tokio::task::spawn_blocking(move || read(&shared)).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Unreadable("reading it panicked".into())),
        }
    })
}

impl EventStore for Journal {
    fn append(
        &self,
        scene: &SceneId,
        expected: u32,
        at: Timestamp,
        events: Vec<Event>,
    ) -> BoxFuture<'static, Result<Append, StoreError>> {
        let (reply, answer) = oneshot::channel();
        let (asked, _waits) = (Instant::now(), self.queue.wait());
        let request = AppendRequest { scene: scene.clone(), expected, at, events, asked, reply, _waits };
        let queue = self.queue.clone();
        Box::pin(async move {
            queue.append(request).await?;
            answer.await.unwrap_or(Err(StoreError::Closed))
        })
    }

    fn backlog(&self) -> Duration {
        let groups = u32::try_from(self.queue.waiting().div_ceil(GROUP)).unwrap_or(u32::MAX);
        self.shared.pace.backlog(groups, Instant::now())
    }

    fn stream(&self, scene: &SceneId) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>> {
        let scene = scene.clone();
        self.read_blocking(move |shared| shared.stream(&scene))
    }

    fn read(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>> {
        self.read_blocking(move |shared| shared.read(from, limit, &*shared.vault))
    }

    fn read_sealed(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<Recorded>, StoreError>> {
        self.read_blocking(move |shared| shared.read(from, limit, &NoVault))
    }

    fn read_raw(&self, from: u64, limit: usize) -> BoxFuture<'static, Result<Vec<RawRecord>, StoreError>> {
        self.read_blocking(move |shared| shared.read_raw(from, limit))
    }

    fn between(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> BoxFuture<'static, Result<RangeInclusive<u64>, StoreError>> {
        self.read_blocking(move |shared| shared.between(since, until))
    }

    fn beginning(&self) -> Beginning {
        self.shared.archive.beginning()
    }

    fn person(&self, account: &AccountName, openid: &OpenId) -> PersonHandle {
        self.shared.vault.person(account, openid)
    }

    fn unretired(&self) -> BoxFuture<'static, Result<Vec<Vec<Recorded>>, StoreError>> {
        self.read_blocking(|shared| {
            let streams = shared.unretired()?;
            shared.tell(|observer| streams.iter().for_each(|stream| observer.found(stream)));
            Ok(streams)
        })
    }

    fn unretired_scenes(&self) -> BoxFuture<'static, Result<Vec<SceneId>, StoreError>> {
        self.read_blocking(|shared| Ok(shared.unretired_scenes()))
    }

    fn streams(&self, scenes: Vec<SceneId>) -> BoxFuture<'static, Result<Vec<Vec<Recorded>>, StoreError>> {
        self.read_blocking(move |shared| shared.streams(&scenes))
    }

    fn indexed(&self, scenes: Vec<SceneId>) -> BoxFuture<'static, Result<Vec<Vec<u64>>, StoreError>> {
        self.read_blocking(move |shared| scenes.iter().map(|scene| shared.sequences(scene)).collect())
    }

    fn retire(&self, scene: &SceneId) {
        self.shared.tell(|observer| observer.retired(scene));
        self.shared.retiring.lock().unwrap_or_else(PoisonError::into_inner).push(scene.clone());
        self.queue.wake();
    }

    fn head(&self) -> watch::Receiver<Head> {
        self.shared.head.subscribe()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let (done, closed) = oneshot::channel();
        let queue = self.queue.clone();
        let threads = self.threads.clone();
        Box::pin(async move {
            if queue.ask(Request::Close(done)).await.is_ok() {
                let _ = closed.await;
            }
            let threads = std::mem::take(&mut *threads.lock().unwrap_or_else(PoisonError::into_inner));
            let join = move || threads.into_iter().for_each(|thread| drop(thread.join()));
            let _ = tokio::task::spawn_blocking(join).await;
        })
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(work);
    thread.map_err(|error| StoreError::Failed(error.to_string().into()))
}
