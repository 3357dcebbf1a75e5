//! WeChat's rules for a push: three deliveries of 5 s each, and a pause for URLs that fail.

use std::mem;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::message::Message;
use super::people::Voice;
use super::{Answer, Delivery, NoAnswer, Pushed, Sealed, SimulatedAccount, SimulatedWeChat, random_key};
use crate::domain::{AppId, OpenId, Timestamp};

/// How often a push is delivered that is not taken.
const MOST_DELIVERIES: usize = 3;

/// How long nothing is pushed to a URL that failed (自动屏蔽, MarkFail). What happens meanwhile is lost.
const PAUSE: Duration = Duration::from_secs(60);

/// WeChat does not say after how many failed pushes in a row it makes the pause.
const FAILURES_UNTIL_PAUSE: u32 = 20;

/// The first of two swapped pushes waits no longer than this for the second.
const MOST_SWAPPED_WAIT: Duration = Duration::from_secs(60);

/// How an account's URL has done.
pub(super) struct Standing {
    pub(super) failures_until_pause: u32,
    failures: u32,
    paused_until: Option<Timestamp>,
    /// The push that was made last.
    last: Option<Sealed>,
}

impl Default for Standing {
    fn default() -> Self {
        Self { failures_until_pause: FAILURES_UNTIL_PAUSE, failures: 0, paused_until: None, last: None }
    }
}

impl Standing {
    fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    pub(super) fn pause(&mut self, now: Timestamp) {
        self.failures = 0;
        self.paused_until = Some(now.after(PAUSE));
    }

    fn note(&mut self, is_accepted: bool, now: Timestamp) {
        self.failures = if is_accepted { 0 } else { self.failures + 1 };
        if self.failures >= self.failures_until_pause {
            self.pause(now);
        }
    }
}

/// Whether pushes change places.
#[derive(Default)]
pub(super) enum Swap {
    #[default]
    Off,
    /// The next push is held back.
    Armed,
    /// One is held back until this is sent or dropped.
    Holding(oneshot::Sender<()>),
}

/// Something that a person did and an account hears of.
pub(super) struct Happening {
    pub(super) event: Pushed,
    pub(super) openid: OpenId,
    /// Of the code that was scanned.
    pub(super) scene: Option<String>,
    pub(super) message: Message,
}

impl SimulatedWeChat {
    /// Pushes, and returns when WeChat has been answered or has given up.
    pub(super) async fn push(&self, account: &SimulatedAccount, happening: Happening) -> Delivery {
        let now = self.now();
        self.with_person(&account.app_id, &happening.openid, |person| person.allowances.grant(happening.event, now));
        let faults = self.push_faults();
        if !faults.delay.is_zero() {
            tokio::time::sleep(faults.delay).await;
        }
        let held_back = self.wait_for_turn().await;
        let began = self.now();
        let push = self.sealed(account, &happening, began);
        let answers = if self.notes_push(account, &happening, &push, began) {
            self.deliver(account, &push).await
        } else {
            Vec::new()
        };
        // Whoever was held back may go now.
        drop(held_back);
        let took = began.until(self.now());
        let delivery = Delivery { event: happening.event, began, took, answers, push };
        self.note_delivery(account, &happening.openid, &delivery);
        delivery
    }

    /// Repeated deliveries carry the same signature: nobody says that they do not, and whoever refuses a signature seen
    /// before would lose the scan.
    async fn deliver(&self, account: &SimulatedAccount, push: &Sealed) -> Vec<Result<Answer, NoAnswer>> {
        let mut answers = Vec::new();
        while answers.len() < MOST_DELIVERIES && !answers.iter().flatten().any(Answer::is_accepted) {
            answers.push(self.0.courier.push(account, push).await);
        }
        if self.push_faults().twice {
            answers.push(self.0.courier.push(account, push).await);
        }
        answers
    }

    /// With the wrong token or key where that is asked for; replies are read with the right ones all the same.
    fn sealed(&self, account: &SimulatedAccount, happening: &Happening, now: Timestamp) -> Sealed {
        let faults = self.push_faults();
        let mut sealing = account.clone();
        if faults.wrong_signature {
            sealing.token = "somebodyelsestoken".into();
        }
        if faults.wrong_key {
            sealing.encoding_aes_key = Some(random_key());
        }
        sealing.seal(&happening.message.write(account.format), &happening.openid, now)
    }

    /// Whether the push leaves WeChat at all.
    fn notes_push(&self, account: &SimulatedAccount, happening: &Happening, push: &Sealed, now: Timestamp) -> bool {
        let mut world = self.world();
        if let Some(scene) = &happening.scene {
            world.pushes.insert((scene.clone(), happening.openid.clone()), now);
        }
        world.account(&account.app_id).is_some_and(|account| {
            account.standing.last = Some(push.clone());
            !account.standing.is_paused(now)
        })
    }

    fn note_delivery(&self, account: &SimulatedAccount, openid: &OpenId, delivery: &Delivery) {
        let now = self.now();
        let mut world = self.world();
        let Some(account) = world.account(&account.app_id) else { return };
        if delivery.is_lost() {
            return;
        }
        account.standing.note(delivery.is_accepted(), now);
        match delivery.reply() {
            Some(reply) => account.person(openid).hear(now, Voice::Reply, reply.content),
            None if !delivery.is_accepted() => {
                account.person(openid).hear(now, Voice::OutOfOrder, "该公众号暂时无法提供服务，请稍后再试");
            }
            None => {}
        }
    }

    /// The first of two swapped pushes waits here; the second gets what lets the first go when it is dropped.
    async fn wait_for_turn(&self) -> Option<oneshot::Sender<()>> {
        let turn = {
            let mut world = self.world();
            match mem::take(&mut world.faults.swap) {
                Swap::Off => return None,
                Swap::Holding(release) => return Some(release),
                Swap::Armed => {
                    let (release, turn) = oneshot::channel();
                    world.faults.swap = Swap::Holding(release);
                    turn
                }
            }
        };
        if tokio::time::timeout(MOST_SWAPPED_WAIT, turn).await.is_err() {
            self.world().faults.swap = Swap::Off;
        }
        None
    }

    /// Delivers the account's last push once more, with its query as it was and its body altered: what an eavesdropper on
    /// plain pushes can do. None where nothing was pushed yet.
    pub async fn replay(
        &self,
        app_id: &AppId,
        alter: impl FnOnce(String) -> String,
    ) -> Option<Result<Answer, NoAnswer>> {
        let push = self.world().account(app_id)?.standing.last.clone()?;
        self.push_raw(app_id, &push.query, Bytes::from(alter(push.body))).await
    }
}
