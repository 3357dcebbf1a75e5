//! The place that a connection holds, and how it changes hands when places are scarce.
//!
//! WeChat's pushes and the websites' back ends come in by the same listener as all browsers, so the places of HTTP must not be
//! held by who only waits. A browser that waits for its login takes one of the sockets' places instead. And while somebody
//! waits to be let in, one connection for each leaves: the next one that is answered is told that it was the last answer, or
//! one over which nothing has moved for half a second is closed, however much of a request has come until then.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

use super::client_address::ClientAddress;
use super::observed::Signs;
use super::sockets::{NoSocket, SocketPlace, Sockets, Who};

/// Who has been let in, was answered, or has begun to ask, less than so long ago may be about to: requests follow their
/// connections, and the end of one its beginning.
pub(super) const FIRST_WORD: Duration = Duration::from_millis(500);

/// While nobody leaves, the next one is asked to after so long.
const ASK_NEXT: Duration = Duration::from_millis(20);

/// Whether somebody waits to be let in.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Asks those who do not need their places, in the order in which they ceased to.
    asks: Notify,
    /// Before those, whoever was asked and stayed, since somebody else had left.
    asks_again: Notify,
    stayed: AtomicUsize,
    /// There is somebody, and nobody leaves for them yet.
    is_open: AtomicBool,
}

impl Wanted {
    fn ask(&self) {
        self.is_open.store(true, Ordering::Relaxed);
        if self.stayed.load(Ordering::Relaxed) > 0 { self.asks_again.notify_one() } else { self.asks.notify_one() }
    }

    fn stays(&self) -> Stayed<'_> {
        self.stayed.fetch_add(1, Ordering::Relaxed);
        Stayed(self)
    }

    /// Whether who asks this is the one to leave: for each who waits, one does.
    fn claim(&self) -> bool {
        self.is_open.load(Ordering::Relaxed) && self.is_open.swap(false, Ordering::Relaxed)
    }
}

/// Somebody who was asked and stayed, until this is dropped.
struct Stayed<'a>(&'a Wanted);

impl Drop for Stayed<'_> {
    fn drop(&mut self) {
        self.0.stayed.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who was asked to leave.
struct Leaving<'a> {
    when: Pin<Box<Sleep>>,
    stayed: Option<Stayed<'a>>,
}

impl Leaving<'_> {
    /// Waits until they have been `heard_out`, which may be later than it was.
    fn once(&mut self, heard_out: Instant, context: &mut Context<'_>) -> Poll<()> {
        if self.when.deadline() < heard_out {
            self.when.as_mut().reset(heard_out);
        }
        self.when.as_mut().poll(context)
    }
}

/// A place among `places`. While there is none, one for which there is no need is `wanted`.
pub(super) async fn take(places: &Arc<Semaphore>, wanted: &Wanted) -> Result<OwnedSemaphorePermit, AcquireError> {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Ok(place);
    }
    let mut place = pin!(places.clone().acquire_owned());
    loop {
        wanted.ask();
        if let Ok(place) = tokio::time::timeout(ASK_NEXT, place.as_mut()).await {
            wanted.is_open.store(false, Ordering::Relaxed);
            return place;
        }
    }
}

/// The place of one connection, for as long as it lasts. The server puts it into every request's extensions.
#[derive(Clone, Debug)]
pub(super) struct ConnectionPlace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    held: Mutex<Held>,
    /// Somebody waits to be let in.
    wanted: Arc<Wanted>,
    signs: Arc<Signs>,
    /// Not all of the request has come: nobody works on it.
    lacks_body: AtomicBool,
}

#[derive(Debug)]
struct Held {
    place: Place,
    need: Need,
}

/// Dropped when the connection ends.
#[derive(Debug)]
enum Place {
    OfHttp {
        _permit: OwnedSemaphorePermit,
    },
    /// Nobody waits for it.
    OfSockets(SocketPlace),
}

/// What a connection does with its place.
#[derive(Clone, Copy, Debug)]
enum Need {
    /// No request has come; since when nothing has moved. A part of one may have begun to come.
    Idle { since: Instant, has_begun: bool },
    /// A request has come, or its head: see [`Inner::lacks_body`].
    Asked { since: Instant },
}

/// Something is asked, until this is dropped.
pub(super) struct Busy(ConnectionPlace);

impl Busy {
    /// Whether the answer is the connection's last one: somebody waits to be let in. The peer is told so, and loses no request.
    pub(super) fn is_last(&self) -> bool {
        let wanted = &self.0.0.wanted;
        wanted.is_open.load(Ordering::Relaxed) && matches!(self.0.held().place, Place::OfHttp { .. }) && wanted.claim()
    }

    /// The answer has no end that is known: it is worked on until the connection ends, or asks for something else.
    pub(super) fn goes_on(self) {
        let place = self.0.clone();
        drop(self);
        place.held().need = Need::Asked { since: Instant::now() };
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // What has come belongs to what was asked.
        self.0.0.signs.has_come();
        self.0.held().need = Need::idle();
    }
}

impl Need {
    fn idle() -> Self {
        Self::Idle { since: Instant::now(), has_begun: false }
    }
}

impl ConnectionPlace {
    pub(super) fn new(permit: OwnedSemaphorePermit, wanted: &Arc<Wanted>) -> Self {
        let held = Mutex::new(Held { place: Place::OfHttp { _permit: permit }, need: Need::idle() });
        let (wanted, lacks_body) = (wanted.clone(), AtomicBool::new(false));
        Self(Arc::new(Inner { held, wanted, signs: Arc::default(), lacks_body }))
    }

    /// What is seen of the connection.
    pub(super) fn signs(&self) -> Arc<Signs> {
        self.0.signs.clone()
    }

    /// What has come was no request yet, but what goes before: the next word is awaited anew.
    pub(super) fn is_idle_again(&self) {
        drop(Busy(self.clone()));
    }

    /// A request has come `now`, or its head.
    pub(super) fn is_asked(&self, now: Instant) -> Busy {
        self.held().need = Need::Asked { since: now };
        Busy(self.clone())
    }

    /// Whether some of the request's body has still to come.
    pub(super) fn lacks_body(&self, lacks_it: bool) {
        self.0.lacks_body.store(lacks_it, Ordering::Relaxed);
    }

    /// The browser of this address is about to wait: its connection is one of the `sockets` from now on. It stays so, since
    /// who has waited once will wait again.
    ///
    /// # Errors
    /// There is none for it: nobody waits in the place of somebody's request.
    pub(super) fn wait_among(&self, sockets: &Arc<Sockets>, address: ClientAddress, who: Who) -> Result<(), NoSocket> {
        let mut held = self.held();
        if let Place::OfSockets(place) = &mut held.place {
            return place.pass_to(address, who);
        }
        held.place = Place::OfSockets(sockets.take(address, who)?);
        Ok(())
    }

    /// Drives the `connection` until it ends, or until its place is wanted and it does not need it.
    pub(super) async fn until_unneeded<C: Future>(&self, mut connection: Pin<&mut C>) -> Option<C::Output> {
        let mut asked = pin!(None::<Notified<'_>>);
        // In a box, because every connection would keep room for it.
        let mut leaving: Option<Box<Leaving<'_>>> = None;
        poll_fn(|context| {
            loop {
                let ended = connection.as_mut().poll(context).map(Some);
                let since = if ended.is_ready() { None } else { self.unneeded_since() };
                let Some(since) = since else {
                    asked.set(None);
                    if leaving.take().is_some() {
                        self.0.signs.watch(false);
                    }
                    return ended;
                };
                let (wanted, heard_out) = (&*self.0.wanted, since + FIRST_WORD);
                if let Some(leaving) = &mut leaving {
                    ready!(leaving.once(heard_out, context));
                    if wanted.claim() {
                        return Poll::Ready(None);
                    }
                    // Somebody else has left.
                    leaving.stayed.get_or_insert_with(|| wanted.stays());
                }
                if asked.is_none() {
                    let asks = if leaving.is_some() { &wanted.asks_again } else { &wanted.asks };
                    asked.set(Some(asks.notified()));
                }
                if let Some(asked) = asked.as_mut().as_pin_mut() {
                    ready!(asked.poll(context));
                }
                asked.set(None);
                match &mut leaving {
                    Some(leaving) => leaving.stayed = None,
                    None => {
                        // From now on it is looked what has come before it leaves.
                        self.0.signs.watch(true);
                        leaving = Some(Box::new(Leaving { when: Box::pin(sleep_until(heard_out)), stayed: None }));
                    }
                }
            }
        })
        .await
    }

    /// Since when nothing has moved that would need the place; `None` where something needs it.
    fn unneeded_since(&self) -> Option<Instant> {
        let mut held = self.held();
        if let Place::OfSockets(_) = held.place {
            return None;
        }
        match &mut held.need {
            Need::Idle { since, has_begun } => {
                let begins = !*has_begun && self.0.signs.has_come();
                if begins || self.0.signs.has_left() {
                    *has_begun |= begins;
                    *since = Instant::now();
                }
                Some(*since)
            }
            Need::Asked { since } => self.0.lacks_body.load(Ordering::Relaxed).then_some(*since),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::super::observed::Observed;
    use super::*;

    const SOMEBODY: ClientAddress = ClientAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    async fn connected(places: &Arc<Semaphore>, wanted: &Arc<Wanted>) -> ConnectionPlace {
        ConnectionPlace::new(places.clone().acquire_owned().await.unwrap(), wanted)
    }

    /// Lets the connection last until it is to leave.
    fn lasts(place: &ConnectionPlace) -> tokio::task::JoinHandle<bool> {
        let place = place.clone();
        tokio::spawn(async move {
            let connection = pin!(std::future::pending::<()>());
            place.until_unneeded(connection).await.is_none()
        })
    }

    fn places(many: usize) -> (Arc<Semaphore>, Arc<Wanted>) {
        (Arc::new(Semaphore::new(many)), Arc::default())
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_idle_the_longest_leaves_when_somebody_waits_to_be_let_in() {
        let (places, wanted) = places(3);
        let (first, second) = (connected(&places, &wanted).await, connected(&places, &wanted).await);
        let busy = connected(&places, &wanted).await;
        let _asked = busy.is_asked(Instant::now());
        let [first, second, busy] = [first, second, busy].map(|place| lasts(&place));
        tokio::time::sleep(FIRST_WORD).await;
        drop(take(&places, &wanted).await.unwrap());
        assert!(first.await.unwrap(), "the first leaves");
        assert!(!second.is_finished() && !busy.is_finished(), "and nobody else");
    }

    #[tokio::test(start_paused = true)]
    async fn for_each_who_waits_one_leaves() {
        let (places, wanted) = places(30);
        let mut lasting = Vec::new();
        for _ in 0..30 {
            let place = connected(&places, &wanted).await;
            lasting.push(lasts(&place));
        }
        // Half a second passes, and one after the other is asked to leave meanwhile.
        let came = take(&places, &wanted).await.unwrap();
        tokio::time::sleep(FIRST_WORD * 4).await;
        assert_eq!(lasting.iter().filter(|lasts| lasts.is_finished()).count(), 1);
        let next = take(&places, &wanted).await.unwrap();
        tokio::time::sleep(FIRST_WORD * 4).await;
        let gone: Vec<_> = lasting.iter().map(|lasts| lasts.is_finished()).collect();
        assert_eq!(gone.iter().filter(|gone| **gone).count(), 2);
        assert!(gone[0] && gone[1], "those who were idle the longest");
        drop((came, next));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_only_just_come_is_heard_first() {
        let (places, wanted) = places(1);
        let place = connected(&places, &wanted).await;
        let (began, lasting) = (Instant::now(), lasts(&place));
        drop(place);
        drop(take(&places, &wanted).await.unwrap());
        assert!(lasting.await.unwrap());
        assert_eq!(began.elapsed().as_millis() / 10, FIRST_WORD.as_millis() / 10);
    }

    /// What becomes of a connection that was idle for long, of which `said` comes just before it would leave, while the runtime
    /// is busy with other things: whether it stays.
    async fn stays_where_comes(said: &[u8]) -> bool {
        let (places, wanted) = places(1);
        let place = connected(&places, &wanted).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut observed = Observed::new(listener.accept().await.unwrap().0, place.signs());
        let connection = pin!(async {
            while observed.read_u8().await.unwrap() != b'!' {}
            let _busy = place.is_asked(Instant::now());
            std::future::pending::<()>().await;
        });
        let mut lasting = pin!(place.until_unneeded(connection));
        assert!(futures_util::poll!(lasting.as_mut()).is_pending());
        tokio::time::advance(FIRST_WORD * 2).await;
        peer.write_all(said).unwrap();
        wanted.ask();
        futures_util::poll!(lasting).is_pending()
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_come_meanwhile_is_seen_before_anybody_leaves() {
        assert!(stays_where_comes(b"ask!").await, "a request");
        assert!(stays_where_comes(b"a").await, "the beginning of one");
        assert!(!stays_where_comes(b"").await);
    }

    #[tokio::test(start_paused = true)]
    async fn whose_body_does_not_come_is_not_worked_on_and_leaves() {
        let (places, wanted) = places(2);
        let (withholds, busy) = (connected(&places, &wanted).await, connected(&places, &wanted).await);
        let _asked = [withholds.is_asked(Instant::now()), busy.is_asked(Instant::now())];
        for place in [&withholds, &busy] {
            place.lacks_body(true);
        }
        busy.lacks_body(false);
        let [withholds, busy] = [withholds, busy].map(|place| lasts(&place));
        tokio::time::sleep(FIRST_WORD * 2).await;
        let waits = tokio::spawn(async move { take(&places, &wanted).await.unwrap() });
        assert!(withholds.await.unwrap());
        assert!(!busy.is_finished());
        waits.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn while_somebody_waits_the_next_answer_is_the_last_one_of_its_connection() {
        let (places, wanted) = places(2);
        let sockets = Sockets::new(1);
        let (waits, asks) = (connected(&places, &wanted).await, connected(&places, &wanted).await);
        assert!(!asks.is_asked(Instant::now()).is_last(), "nobody waits");
        let _other = {
            waits.wait_among(&sockets, SOMEBODY, Who::MayAsk).unwrap();
            connected(&places, &wanted).await
        };
        let mut coming = pin!(take(&places, &wanted));
        assert!(futures_util::poll!(coming.as_mut()).is_pending());
        assert!(!waits.is_asked(Instant::now()).is_last(), "its place is no use");
        assert!(asks.is_asked(Instant::now()).is_last());
        assert!(!asks.is_asked(Instant::now()).is_last(), "one leaves already");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_without_an_end_is_worked_on_and_its_place_comes_back_in_the_end() {
        let (places, wanted) = places(1);
        let place = connected(&places, &wanted).await;
        place.is_asked(Instant::now()).goes_on();
        let lasting = lasts(&place);
        drop(place);
        let coming = tokio::spawn({
            let places = places.clone();
            async move { drop(take(&places, &wanted).await.unwrap()) }
        });
        tokio::time::sleep(FIRST_WORD * 4).await;
        assert!(!lasting.is_finished());
        lasting.abort();
        coming.await.unwrap();
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_holds_one_of_the_sockets_and_does_not_leave() {
        let (places, wanted) = places(2);
        let sockets = Sockets::new(1);
        let waits = connected(&places, &wanted).await;
        waits.wait_among(&sockets, SOMEBODY, Who::MayAsk).unwrap();
        assert_eq!((places.available_permits(), sockets.are_short()), (2, true), "in the other's place");
        waits.wait_among(&sockets, SOMEBODY, Who::MayAsk).expect("it has one already");
        let other = connected(&places, &wanted).await;
        other.wait_among(&sockets, SOMEBODY, Who::MayAsk).unwrap_err();
        assert_eq!(places.available_permits(), 1, "it has what it had");
        let lasting = lasts(&waits);
        wanted.ask();
        tokio::time::sleep(FIRST_WORD * 2).await;
        assert!(!lasting.is_finished());
    }
}
