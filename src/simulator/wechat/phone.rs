//! People with phones.

use super::codes::Code;
use super::delivery::MOST_DELIVERIES;
use super::message::Message;
use super::{Answer, Delivery, Pushed, SimulatedAccount, SimulatedWeChat};
use crate::domain::{OpenId, Timestamp};

/// Why a scan led to no push. WeChat shows the person a page then, and the account hears nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
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
        let began = self.0.clock.now();
        let (code, event) = self.take_scan(content, openid, began)?;
        let account = self.about(&code.app_id).ok_or(ScanError::Unknown)?;
        let message = event_of(&code, event, &account, openid, began).write(account.format);
        let push = account.seal(&message, openid, began);
        let mut answers = Vec::new();
        while answers.len() < MOST_DELIVERIES && !answers.iter().flatten().any(Answer::is_accepted) {
            answers.push(self.0.courier.push(&account, &push).await);
        }
        if self.world().faults.deliver_twice {
            answers.push(self.0.courier.push(&account, &push).await);
        }
        Ok(Delivery { event, began, took: began.until(self.0.clock.now()), answers })
    }

    /// When the push of the last scan of this scene by this person began.
    pub fn push_began(&self, scene: &str, openid: &OpenId) -> Option<Timestamp> {
        self.world().pushes.get(&(scene.to_owned(), openid.clone())).copied()
    }

    /// The time by this WeChat's clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn take_scan(&self, content: &str, openid: &OpenId, now: Timestamp) -> Result<(Code, Pushed), ScanError> {
        let mut world = self.world();
        let code = world.codes.get(content).cloned().ok_or(ScanError::Unknown)?;
        if now >= code.expires_at {
            return Err(ScanError::Expired);
        }
        let account = world.account(&code.app_id).ok_or(ScanError::Unknown)?;
        let is_new = account.followers.insert(openid.clone());
        world.pushes.insert((code.scene.clone(), openid.clone()), now);
        Ok((code, if is_new { Pushed::Subscribe } else { Pushed::Scan }))
    }
}

fn event_of(code: &Code, event: Pushed, account: &SimulatedAccount, openid: &OpenId, now: Timestamp) -> Message {
    let (name, prefix) = match event {
        Pushed::Scan => ("SCAN", ""),
        Pushed::Subscribe => ("subscribe", "qrscene_"),
    };
    Message::default()
        .text("ToUserName", &*account.original_id)
        .text("FromUserName", openid.as_str())
        .number("CreateTime", now.as_seconds())
        .text("MsgType", "event")
        .text("Event", name)
        .text("EventKey", format!("{prefix}{}", code.scene))
        .text("Ticket", &*code.ticket)
}
