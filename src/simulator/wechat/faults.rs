//! What can be made to go wrong, and how often WeChat was asked.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::pushing::Swap;
use super::{SimulatedWeChat, api};
use crate::domain::AppId;

/// A call of the server interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `cgi-bin/token`
    Token,
    /// `cgi-bin/stable_token`
    StableToken,
    /// `cgi-bin/qrcode/create`
    CreateQr,
    /// `cgi-bin/message/custom/send`
    CustomSend,
    /// `cgi-bin/menu/create`
    MenuCreate,
    /// `cgi-bin/menu/get`
    MenuGet,
    /// `cgi-bin/menu/delete`
    MenuDelete,
    /// `cgi-bin/get_current_selfmenu_info`
    SelfMenu,
    /// `cgi-bin/user/info`
    UserInfo,
    /// `cgi-bin/getcallbackip`
    CallbackIp,
    /// `cgi-bin/get_api_domain_ip`
    ApiDomainIp,
    /// `cgi-bin/callback/check`
    CallbackCheck,
    /// `cgi-bin/clear_quota`
    ClearQuota,
    /// `sns/oauth2/access_token`
    SnsToken,
    /// `sns/userinfo`
    SnsUserInfo,
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
    pub(super) next_code_lives: Option<Duration>,
    pushes: PushFaults,
    pub(super) swap: Swap,
    calls: HashMap<Call, u64>,
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

    /// Gives the next QR code this life, whatever is asked for.
    pub fn shorten_next_code(&self, lifetime: Duration) {
        self.world().faults.next_code_lives = Some(lifetime);
    }

    /// Lets only these addresses ask for access tokens (40164 for all others), or everybody.
    pub fn set_whitelist(&self, app_id: &AppId, whitelist: Option<Vec<IpAddr>>) {
        if let Some(account) = self.world().account(app_id) {
            account.whitelist = whitelist;
        }
    }

    /// Freezes the account's app secret (40243), or thaws it.
    pub fn freeze_secret(&self, app_id: &AppId, is_frozen: bool) {
        if let Some(account) = self.world().account(app_id) {
            account.is_frozen = is_frozen;
        }
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
        self.world().faults.calls.get(&call).copied().unwrap_or_default()
    }
}

/// Stands in front of the server interface: counts, delays, and breaks what is to be broken.
pub(super) async fn intervene(wechat: &SimulatedWeChat, call: Call) -> Option<Response> {
    let (outage, delay, refusal) = {
        let faults = &mut wechat.world().faults;
        *faults.calls.entry(call).or_default() += 1;
        let position = faults.refusals.iter().position(|(of, ..)| *of == call);
        (faults.outage, faults.delay, position.and_then(|position| faults.refusals.remove(position)))
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match (outage, refusal) {
        (Some(Outage::Hangs), _) => std::future::pending().await,
        (Some(Outage::Unavailable), _) => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        (Some(Outage::BreaksOff), _) => Some(broken_off()),
        (Some(Outage::Garbage), _) => Some("<html><body>系统繁忙</body></html>".into_response()),
        (None, Some((_, errcode, errmsg))) => Some(api::refusal(errcode, &errmsg)),
        (None, None) => None,
    }
}

fn broken_off() -> Response {
    let pieces = [Ok("{\"errcode\":"), Err(std::io::Error::other("broken off"))];
    Body::from_stream(futures_util::stream::iter(pieces)).into_response()
}
