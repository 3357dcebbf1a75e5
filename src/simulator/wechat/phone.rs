//! People with phones, and the console that verifies a server.

use bytes::Bytes;
use http::Method;
use sha1::{Digest, Sha1};
use url::Url;

use super::codes::Code;
use super::delivery::MOST_DELIVERIES;
use super::{Answer, Delivery, NoAnswer, Pushed, SimulatedWeChat};
use crate::clock::random_bytes;
use crate::domain::{AppId, OpenId, Timestamp};

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

/// What came of the verification that the console makes when a callback URL is entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Whether the answer was the `echostr`, byte for byte.
    pub is_passed: bool,
    /// What was answered.
    pub answer: Result<Answer, NoAnswer>,
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
        let Some((url, body)) = self.push_of(&code, event, openid, began) else { return Err(ScanError::Unknown) };
        let mut answers = Vec::new();
        while answers.len() < MOST_DELIVERIES && !answers.iter().flatten().any(Answer::is_accepted) {
            answers.push(self.0.courier.deliver(Method::POST, &url, body.clone()).await);
        }
        if self.world().faults.deliver_twice {
            answers.push(self.0.courier.deliver(Method::POST, &url, body).await);
        }
        Ok(Delivery { event, began, took: began.until(self.0.clock.now()), answers })
    }

    /// Delivers any body with any query to the account's callback URL, once. None where there is no such account.
    pub async fn push_raw(
        &self,
        app_id: &AppId,
        query: &str,
        body: impl Into<Bytes>,
    ) -> Option<Result<Answer, NoAnswer>> {
        let mut url = self.world().account(app_id)?.about.callback_url.clone();
        url.set_query(Some(query));
        Some(self.0.courier.deliver(Method::POST, &url, body.into()).await)
    }

    /// The query that a push of now has: `signature`, `timestamp`, `nonce`, and `openid`, which nothing signs. None where
    /// there is no such account.
    pub fn signed_query(&self, app_id: &AppId, openid: &OpenId) -> Option<String> {
        let mut url = self.signed_url(app_id, self.0.clock.now())?;
        url.query_pairs_mut().append_pair("openid", openid.as_str());
        url.query().map(str::to_owned)
    }

    /// Verifies the account's callback URL, as the console does. None where there is no such account.
    pub async fn verify(&self, app_id: &AppId) -> Option<Verification> {
        let mut url = self.signed_url(app_id, self.0.clock.now())?;
        let echo = u64::from_le_bytes(random_bytes()).to_string();
        url.query_pairs_mut().append_pair("echostr", &echo);
        let answer = self.0.courier.deliver(Method::GET, &url, Bytes::new()).await;
        let is_passed = answer.as_ref().is_ok_and(|answer| answer.status == 200 && answer.body == echo);
        Some(Verification { is_passed, answer })
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

    /// The address and the body of a push. Repeated deliveries carry the same signature: nobody says that they do not, and
    /// whoever refuses a signature seen before would lose the scan.
    fn push_of(&self, code: &Code, event: Pushed, openid: &OpenId, now: Timestamp) -> Option<(Url, Bytes)> {
        let mut url = self.signed_url(&code.app_id, now)?;
        url.query_pairs_mut().append_pair("openid", openid.as_str());
        let original_id = self.world().account(&code.app_id)?.about.original_id.clone();
        Some((url, body_of(code, event, &original_id, openid, now).into()))
    }

    fn signed_url(&self, app_id: &AppId, now: Timestamp) -> Option<Url> {
        let about = self.world().account(app_id)?.about.clone();
        let timestamp = now.as_seconds().to_string();
        let nonce = (u32::from_le_bytes(random_bytes()) % 2_000_000_000).to_string();
        let mut url = about.callback_url;
        url.query_pairs_mut()
            .append_pair("signature", &signature([&about.token, &timestamp, &nonce]))
            .append_pair("timestamp", &timestamp)
            .append_pair("nonce", &nonce);
        Some(url)
    }
}

/// An event as WeChat writes it: this order, CDATA around texts, a line break after each element.
fn body_of(code: &Code, event: Pushed, original_id: &str, openid: &OpenId, now: Timestamp) -> String {
    let (name, prefix) = match event {
        Pushed::Scan => ("SCAN", ""),
        Pushed::Subscribe => ("subscribe", "qrscene_"),
    };
    format!(
        "<xml><ToUserName><![CDATA[{original_id}]]></ToUserName>\n\
         <FromUserName><![CDATA[{openid}]]></FromUserName>\n\
         <CreateTime>{created}</CreateTime>\n\
         <MsgType><![CDATA[event]]></MsgType>\n\
         <Event><![CDATA[{name}]]></Event>\n\
         <EventKey><![CDATA[{prefix}{scene}]]></EventKey>\n\
         <Ticket><![CDATA[{ticket}]]></Ticket>\n\
         </xml>",
        openid = openid.as_str(),
        created = now.as_seconds(),
        scene = code.scene.replace("]]>", "]]]]><![CDATA[>"),
        ticket = code.ticket,
    )
}

/// WeChat's own: not the one that the daemon checks with, so that a mistake there shows.
fn signature(mut parts: [&str; 3]) -> String {
    parts.sort_unstable();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}
