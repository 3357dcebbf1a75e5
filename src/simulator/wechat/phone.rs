//! People with phones, and what they do with them.

use std::time::Duration;

use url::Url;

use super::codes::Code;
use super::message::Message;
use super::people::Voice;
use super::pushing::Happening;
use super::{Delivery, Pushed, SimulatedAccount, SimulatedWeChat};
use crate::clock::random_bytes;
use crate::domain::{AppId, OpenId, Timestamp};

/// Whoever takes as long as this between scanning and following is not known to have scanned any more.
const SCENE_IS_REMEMBERED: Duration = Duration::from_secs(300);

/// Where the codes that WeChat makes lead.
const WECHAT: &str = "weixin.qq.com";

/// Why a scan led to no push. WeChat shows the person a page then, and the account hears nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// It holds a link of somebody's, which WeChat opens in its browser: see [`SimulatedWeChat::browser`].
    #[error("the QR code leads to {0}")]
    Page(Url),
    /// No code of ours says this.
    #[error("this is not a QR code of WeChat's")]
    Unknown,
    /// It had its time.
    #[error("the QR code has expired")]
    Expired,
}

impl SimulatedWeChat {
    /// Lets `openid` scan the code that says `content`. WeChat pushes `SCAN` for a follower of the account; anybody else
    /// follows it, and `subscribe` is pushed. Returns when WeChat has been answered or has given up.
    ///
    /// # Errors
    /// A [`ScanError`] where nothing was pushed.
    pub async fn scan(&self, content: &str, openid: &OpenId) -> Result<Delivery, ScanError> {
        self.scan_and_follow_after(content, openid, Duration::ZERO).await
    }

    /// The same; whoever does not follow the account yet takes this long before pressing Follow. After five minutes WeChat
    /// has forgotten the scene, and `subscribe` comes with an empty `EventKey`.
    ///
    /// # Errors
    /// A [`ScanError`] where nothing was pushed.
    pub async fn scan_and_follow_after(
        &self,
        content: &str,
        openid: &OpenId,
        hesitation: Duration,
    ) -> Result<Delivery, ScanError> {
        let code = self.read_code(content)?;
        let account = self.about(&code.app_id).ok_or(ScanError::Unknown)?;
        if !hesitation.is_zero() && !self.follows(&code.app_id, openid) {
            tokio::time::sleep(hesitation).await;
        }
        let is_remembered = hesitation < SCENE_IS_REMEMBERED && !self.push_faults().forgets_scene;
        let now = self.now();
        let is_new = self.with_person(&code.app_id, openid, |person| {
            person.follow(now, Some(&code.scene).filter(|_| is_remembered).map(String::as_str))
        });
        let happening = match is_new.ok_or(ScanError::Unknown)? {
            true if !is_remembered => followed(&account, openid, now),
            true => scanned(&account, &code, Pushed::Subscribe, openid, now),
            false => scanned(&account, &code, Pushed::Scan, openid, now),
        };
        Ok(self.push(&account, happening).await)
    }

    /// Lets two people scan the same code at the same time.
    pub async fn scan_both(&self, content: &str, people: [&OpenId; 2]) -> [Result<Delivery, ScanError>; 2] {
        tokio::join!(self.scan(content, people[0]), self.scan(content, people[1])).into()
    }

    /// Lets `openid` follow the account without any code, so that `subscribe` is pushed with an empty `EventKey`. None where
    /// there is no such account.
    pub async fn subscribe(&self, app_id: &AppId, openid: &OpenId) -> Option<Delivery> {
        let (account, now) = (self.about(app_id)?, self.now());
        self.with_person(app_id, openid, |person| person.follow(now, None));
        Some(self.push(&account, followed(&account, openid, now)).await)
    }

    /// Lets `openid` leave the account. None where there is no such account.
    pub async fn unsubscribe(&self, app_id: &AppId, openid: &OpenId) -> Option<Delivery> {
        let (account, now) = (self.about(app_id)?, self.now());
        self.with_person(app_id, openid, super::people::Person::unfollow);
        let message = event(&account, "unsubscribe", openid, now).text("EventKey", "");
        Some(self.push(&account, done(Pushed::Unsubscribe, openid, message)).await)
    }

    /// Lets `openid` press a menu button with this key. None where there is no such account.
    pub async fn click(&self, app_id: &AppId, openid: &OpenId, key: &str) -> Option<Delivery> {
        let account = self.about(app_id)?;
        let message = event(&account, "CLICK", openid, self.now()).text("EventKey", key);
        Some(self.push(&account, done(Pushed::Click, openid, message)).await)
    }

    /// Lets `openid` press a menu button that opens this page. None where there is no such account.
    pub async fn view(&self, app_id: &AppId, openid: &OpenId, url: &str) -> Option<Delivery> {
        let account = self.about(app_id)?;
        let message = event(&account, "VIEW", openid, self.now()).text("EventKey", url).text("MenuId", "430165235");
        Some(self.push(&account, done(Pushed::View, openid, message)).await)
    }

    /// Lets `openid` write a text to the account. None where there is no such account.
    pub async fn say(&self, app_id: &AppId, openid: &OpenId, text: &str) -> Option<Delivery> {
        self.write(app_id, openid, text, None).await
    }

    /// Lets `openid` press an entry of a menu in the conversation: they say what it says, and WeChat tells its id. None where
    /// there is no such account.
    pub async fn press(&self, app_id: &AppId, openid: &OpenId, id: &str, content: &str) -> Option<Delivery> {
        self.write(app_id, openid, content, Some(id)).await
    }

    async fn write(&self, app_id: &AppId, openid: &OpenId, text: &str, menu: Option<&str>) -> Option<Delivery> {
        let (account, now) = (self.about(app_id)?, self.now());
        self.with_person(app_id, openid, |person| person.hear(now, Voice::Person, text));
        let message = head(&account, openid, now)
            .text("MsgType", "text")
            .text("Content", text)
            .number("MsgId", i64::from_le_bytes(random_bytes()) & i64::MAX);
        let message = match menu {
            Some(id) => message.text("bizmsgmenuid", id),
            None => message,
        };
        Some(self.push(&account, done(Pushed::Text, openid, message)).await)
    }

    /// When the push of the last scan of this scene by this person began.
    pub fn push_began(&self, scene: &str, openid: &OpenId) -> Option<Timestamp> {
        self.world().pushes.get(&(scene.to_owned(), openid.clone())).copied()
    }

    /// The time by this WeChat's clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn read_code(&self, content: &str) -> Result<Code, ScanError> {
        let code = self.world().codes.get(content).cloned().ok_or_else(|| not_ours(content))?;
        if self.now() >= code.expires_at { Err(ScanError::Expired) } else { Ok(code) }
    }
}

/// What a code is that no account of ours has made.
fn not_ours(content: &str) -> ScanError {
    let url = content.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.filter(|url| url.host_str() != Some(WECHAT)).map_or(ScanError::Unknown, ScanError::Page)
}

fn scanned(account: &SimulatedAccount, code: &Code, pushed: Pushed, openid: &OpenId, now: Timestamp) -> Happening {
    let (name, prefix) = if pushed == Pushed::Scan { ("SCAN", "") } else { ("subscribe", "qrscene_") };
    let message = event(account, name, openid, now)
        .text("EventKey", format!("{prefix}{}", code.scene))
        .text("Ticket", &*code.ticket);
    Happening { scene: Some(code.scene.clone()), ..done(pushed, openid, message) }
}

fn followed(account: &SimulatedAccount, openid: &OpenId, now: Timestamp) -> Happening {
    done(Pushed::Subscribe, openid, event(account, "subscribe", openid, now).text("EventKey", ""))
}

fn done(event: Pushed, openid: &OpenId, message: Message) -> Happening {
    Happening { event, openid: openid.clone(), scene: None, message }
}

fn event(account: &SimulatedAccount, name: &str, openid: &OpenId, now: Timestamp) -> Message {
    head(account, openid, now).text("MsgType", "event").text("Event", name)
}

fn head(account: &SimulatedAccount, openid: &OpenId, now: Timestamp) -> Message {
    Message::default()
        .text("ToUserName", &*account.original_id)
        .text("FromUserName", openid.as_str())
        .number("CreateTime", now.as_seconds())
}
