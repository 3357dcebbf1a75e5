//! What a push leads to: a scan of ours logs in; what is no login goes to the account's other system, or gets a simple
//! reply.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Callback;
use super::answer::{Answer, Form};
use super::forward::Original;
use super::repeats::{Done, NotDone};
use crate::actors::{AfterScan, ScanError, Scanned};
use crate::clock::random_bytes;
use crate::config::{Account, ForwardMode, Language, Replies, Texts};
use crate::domain::{AccountName, Created, OpenId, Refusal, SceneId};
use crate::transport::language::language_of;
use crate::transport::phone;
use crate::transport::site::{Shared, Site};
use crate::transport::unionids;
use crate::transport::webhooks::Following;
use crate::transport::wechat::api::ApiError;
use crate::transport::wechat::envelope::{Opened, Seal};
use crate::transport::wechat::message::{CameBy, Format, Kind};
use crate::transport::wechat::reply;

/// How long a scan is tried: WeChat allows a message of its own for a minute.
const STUBBORN: Duration = Duration::from_secs(45);
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// What is said to whoever made a push.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// In the answer to the push, if it comes in time.
    reply: Option<String>,
    /// In a message of its own, if it does not.
    if_late: Option<String>,
}

impl Said {
    fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { reply: Some(text.clone()), if_late: Some(text) }
    }
}

/// Acts on a push that is WeChat's word.
pub(super) async fn act(
    site: Shared,
    account: Account,
    callback: Callback,
    opened: Opened,
    nonce: String,
    original: Original,
) -> Result<Done, NotDone> {
    let Opened { push, seal, .. } = opened;
    match push.kind {
        Kind::Subscribe(_) => site.webhooks.tell_following(&account.name, &push.from, Following::Subscribed),
        Kind::Unsubscribe => site.webhooks.tell_following(&account.name, &push.from, Following::Unsubscribed),
        _ => {}
    }
    let said = match (scene_of_ours(&account, &push.kind), callback.forwarder.clone()) {
        (Some(scene), forwarder) => {
            if let Some(forwarder) = forwarder.filter(|_| account.forward_mode == ForwardMode::All) {
                // A copy: whatever is answered to it, ours counts.
                let (site, name) = (site.clone(), account.name.clone());
                site.tasks.clone().spawn(async move {
                    if let Err(error) = forwarder.ask(original).await {
                        tell_operator(&site, &name, &error);
                    }
                });
            }
            scan(&site, &account, scene, &push.from, seal).await?
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
            Said { reply: Some(scan_again(&account)), if_late: None }
        }
        (None, None) => Said { reply: simple_reply(&account, &push.kind), if_late: None },
    };
    let answer = said.reply.map_or_else(Answer::success, |text| {
        let now = site.clock.now();
        let written = reply::text(&push, &text, now);
        match seal {
            None => Answer::new(form(push.format), written),
            Some(seal) => {
                let sealed = callback.envelopes.seal(&written, seal, now, &nonce, random_bytes());
                Answer::new(form(seal.format()), sealed)
            }
        }
    });
    let if_late = said.if_late.map(|text| tell(&site, &account, push.from, text));
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

/// Whether it is about a QR code of ours.
pub(super) fn is_ours(account: &Account, kind: &Kind) -> bool {
    scene_of_ours(account, kind).is_some()
}

/// The scene of a QR code of ours: told by its prefix, so also where nobody knows it any more.
fn scene_of_ours<'a>(account: &Account, kind: &'a Kind) -> Option<&'a str> {
    let (Kind::Scan { scene } | Kind::Subscribe(CameBy::Scene(scene))) = kind else { return None };
    scene.starts_with(&account.scene_prefix).then_some(scene)
}

/// Lets somebody scan, and says what comes of it.
async fn scan(
    site: &Shared,
    account: &Account,
    scene: &str,
    openid: &OpenId,
    seal: Option<Seal>,
) -> Result<Said, NotDone> {
    let Ok(scene) = SceneId::new(scene) else { return Ok(Said::text(&account.conversation.chinese.expired)) };
    match scan_stubbornly(site, account, &scene, openid).await {
        Ok(Scanned { created, next }) => {
            let texts = texts(account, Some(&created));
            let name = site_name(site, &created);
            let AfterScan::Confirm { token } = next else { return Ok(Said::text(fill(&texts.confirmed, name, ""))) };
            let with_link = fill(&texts.confirm, name, &phone::link(site, &token));
            if seal.is_some() {
                return Ok(Said::text(with_link));
            }
            // Nobody signed who scanned: the link goes to the person whom WeChat itself knows by that openid.
            site.tasks.spawn(tell(site, account, openid.clone(), with_link));
            Ok(Said { reply: Some(fill(&texts.link_follows, name, "")), if_late: None })
        }
        Err(ScanError::NoEffect { refusal, created }) => {
            tracing::info!(%scene, ?refusal, "a scan had no effect");
            let texts = texts(account, created.as_deref());
            Ok(Said::text(match (refusal, &created) {
                (Refusal::OtherScanner, Some(created)) => fill(&texts.used, site_name(site, created), ""),
                _ => texts.expired.clone(),
            }))
        }
        Err(ScanError::Unavailable) => Err(NotDone),
    }
}

/// Tries again for as long as WeChat lets the person be told: what was not stored in time may have been stored since.
async fn scan_stubbornly(
    site: &Shared,
    account: &Account,
    scene: &SceneId,
    openid: &OpenId,
) -> Result<Scanned, ScanError> {
    let give_up = tokio::time::Instant::now() + STUBBORN;
    let scanner = unionids::scanner(site, account, openid).await;
    loop {
        let scanned = site.logins.scan(scene, &account.name, scanner.clone()).await;
        let may_help = matches!(scanned, Err(ScanError::Unavailable)) && tokio::time::Instant::now() < give_up;
        if !may_help {
            return scanned;
        }
        let pause = tokio::time::sleep(BETWEEN_TRIES);
        if site.stopping.run_until_cancelled(pause).await.is_none() {
            return scanned;
        }
    }
}

/// The account's texts in the language of the page, which is all that is known of its reader.
fn texts<'a>(account: &'a Account, created: Option<&Created>) -> &'a Texts {
    let locales = created.and_then(|created| created.request.ui_locales.as_deref());
    account.conversation.texts(language_of(locales))
}

fn site_name<'a>(site: &'a Site, created: &'a Created) -> &'a str {
    site.config.client(&created.client).map_or(created.client.as_str(), |client| &client.name)
}

fn fill(template: &str, site: &str, link: &str) -> String {
    // The website's name last: braces in it are no placeholders.
    template.replace("{link}", link).replace("{site}", site)
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
        Kind::Text { content } => by_keyword(&conversation.replies, content).or(default.clone()),
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
fn tell(site: &Shared, account: &Account, openid: OpenId, text: String) -> BoxFuture<'static, ()> {
    let (name, api) = (account.name.clone(), site.wechat.get(&account.name).cloned());
    let stopping = site.stopping.clone();
    async move {
        let Some(api) = api else { return };
        let give_up = tokio::time::Instant::now() + STUBBORN;
        let mut pause = BETWEEN_TRIES;
        loop {
            let error = match api.send_text(&openid, &text).await {
                Ok(()) => return,
                Err(error) => error,
            };
            let may_help = matches!(error, ApiError::Away { .. }) && tokio::time::Instant::now() + pause < give_up;
            let is_awake = may_help && stopping.run_until_cancelled(tokio::time::sleep(pause)).await.is_some();
            if !is_awake {
                tracing::warn!(account = %name, %error, "somebody could not be told by a message of its own");
                return;
            }
            pause *= 2;
        }
    }
    .boxed()
}
