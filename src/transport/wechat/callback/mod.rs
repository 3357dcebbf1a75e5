//! WeChat's callback: `GET|POST /wechat/{account}`.
//!
//! What is authentic gets 200, whatever it says, within WeChat's 5 s; what is not gets 403, what is malformed 4xx, and
//! neither has an effect. Only where what it leads to could not be made durable is the answer 503, so that WeChat delivers it again.

mod act;
mod answer;
mod chat;
mod forward;
mod repeats;
mod signatures;
mod stubborn;
mod trace;
mod wording;

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use http::{StatusCode, header};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use self::act::{Arrival, Ours, ToActOn, act, following, ours};
use self::answer::Answer;
use self::forward::{Forwarder, Original};
use self::repeats::{About, Repeats, Turn};
use self::signatures::{Belongs, Bound, Unbound};
use super::api::{HttpClient, NoRootCertificates};
use super::envelope::{Envelopes, Opened, Rejected};
use super::message::MAX_BODY_BYTES;
use super::query::CallbackQuery;
use crate::config::{Account, Config};
use crate::domain::{AccountName, Timestamp};
use crate::metrics::CallbackOutcome;
use crate::recall::{Key, Recall};
use crate::transport::extract::PathText;
use crate::transport::headers::PRIVATE;
use crate::transport::problem::Problem;
use crate::transport::site::{Shared, Site};
use crate::transport::throttle::Throttle;

/// When a message is answered at the latest: WeChat waits 5 s, network included.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(4500);

/// How long a body may take: WeChat's come whole with their heads.
const BODY_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest `echostr` that is given back; WeChat's have about 20 characters.
const MAX_ECHO: usize = 256;

/// How long a push is remembered where any age is taken: WeChat delivers again within seconds.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// The route below the public URL.
pub(in crate::transport) fn routes() -> Router<Shared> {
    Router::new().route("/wechat/{account}", get(verify).post(receive)).layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// What the callback knows beside the sessions.
pub struct Callbacks {
    accounts: HashMap<AccountName, Callback>,
    repeats: Repeats,
    recall: Recall,
    /// For the log lines that strangers could cause.
    rejected: Throttle,
    verified: Throttle,
    failing_forwards: Throttle,
}

/// What the callback knows of one account. Clone it freely.
#[derive(Clone)]
struct Callback {
    account: Arc<Account>,
    envelopes: Arc<Envelopes>,
    forwarder: Option<Forwarder>,
}

impl Callbacks {
    /// For the accounts of `config`; what must be remembered across a restart goes into `recall`.
    ///
    /// # Errors
    /// [`NoRootCertificates`] where messages are to be forwarded over https and the machine has none.
    pub fn new(config: &Config, recall: Recall, tasks: TaskTracker) -> Result<Self, NoRootCertificates> {
        Self::with(config, Repeats::new(recall.clone(), tasks), recall)
    }

    /// For the accounts of another configuration; what is at work goes on, and is known again.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn followed_by(&self, config: &Config) -> Result<Self, NoRootCertificates> {
        Self::with(config, self.repeats.clone(), self.recall.clone())
    }

    fn with(config: &Config, repeats: Repeats, recall: Recall) -> Result<Self, NoRootCertificates> {
        let callback = |account: &Account| {
            let forwarder = |url: &url::Url| Ok(Forwarder::new(HttpClient::for_base(url)?, url.clone()));
            let forwarder = account.forward.as_ref().map(forwarder).transpose()?;
            let envelopes = Arc::new(Envelopes::of(account));
            Ok((account.name.clone(), Callback { account: Arc::new(account.clone()), envelopes, forwarder }))
        };
        Ok(Self {
            accounts: config.accounts.iter().map(callback).collect::<Result<_, _>>()?,
            repeats,
            recall,
            rejected: Throttle::default(),
            verified: Throttle::default(),
            failing_forwards: Throttle::default(),
        })
    }
}

fn callback<'a>(site: &'a Site, name: &str) -> Result<&'a Callback, Problem> {
    let name = AccountName::new(name).map_err(|_| Problem::not_found())?;
    site.callbacks.accounts.get(&name).ok_or_else(Problem::not_found)
}

/// The verification of the server: WeChat's `echostr` goes back byte for byte. Its age does not count: it has no effect.
async fn verify(
    State(site): State<Shared>,
    PathText(name): PathText,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let callback = callback(&site, &name)?;
    let account = &*callback.account;
    let query = CallbackQuery::read(query.as_deref()).map_err(malformed)?;
    callback.envelopes.judge_verification(&query).map_err(|rejected| reject(&site, account, rejected))?;
    let echo = query.echostr().ok_or_else(|| malformed("echostr is missing"))?;
    if echo.len() > MAX_ECHO {
        return Err(malformed("echostr is longer than any of WeChat's"));
    }
    let until = remember_until(&site, account, &query);
    if until > site.clock.now() {
        // A verification that comes again is one still; what comes with its signature afterwards is none.
        let _on_its_way = signatures::bind(&site, callback, &query, Belongs::Verification, until);
    }
    if site.callbacks.verified.lets_through() {
        tracing::info!(account = %account.name, "WeChat verified the callback URL");
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], PRIVATE, echo.to_owned()).into_response())
}

/// A message, answered in time whatever else is slow.
async fn receive(State(site): State<Shared>, PathText(name): PathText, request: Request) -> Result<Response, Problem> {
    let arrived = Instant::now();
    let callback = callback(&site, &name)?;
    let account = &*callback.account;
    let _at_work = site.metrics.logins().callback_arrived();
    let answer = match read(&site, callback, request).await {
        Ok(push) => answer(&site, callback, push, arrived).await,
        Err(problem) => Err(problem),
    };
    let outcome = answer.as_ref().map_or_else(outcome_of, |(outcome, _)| *outcome);
    site.metrics.callback(&account.name, outcome);
    if answer.is_ok() {
        site.metrics.logins().callback_answered(arrived.elapsed());
    }
    answer.map(|(_, answer)| answer.into_response())
}

fn outcome_of(problem: &Problem) -> CallbackOutcome {
    match problem.status() {
        StatusCode::FORBIDDEN => CallbackOutcome::Forged,
        StatusCode::SERVICE_UNAVAILABLE => CallbackOutcome::Unavailable,
        _ => CallbackOutcome::Malformed,
    }
}

/// A push that is WeChat's word.
struct Arrived {
    opened: Opened,
    query: CallbackQuery,
    original: Original,
    bound: Bound,
    until: Timestamp,
}

/// Reads a push and judges it.
async fn read(site: &Shared, callback: &Callback, request: Request) -> Result<Arrived, Problem> {
    let account = &*callback.account;
    let query = CallbackQuery::read(request.uri().query()).map_err(malformed)?;
    let rejected = |rejected| reject(site, account, rejected);
    callback.envelopes.judge_head(&query).map_err(rejected)?;
    judge_age(site, account, &query)?;
    // In plain mode, what is not WeChat's has been refused by now: nobody else's body is read.
    let original = read_whole(site, request).await?;
    let opened = callback.envelopes.open(&query, &original.body).map_err(rejected)?;
    let until = remember_until(site, account, &query);
    let bound = signatures::bind(site, callback, &query, Belongs::Push(&opened), until);
    let bound = bound.map_err(|unbound| match unbound {
        Unbound::Taken => {
            let what = "a signature came again with another body: somebody repeats callbacks, or a proxy changes them";
            rejected(Rejected::NotAuthentic(what))
        }
        Unbound::NotKept => not_stored(),
    })?;
    Ok(Arrived { opened, query, original, bound, until })
}

/// With its body, in a time of its own: who sends it slowly is no WeChat, and gets no answer that says try again.
async fn read_whole(site: &Shared, mut request: Request) -> Result<Original, Problem> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > MAX_BODY_BYTES as u64) {
        return Err(Problem::body_too_large());
    }
    let (uri, headers) = (mem::take(request.uri_mut()), mem::take(request.headers_mut()));
    let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, site)).await;
    let body = body.map_err(|_| Problem::body_incomplete())??;
    Ok(Original { uri, headers, body })
}

/// Works on a push, once however often it comes, and answers in time, counted from its arrival.
async fn answer(
    site: &Shared,
    callback: &Callback,
    push: Arrived,
    arrived: Instant,
) -> Result<(CallbackOutcome, Answer), Problem> {
    let account = &*callback.account;
    let Arrived { opened, query, original, bound, until } = push;
    let ours = ours(site, account, &opened);
    let arrival = Arrival { at: arrived, opened: Instant::now() };
    let is_scan = matches!(ours, Some(Ours::Scan { .. }));
    let must_be_stored = ours.is_some() || following(site, account, &opened.push.kind).is_some();
    let kind = if is_scan { CallbackOutcome::Scan } else { CallbackOutcome::Other };
    let key = recall_key(site, "push", &identity(account, &opened, is_scan));
    let scene = ours.as_ref().and_then(Ours::scene);
    let about = About { openid: opened.push.from.clone(), scene };
    let to_act_on = ToActOn { opened, ours, key, query, original, arrival };
    // Boxed: it is large, and moved several times before it runs.
    let work = act(site.clone(), callback.clone(), to_act_on).boxed();
    // Both on their way to the disk at once.
    let both = async { tokio::join!(site.callbacks.repeats.once(key, about, until, work), bound.kept()) };
    match tokio::time::timeout_at(arrived + ANSWER_TIMEOUT, both).await {
        Ok(((turn, Ok(answer)), true)) => {
            Ok((if turn == Turn::Again { CallbackOutcome::Repeat } else { kind }, answer))
        }
        // What is to be stored is told again; for everything else there is nothing that a repetition could mend.
        _ if must_be_stored => Err(not_stored()),
        _ => Ok((kind, Answer::success())),
    }
}

/// What deliveries of one push have in common. Of what is no scan of ours, two different ones may agree in all of WeChat's
/// four fields, so what they say counts, too.
fn identity<'a>(account: &'a Account, opened: &'a Opened, is_scan: bool) -> [Cow<'a, str>; 8] {
    let said = if is_scan { Cow::default() } else { URL_SAFE_NO_PAD.encode(opened.digest().0).into() };
    let [from, create_time, msg_type, msg_id, event, event_key] = opened.push.identity();
    [account.name.as_str().into(), from, create_time, msg_type, msg_id, event, event_key, said]
}

fn judge_age(site: &Site, account: &Account, query: &CallbackQuery) -> Result<(), Problem> {
    let Some(most) = account.callback_max_age else { return Ok(()) };
    let signed_at = query.signed_at().ok_or_else(|| malformed("timestamp is not ten digits"))?;
    let age = Duration::from_secs(site.clock.now().as_seconds().abs_diff(signed_at.as_seconds()));
    if age <= most {
        return Ok(());
    }
    if site.callbacks.rejected.lets_through() {
        tracing::warn!(account = %account.name, ?age, "a callback was too old, or this machine's clock is wrong");
    }
    Err(forbidden())
}

/// Until when WeChat's word is taken at all.
fn remember_until(site: &Site, account: &Account, query: &CallbackQuery) -> Timestamp {
    match (account.callback_max_age, query.signed_at()) {
        (Some(most), Some(signed_at)) => signed_at.after(most),
        _ => site.clock.now().after(REMEMBERED),
    }
}

/// A keyed hash: no file tells whom it is about.
fn recall_key(site: &Site, kind: &str, parts: &[impl AsRef<str>]) -> Key {
    let mut joined = Vec::with_capacity(parts.iter().map(|part| size_of::<u64>() + part.as_ref().len()).sum());
    for part in parts.iter().map(AsRef::as_ref) {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part.as_bytes());
    }
    let digest = site.keys.pseudonym(kind, &joined).0;
    std::array::from_fn(|index| digest[index])
}

fn reject(site: &Site, account: &Account, rejected: Rejected) -> Problem {
    match rejected {
        Rejected::Malformed(what) => malformed(what),
        Rejected::NotAuthentic(what) => {
            if site.callbacks.rejected.lets_through() {
                tracing::warn!(account = %account.name, "{what}");
            }
            forbidden()
        }
    }
}

fn malformed(detail: &'static str) -> Problem {
    Problem::bad_request("malformed", detail)
}

fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "not_authentic", "the signature does not fit, or is too old")
}

/// WeChat delivers it again.
fn not_stored() -> Problem {
    Problem::unavailable(
        "unavailable",
        "it could not be answered in time, or not be stored: deliver it again",
        Duration::from_secs(1),
    )
}
