//! What can be made to go wrong, and how often WeChat was asked.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::pushing::Swap;
use super::{SimulatedWeChat, api};
use crate::domain::AppId;

/// A call of the server interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `cgi-bin/stable_token`
    StableToken,
    /// `cgi-bin/qrcode/create`
    CreateQr,
}

/// In which way the server interface is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// It takes a call and never answers.
    Hangs,
    /// It answers 503, as a gateway in front of it does.
    Unavailable,
    /// It breaks the connection off in the middle of its answer.
    BreaksOff,
    /// It answers with a page for people.
    Garbage,
}

/// What goes wrong with every push, as long as it is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushFaults {
    /// Each comes this much later.
    pub delay: Duration,
    /// Each is delivered once more than needed, as a parallel third party makes WeChat do.
    pub twice: bool,
    /// Signed with another token.
    pub wrong_signature: bool,
    /// Encrypted with another key, under a good signature. Without effect on plain pushes.
    pub wrong_key: bool,
    /// Whoever follows by a code is taken for having hesitated too long: `subscribe` has an empty `EventKey`.
    pub forgets_scene: bool,
}

#[derive(Default)]
pub(super) struct Faults {
    outage: Option<Outage>,
    delay: Duration,
    refusals: VecDeque<(Call, i64, String)>,
    pushes: PushFaults,
    pub(super) swap: Swap,
    calls: [u64; 2],
}

impl SimulatedWeChat {
    /// Takes the server interface away (503 for every call), or brings it back. Phones and pushes go on.
    pub fn set_away(&self, away: bool) {
        self.set_outage(away.then_some(Outage::Unavailable));
    }

    /// Takes the server interface away in the given way, or brings it back. Calls that hang already go on hanging.
    pub fn set_outage(&self, outage: Option<Outage>) {
        self.world().faults.outage = outage;
    }

    /// Lets every answer of the server interface come this much later.
    pub fn set_delay(&self, delay: Duration) {
        self.world().faults.delay = delay;
    }

    /// Refuses the next call of this kind with an error. Several are used one after the other.
    pub fn fail_next(&self, call: Call, errcode: i64, errmsg: &str) {
        self.world().faults.refusals.push_back((call, errcode, errmsg.to_owned()));
    }

    /// Delivers every push once more, as a parallel third party makes WeChat do.
    pub fn deliver_twice(&self, twice: bool) {
        self.world().faults.pushes.twice = twice;
    }

    /// Makes exactly this go wrong with pushes from now on.
    pub fn set_push_faults(&self, faults: PushFaults) {
        self.world().faults.pushes = faults;
    }

    /// What goes wrong with pushes at present.
    pub fn push_faults(&self) -> PushFaults {
        self.world().faults.pushes
    }

    /// Lets the next two pushes change places: the first is held back until the second has been answered.
    pub fn swap_next_two(&self) {
        self.world().faults.swap = Swap::Armed;
    }

    /// Makes WeChat pause now, as it does by itself after many failed pushes: for one minute nothing is pushed to the
    /// account's URL, and what happens meanwhile is lost.
    pub fn mark_fail(&self, app_id: &AppId) {
        let now = self.now();
        if let Some(account) = self.world().account(app_id) {
            account.standing.pause(now);
        }
    }

    /// Lets WeChat pause after this many failed pushes in a row; 20 unless this is called.
    pub fn mark_fail_after(&self, app_id: &AppId, failures: u32) {
        if let Some(account) = self.world().account(app_id) {
            account.standing.failures_until_pause = failures;
        }
    }

    /// How often this was called, with or without success.
    pub fn calls(&self, call: Call) -> u64 {
        self.world().faults.calls[call as usize]
    }
}

/// Stands in front of the server interface: counts, delays, and breaks what is to be broken.
pub(super) async fn intervene(State(wechat): State<SimulatedWeChat>, request: Request, next: Next) -> Response {
    let call = match request.uri().path().ends_with("stable_token") {
        true => Call::StableToken,
        false => Call::CreateQr,
    };
    let (outage, delay, refusal) = {
        let faults = &mut wechat.world().faults;
        faults.calls[call as usize] += 1;
        let position = faults.refusals.iter().position(|(of, ..)| *of == call);
        (faults.outage, faults.delay, position.and_then(|position| faults.refusals.remove(position)))
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match (outage, refusal) {
        (Some(Outage::Hangs), _) => std::future::pending().await,
        (Some(Outage::Unavailable), _) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        (Some(Outage::BreaksOff), _) => broken_off(),
        (Some(Outage::Garbage), _) => "<html><body>系统繁忙</body></html>".into_response(),
        (None, Some((_, errcode, errmsg))) => api::refusal(errcode, &errmsg),
        (None, None) => next.run(request).await,
    }
}

fn broken_off() -> Response {
    let pieces = [Ok("{\"errcode\":"), Err(std::io::Error::other("broken off"))];
    Body::from_stream(futures_util::stream::iter(pieces)).into_response()
}
