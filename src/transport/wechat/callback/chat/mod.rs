//! Confirmation in the conversation (`confirm_via = "chat"`): who scanned is asked in the reply, and answers by writing, or by
//! pressing an entry of a menu, which is the same message with an id.
//!
//! Nothing but WeChat's word says who answers, so only signed messages count. An answer is meant for the session of that person
//! that waits for one, the last scanned first; a press is meant for the session of its menu, and for no other. What is no answer
//! is not ours.

mod words;

use futures_util::FutureExt;

use super::act::{Arrival, Said};
use super::repeats::NotDone;
use super::stubborn::stubbornly;
use super::trace::CallbackTrace;
use super::wording::{fill, language, site_name, texts};
use crate::actors::{Asked, ConfirmStage, Confirmable, Decision, Logins, Unavailable};
use crate::config::{Account, ConfirmVia, Language, Texts};
use crate::domain::{Created, DenyReason, OpenId, SceneId};
use crate::transport::phone;
use crate::transport::site::{Shared, Site};
use crate::transport::wechat::api::{Menu, MenuEntry};
use crate::transport::wechat::envelope::Opened;
use crate::transport::wechat::message::Kind;

/// Ids of a menu's entries are its session's number and one more digit.
const ENTRIES: u32 = 10;

/// Somebody's answer, and what it may be meant for: at least one session, the last scanned first.
pub(super) struct Word(Vec<(Asked, Decision)>);

impl Word {
    /// The session that it is meant for most likely.
    pub(super) fn scene(&self) -> Option<&SceneId> {
        self.0.first().map(|(asked, _)| asked.scene())
    }
}

/// Whether a login is confirmed in the conversation.
pub(super) fn is_asked_here(site: &Site, created: &Created) -> bool {
    site.config.client(&created.client).is_some_and(|client| client.confirm_via == ConfirmVia::Chat)
}

/// What to ask who scanned. The menu follows by itself; where it cannot be sent, the answer can still be written.
pub(super) async fn ask(site: &Shared, account: &Account, openid: &OpenId, token: &str) -> Result<String, NotDone> {
    let confirmable = site.logins.confirmable(token).await.map_err(|Unavailable| NotDone)?.ok_or(NotDone)?;
    let created = &confirmable.created;
    let (texts, name) = (texts(account, Some(created)), site_name(site, created));
    let facts = phone::in_words(site, &confirmable, language(Some(created)));
    let asked = site.logins.asked(&account.name, openid).into_iter().find(|asked| asked.created() == created);
    if let (Some(asked), Some(api)) = (asked, site.wechat.get(&account.name).cloned()) {
        let (menu, openid, scene) = (menu(&asked, &confirmable, texts, name), openid.clone(), asked.scene().clone());
        site.tasks.spawn(FutureExt::boxed(async move {
            if let Err(error) = api.send_menu(&openid, &menu).await {
                tracing::info!(%scene, %error, "a menu could not be sent: the answer is written instead");
            }
        }));
    }
    let template = if confirmable.numbers.is_some() { &texts.ask_number } else { &texts.ask_tap };
    Ok(fill(&template.replace("{facts}", &facts), name))
}

fn menu(asked: &Asked, confirmable: &Confirmable, texts: &Texts, name: &str) -> Menu {
    let (confirm, cancel, not_me) = match language(Some(&confirmable.created)) {
        Language::Chinese => ("确认", "取消", "不是我"),
        Language::English => ("Confirm", "Cancel", "Not me"),
    };
    let (head, mut said) = match confirmable.numbers {
        Some(numbers) => (&texts.menu_number, numbers.map(|number| number.to_string()).to_vec()),
        None => (&texts.menu_tap, vec![confirm.to_owned(), cancel.to_owned()]),
    };
    said.push(not_me.to_owned());
    let entry =
        |(place, content): (u32, String)| MenuEntry { id: (asked.menu() * ENTRIES + place).to_string(), content };
    let entries = (0..).zip(said).map(entry).collect();
    Menu { head: fill(head, name), entries, tail: fill(&texts.menu_end, name) }
}

/// Whether a push is an answer to what was asked here.
pub(super) fn read(site: &Site, account: &Account, opened: &Opened) -> Option<Word> {
    let Kind::Text { content, menu } = &opened.push.kind else { return None };
    // In a body that nobody signed, anybody can be named.
    opened.seal?;
    let sessions = site.logins.asked(&account.name, &opened.push.from);
    let is_meant = |asked: &Asked, decision: Decision| match menu {
        Some(id) => id.parse().is_ok_and(|id: u32| id / ENTRIES == asked.menu()),
        None => !is_long_over(site, asked.created(), decision),
    };
    let meant = sessions.into_iter().filter(|asked| is_asked_here(site, asked.created())).filter_map(|asked| {
        let decision = words::read(content, asked.created().confirmation)?;
        is_meant(&asked, decision).then_some((asked, decision))
    });
    let meant: Vec<_> = meant.collect();
    (!meant.is_empty()).then_some(Word(meant))
}

/// From then on a number is somebody's own business again. That it was somebody else can be said until the session's end.
fn is_long_over(site: &Site, created: &Created, decision: Decision) -> bool {
    decision != NOT_ME && site.clock.now() >= created.expires_at.after(created.code_ttl)
}

const NOT_ME: Decision = Decision::Deny(DenyReason::NotMe);

/// Does what the answer says, and tells what has come of it.
pub(super) async fn answer(site: &Shared, account: &Account, word: Word, arrival: Arrival) -> Result<Said, NotDone> {
    let trace = CallbackTrace::begin(site, arrival);
    let logins = site.logins.of_callback(trace.callback());
    let answered = stubbornly(site, || decide(&logins, &word), |outcome| outcome.is_err()).await;
    let (before, decision, confirmable) = answered.map_err(|Unavailable| NotDone)?;
    trace.durable(site, &confirmable.scene, &confirmable.created, confirmable.stage.name());
    let (texts, name) = (texts(account, Some(&confirmable.created)), site_name(site, &confirmable.created));
    let was_open = before == ConfirmStage::Open;
    let said = match (confirmable.stage, decision) {
        (ConfirmStage::Confirmed, _) if was_open => &texts.confirmed,
        (ConfirmStage::Confirmed, _) => &texts.already,
        (ConfirmStage::WrongNumber, _) => &texts.wrong_number,
        (ConfirmStage::Denied, _) => &texts.denied,
        (ConfirmStage::Reported, _) => &texts.reported,
        (ConfirmStage::Open | ConfirmStage::Over, _) => &texts.expired,
    };
    Ok(Said::text(fill(said, name)))
}

/// Where it stood, what was decided, and where it stands.
async fn decide(logins: &Logins, word: &Word) -> Result<(ConfirmStage, Decision, Confirmable), Unavailable> {
    let mut seen = Vec::with_capacity(word.0.len());
    for (asked, decision) in &word.0 {
        seen.push((asked, *decision, logins.look(asked).await?));
    }
    let waits = seen.iter().position(|(.., now)| now.stage == ConfirmStage::Open);
    let void = |(_, decision, now): &(_, _, Confirmable)| *decision == NOT_ME && now.stage == ConfirmStage::Confirmed;
    let place = waits.or_else(|| seen.iter().position(void)).unwrap_or_default();
    let (asked, decision, before) = seen.swap_remove(place);
    let stage = before.stage;
    let is_taken = stage == ConfirmStage::Open || decision == NOT_ME;
    let after = if is_taken { logins.answer(asked, decision).await? } else { before };
    Ok((stage, decision, after))
}
