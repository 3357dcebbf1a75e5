//! Tells one website what the journal says, from where it was told last.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::cursor::Cursor;
use super::gone::Gone;
use super::message::{Line, Message};
use super::post::{Post, Settled};
use crate::actors::{Follow, History, StoreError};
use crate::domain::{AccountName, ClientId, EventKind, Recorded};

/// Messages of one website that wait or are tried at once. What is behind them waits in the journal.
const UNSETTLED: usize = 1024;

/// How often the cursor is written where something was settled.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// Records that are none of the website's after which the cursor is written all the same, so that a start has little to read.
const NOTED_AFTER: u64 = 4096;

/// Wait before the journal is read again that could not be.
const RETRY: Duration = Duration::from_secs(1);

/// One website's.
pub(super) struct Courier {
    client: ClientId,
    history: History,
    cursor: Cursor,
    gone: Gone,
    post: Post,
    /// The account whose followers it is told of.
    followers_of: Option<AccountName>,
    /// Read from the journal and not looked at yet.
    read: VecDeque<Recorded>,
    /// Up to where it was looked at.
    seen: u64,
    /// The sequences whose messages are not settled.
    unsettled: BTreeSet<u64>,
    /// Messages behind the one of their session or person that is under way.
    behind: HashMap<Line, VecDeque<Message>>,
    under_way: JoinSet<(Settled, u64, Line)>,
    is_to_note: bool,
}

impl Courier {
    pub(super) fn new(
        client: ClientId,
        history: History,
        (cursor, gone): (Cursor, Gone),
        post: Post,
        followers_of: Option<AccountName>,
    ) -> Self {
        Self {
            client,
            history,
            seen: cursor.seq(),
            cursor,
            gone,
            post,
            followers_of,
            read: VecDeque::new(),
            unsettled: BTreeSet::new(),
            behind: HashMap::new(),
            under_way: JoinSet::new(),
            is_to_note: false,
        }
    }

    /// Runs until the daemon stops, or the website wants no more.
    pub(super) async fn run(mut self, stopping: CancellationToken) {
        let mut follow = self.history.follow(self.seen + 1);
        let mut ticks = interval(NOTED_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let has_room = self.unsettled.len() < UNSETTLED;
            if has_room && let Some(recorded) = self.read.pop_front() {
                if let Err(error) = self.look_at(&recorded).await {
                    self.read.push_front(recorded);
                    wait_for_journal(&error, &stopping).await;
                }
                if stopping.is_cancelled() {
                    break;
                }
                continue;
            }
            let reads_on = has_room && self.read.is_empty();
            tokio::select! {
                () = stopping.cancelled() => break,
                Some(settled) = self.under_way.join_next() => match settled {
                    Ok((Settled::Gone, ..)) => return self.end().await,
                    Ok((Settled::Done, seq, line)) => self.settle(seq, &line),
                    Err(panicked) => return tracing::error!(client = %self.client, %panicked, "webhooks stop"),
                },
                batch = follow.next(), if reads_on => match batch {
                    Ok(batch) => self.read.extend(batch),
                    Err(StoreError::Closed) => break,
                    Err(error) => {
                        wait_for_journal(&error, &stopping).await;
                        follow = self.follow_again();
                    }
                },
                _ = ticks.tick() => self.note().await,
            }
            self.post.metrics().waiting(self.unsettled.len());
        }
        self.is_to_note = true;
        self.note().await;
        // Where the website is told no more, nothing waits; else whoever comes next counts anew.
        self.post.metrics().waiting(0);
    }

    fn follow_again(&self) -> Follow {
        self.history.follow(self.seen + 1)
    }

    async fn look_at(&mut self, recorded: &Recorded) -> Result<(), StoreError> {
        let message = match recorded.event.kind() {
            EventKind::Confirmed | EventKind::Denied => {
                let session = self.history.session(&recorded.scene).await?;
                Message::of(&self.client, &session, recorded)
            }
            EventKind::Subscribed | EventKind::Unsubscribed => {
                let account = self.followers_of.as_ref();
                account.and_then(|account| Message::of_follower(&self.client, account, recorded))
            }
            _ => None,
        };
        if let Some(message) = message {
            self.unsettled.insert(recorded.seq);
            self.line_up(message);
        }
        self.seen = recorded.seq;
        Ok(())
    }

    /// Sends it, or puts it behind the one of its session or person that is under way.
    fn line_up(&mut self, message: Message) {
        match self.behind.get_mut(&message.line) {
            Some(behind) => behind.push_back(message),
            None => {
                self.behind.insert(message.line.clone(), VecDeque::new());
                self.send(message);
            }
        }
    }

    fn send(&mut self, message: Message) {
        let (post, seq, line) = (self.post.clone(), message.seq, message.line.clone());
        self.under_way.spawn(FutureExt::boxed(async move { (post.deliver(message).await, seq, line) }));
    }

    fn settle(&mut self, seq: u64, line: &Line) {
        self.unsettled.remove(&seq);
        self.is_to_note = true;
        match self.behind.get_mut(line).and_then(VecDeque::pop_front) {
            Some(next) => self.send(next),
            None => drop(self.behind.remove(line)),
        }
    }

    /// Everything up to there is settled.
    async fn note(&mut self) {
        let settled = self.unsettled.first().map_or(self.seen, |first| first - 1);
        let is_due = self.is_to_note || settled >= self.cursor.seq() + NOTED_AFTER;
        if is_due && settled > self.cursor.seq() {
            self.cursor.move_to(settled).await;
        }
        self.is_to_note = false;
    }

    async fn end(self) {
        self.post.metrics().waiting(0);
        self.gone.note().await;
        let (client, file) = (&self.client, self.gone.path().display());
        tracing::error!(%client, %file, "the website answers webhooks with 410 Gone: it gets none, also after a restart, until the file is removed or another webhook_url is set");
    }
}

async fn wait_for_journal(error: &StoreError, stopping: &CancellationToken) {
    tracing::error!(%error, "webhooks wait: the journal cannot be read");
    let _ = stopping.run_until_cancelled(tokio::time::sleep(RETRY)).await;
}
