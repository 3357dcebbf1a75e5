//! What a push leads to: a scan of ours logs in; what is no login goes to the account's other system, or gets a simple
//! reply.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::Callback;
use super::answer::{Answer, Form};
use super::chat;
use super::forward::Original;
use super::repeats::{Done, NotDone};
use super::stubborn::{BETWEEN_TRIES, STUBBORN, stubbornly};
use super::trace::CallbackTrace;
use super::wording::{fill, site_name, texts};
use crate::actors::{AfterScan, Following, ScanError, Scanned, Unavailable};
use crate::clock::random_bytes;
use crate::config::{Account, ForwardMode, Language, Replies};
use crate::domain::{AccountName, OpenId, Refusal, SceneId};
use crate::recall::Key;
use crate::transport::phone;
use crate::transport::site::{Shared, Site};
use crate::transport::unionids;
use crate::transport::wechat::api::ApiError;
use crate::transport::wechat::envelope::{Opened, Seal};
use crate::transport::wechat::message::{CameBy, Format, Kind};
use crate::transport::wechat::query::CallbackQuery;
use crate::transport::wechat::reply;

/// What a push is to a login.
pub(super) enum Ours {
    /// A QR code of ours was scanned: told by its prefix, so also where nobody knows it any more.
    Scan {
        /// Which; `None` where it can be no scene's.
        scene: Option<SceneId>,
    },
    /// Who scanned answers in the conversation.
    Word(chat::Word),
}

impl Ours {
    pub(super) fn scene(&self) -> Option<SceneId> {
        match self {
            Self::Scan { scene } => scene.clone(),
            Self::Word(word) => word.scene().cloned(),
        }
    }
}

/// What is said to whoever made a push.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// In the answer to the push, if it comes in time.
    reply: Option<String>,
    /// In a message of its own, if it does not.
    if_late: Option<String>,
}

impl Said {
    pub(super) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { reply: Some(text.clone()), if_late: Some(text) }
    }
}

/// A push that was judged.
pub(super) struct ToActOn {
    pub(super) opened: Opened,
    pub(super) ours: Option<Ours>,
    /// Tells it from every other push.
    pub(super) key: Key,
    /// Its nonce goes back with the reply.
    pub(super) query: CallbackQuery,
    pub(super) original: Original,
    pub(super) arrival: Arrival,
}

/// When a push came, and when it was judged and opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) opened: Instant,
}

/// Acts on a push that is WeChat's word.
pub(super) async fn act(site: Shared, callback: Callback, to_act_on: ToActOn) -> Result<Done, NotDone> {
    let account = &*callback.account;
    let ToActOn { opened: Opened { push, seal, .. }, ours, key, query, original, arrival } = to_act_on;
    if matches!(push.kind, Kind::Subscribe(_)) {
        site.unionids.follows(&account.name, &push.from);
    }
    if let Some(following) = following(&site, account, &push.kind) {
        let noting = || site.followers.note(key, &account.name, &push.from, following);
        stubbornly(&site, noting, Result::is_err).await.map_err(|Unavailable| NotDone)?;
    }
    let about = ours.as_ref().and_then(Ours::scene);
    let said = match (ours, callback.forwarder.clone()) {
        (Some(ours), forwarder) => {
            if let Some(forwarder) = forwarder.filter(|_| account.forward_mode == ForwardMode::All) {
                // A copy: whatever is answered to it, ours counts.
                let (site, name) = (site.clone(), account.name.clone());
                site.tasks.clone().spawn(FutureExt::boxed(async move {
                    if let Err(error) = forwarder.ask(original).await {
                        tell_operator(&site, &name, &error);
                    }
                }));
            }
            let said = match ours {
                Ours::Scan { scene } => scan(&site, account, scene, &push.from, seal, arrival).await?,
                Ours::Word(word) => chat::answer(&site, account, word, arrival).await?,
            };
            // Who tells the browser is ready, too, and may wait for this processor; WeChat has time (docs/adr/0033).
            tokio::task::yield_now().await;
            said
        }
        (None, Some(forwarder)) => {
            let answer = forwarder.ask(original).await.unwrap_or_else(|error| {
                tell_operator(&site, &account.name, &error);
                Answer::success()
            });
            // Where the other system has nothing to say to a new follower, there may be something to say for a login.
            let is_for_us = push.kind == Kind::Subscribe(CameBy::Unknown) && answer == Answer::success();
            if !is_for_us {
                return Ok(Done { answer, if_late: None });
            }
            Said { reply: Some(scan_again(account)), if_late: None }
        }
        (None, None) => Said { reply: simple_reply(account, &push.kind), if_late: None },
    };
    let answer = said.reply.map_or_else(Answer::success, |text| {
        let now = site.clock.now();
        let written = reply::text(&push, &text, now);
        match seal {
            None => Answer::new(form(push.format), written),
            Some(seal) => {
                let sealed = callback.envelopes.seal(&written, seal, now, query.nonce(), random_bytes());
                Answer::new(form(seal.format()), sealed)
            }
        }
    });
    let if_late = said.if_late.map(|text| tell(&site, account, about, push.from, text));
    Ok(Done { answer, if_late })
}

fn tell_operator(site: &Site, account: &AccountName, error: &str) {
    if site.callbacks.failing_forwards.lets_through() {
        tracing::warn!(%account, %error, "the system at `forward` does not answer as it should");
    }
}

fn form(format: Format) -> Form {
    match format {
        Format::Xml => Form::Xml,
        Format::Json => Form::Json,
    }
}

/// Whether it says that somebody follows the account or does no more, and somebody is to hear of it.
pub(super) fn following(site: &Site, account: &Account, kind: &Kind) -> Option<Following> {
    let following = match kind {
        Kind::Subscribe(_) => Following::Subscribed,
        Kind::Unsubscribe => Following::Unsubscribed,
        _ => return None,
    };
    site.webhooks.tells_followers(&account.name).then_some(following)
}

/// What it is to a login; `None` where it is about none.
pub(super) fn ours(site: &Site, account: &Account, opened: &Opened) -> Option<Ours> {
    match &opened.push.kind {
        Kind::Scan { scene } | Kind::Subscribe(CameBy::Scene(scene)) => {
            scene.starts_with(&account.scene_prefix).then(|| Ours::Scan { scene: SceneId::new(scene).ok() })
        }
        Kind::Text { .. } => chat::read(site, account, opened).map(Ours::Word),
        _ => None,
    }
}

/// Lets somebody scan, and says what comes of it.
async fn scan(
    site: &Shared,
    account: &Account,
    scene: Option<SceneId>,
    openid: &OpenId,
    seal: Option<Seal>,
    arrival: Arrival,
) -> Result<Said, NotDone> {
    let Some(scene) = scene else { return Ok(Said::text(&account.conversation.chinese.expired)) };
    let scanner = unionids::scanner(site, account, &scene, openid).await;
    let trace = CallbackTrace::begin(site, arrival);
    let logins = site.logins.of_callback(trace.callback());
    let scanning = || logins.scan(&scene, &account.name, scanner.clone());
    match stubbornly(site, scanning, |scanned| matches!(scanned, Err(ScanError::Unavailable))).await {
        Ok(Scanned { created, next }) => {
            trace.durable(site, &scene, &created, next.name());
            let texts = texts(account, Some(&created));
            let name = site_name(site, &created);
            let AfterScan::Confirm { token } = next else { return Ok(Said::text(fill(&texts.confirmed, name))) };
            if seal.is_some() && chat::is_asked_here(site, &created) {
                return Ok(Said::text(chat::ask(site, account, openid, &token).await?));
            }
            let with_link = fill(&texts.confirm.replace("{link}", &phone::link(site, &token)), name);
            if seal.is_some() {
                return Ok(Said::text(with_link));
            }
            // Nobody signed who scanned: the link goes to the person whom WeChat itself knows by that openid.
            site.tasks.spawn(tell(site, account, Some(scene), openid.clone(), with_link).boxed());
            Ok(Said { reply: Some(fill(&texts.link_follows, name)), if_late: None })
        }
        Err(ScanError::NoEffect { refusal, created }) => {
            site.metrics.logins().scan_refused(&refusal);
            tracing::info!(%scene, ?refusal, "a scan had no effect");
            let texts = texts(account, created.as_deref());
            Ok(Said::text(match (refusal, &created) {
                (Refusal::OtherScanner, Some(created)) => fill(&texts.used, site_name(site, created)),
                _ => texts.expired.clone(),
            }))
        }
        Err(ScanError::Unavailable) => Err(NotDone),
    }
}

/// What is said to a message that is no login, where nobody else answers.
fn simple_reply(account: &Account, kind: &Kind) -> Option<String> {
    let conversation = &account.conversation;
    let Replies { subscribe, default, .. } = &conversation.replies;
    match kind {
        // Who took long between scanning and following waits in front of a page that knows nothing of it.
        Kind::Subscribe(CameBy::Unknown) => {
            let scan_again = scan_again(account);
            Some(subscribe.as_ref().map_or_else(|| scan_again.clone(), |text| format!("{text}\n\n{scan_again}")))
        }
        Kind::Subscribe(CameBy::Scene(_) | CameBy::Otherwise) => subscribe.clone(),
        Kind::Text { content, .. } => by_keyword(&conversation.replies, content).or(default.clone()),
        Kind::Click { key } => by_keyword(&conversation.replies, key),
        Kind::Message => default.clone(),
        Kind::Scan { .. } | Kind::Unsubscribe | Kind::Event => None,
    }
}

/// For who took long between scanning and following; nobody knows which page they came from.
fn scan_again(account: &Account) -> String {
    account.conversation.texts(Language::Chinese).scan_again.clone()
}

fn by_keyword(replies: &Replies, content: &str) -> Option<String> {
    replies.keywords.iter().find(|keyword| keyword.fits(content)).map(|keyword| keyword.text.clone())
}

/// A message of its own to a person. WeChat allows it for a minute after a scan, so it is tried for as long.
fn tell(
    site: &Shared,
    account: &Account,
    about: Option<SceneId>,
    openid: OpenId,
    text: String,
) -> BoxFuture<'static, ()> {
    let (name, api) = (account.name.clone(), site.wechat.get(&account.name).cloned());
    let stopping = site.stopping.clone();
    async move {
        let Some(api) = api else { return };
        let give_up = Instant::now() + STUBBORN;
        let mut pause = BETWEEN_TRIES;
        loop {
            // Boxed: nearly no message is sent, and all are made ready.
            let error = match api.send_text(&openid, &text).boxed().await {
                Ok(()) => return,
                Err(error) => error,
            };
            let may_help = matches!(error, ApiError::Away { .. }) && Instant::now() + pause < give_up;
            let is_awake = may_help && stopping.run_until_cancelled(tokio::time::sleep(pause)).await.is_some();
            if !is_awake {
                let scene = about.as_ref().map(tracing::field::display);
                tracing::warn!(account = %name, scene, %error, "somebody could not be told by a message of its own");
                return;
            }
            pause *= 2;
        }
    }
    .boxed()
}
