//! The console that verifies a server, and pushes by hand.

use bytes::Bytes;

use super::{Answer, NoAnswer, Sealed, SimulatedAccount, SimulatedWeChat};
use crate::clock::random_bytes;
use crate::domain::{AppId, OpenId};

/// What came of the verification that the console makes when a callback URL is entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Whether the answer was the `echostr`, byte for byte.
    pub is_passed: bool,
    /// What was answered.
    pub answer: Result<Answer, NoAnswer>,
}

impl SimulatedWeChat {
    /// Verifies the account's callback URL, as the console does. None where there is no such account.
    pub async fn verify(&self, app_id: &AppId) -> Option<Verification> {
        let account = self.about(app_id)?;
        let echo = u64::from_le_bytes(random_bytes()).to_string();
        let answer = self.0.courier.ask(&account, &account.verification(&echo, self.now())).await;
        let is_passed = answer.as_ref().is_ok_and(|answer| answer.status == 200 && answer.body == echo);
        Some(Verification { is_passed, answer })
    }

    /// Any clear text as a push of now, protected as the account has it: encrypted, and signed. For [`Self::push_raw`],
    /// perhaps after a change. None where there is no such account.
    pub fn seal(&self, app_id: &AppId, openid: &OpenId, clear: &str) -> Option<Sealed> {
        Some(self.about(app_id)?.seal(clear, openid, self.now()))
    }

    /// The query that a plain push of now has: `signature`, `timestamp`, `nonce`, and `openid`, which nothing signs. None
    /// where there is no such account.
    pub fn signed_query(&self, app_id: &AppId, openid: &OpenId) -> Option<String> {
        Some(self.about(app_id)?.signed_query(openid, self.now()))
    }

    /// Delivers any body with any query to the account's callback URL, once. None where there is no such account.
    pub async fn push_raw(
        &self,
        app_id: &AppId,
        query: &str,
        body: impl Into<Bytes>,
    ) -> Option<Result<Answer, NoAnswer>> {
        Some(self.0.courier.post(&self.about(app_id)?, query, body.into()).await)
    }

    pub(super) fn about(&self, app_id: &AppId) -> Option<SimulatedAccount> {
        self.world().account(app_id).map(|account| account.about.clone())
    }
}
