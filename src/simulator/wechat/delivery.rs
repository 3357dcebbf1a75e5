//! How WeChat carries a push to the callback URL, and what it makes of the answer.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use url::Url;

use super::{Reply, Sealed, SimulatedAccount};
use crate::domain::Timestamp;
use crate::simulator::client::{self, HttpClient};

/// WeChat drops the connection where no answer has come by then.
const TIMEOUT: Duration = Duration::from_secs(5);

const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// `SCAN`: a follower's.
    Scan,
    /// `subscribe`: somebody became a follower, with the scene behind `qrscene_` where a code led to it.
    Subscribe,
    /// `unsubscribe`: a follower left.
    Unsubscribe,
    /// `CLICK`: a menu button with a key.
    Click,
    /// `VIEW`: a menu button that opens a page.
    View,
    /// A text message.
    Text,
}

/// What came of a push.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What was pushed.
    pub event: Pushed,
    /// When its first delivery began.
    pub began: Timestamp,
    /// How long it took until the last delivery was answered, or given up.
    pub took: Duration,
    /// What each delivery brought; three where none was accepted, and none where the push was lost.
    pub answers: Vec<Result<Answer, NoAnswer>>,
    /// Its query and its body.
    pub push: Sealed,
}

impl Delivery {
    /// How often the push was delivered.
    pub fn deliveries(&self) -> usize {
        self.answers.len()
    }

    /// Whether it was not delivered at all, because the URL had failed too often.
    pub fn is_lost(&self) -> bool {
        self.answers.is_empty()
    }

    /// Whether it was taken: `success`, nothing, or a reply. If not, WeChat tells the person that the account is out of
    /// order.
    pub fn is_accepted(&self) -> bool {
        self.answers.iter().flatten().any(Answer::is_accepted)
    }

    /// The message that the person sees in the conversation, if there was one.
    pub fn reply(&self) -> Option<Reply> {
        self.answers.iter().flatten().find_map(|answer| answer.reply.clone())
    }
}

/// An answer of the callback URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type, where one was sent.
    pub content_type: Option<String>,
    /// The body, as it came.
    pub body: Bytes,
    /// The reply in it, decrypted if need be; none where there is none that WeChat would take.
    pub reply: Option<Reply>,
}

impl Answer {
    /// Whether WeChat takes it: status 200 with `success`, an empty body or a reply. Anything else is delivered again.
    pub fn is_accepted(&self) -> bool {
        self.status == 200 && (self.body.is_empty() || self.body == "success" || self.reply.is_some())
    }
}

/// Why a delivery brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// None within WeChat's 5 s.
    #[error("no answer within 5 s")]
    TimedOut,
    /// No connection, or one that broke.
    #[error("not reachable: {0}")]
    Unreachable(String),
}

/// Makes the calls to callback URLs.
#[derive(Debug)]
pub(super) struct Courier(HttpClient);

impl Courier {
    /// Reads the machine's root certificates where `needs_tls`; where there are none, no https callback is reached.
    pub(super) fn new(needs_tls: bool) -> Self {
        let connector = if needs_tls { client::believing() } else { client::plain() };
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// One delivery of a push.
    pub(super) async fn push(&self, account: &SimulatedAccount, push: &Sealed) -> Result<Answer, NoAnswer> {
        self.post(account, &push.query, push.body.clone().into()).await
    }

    /// One delivery of any body.
    pub(super) async fn post(&self, account: &SimulatedAccount, query: &str, body: Bytes) -> Result<Answer, NoAnswer> {
        self.deliver(account, Method::POST, &account.called(query), body).await
    }

    /// The call with which the console verifies a URL.
    pub(super) async fn ask(&self, account: &SimulatedAccount, url: &Url) -> Result<Answer, NoAnswer> {
        self.deliver(account, Method::GET, url, Bytes::new()).await
    }

    /// One call, within WeChat's 5 s.
    async fn deliver(
        &self,
        account: &SimulatedAccount,
        method: Method,
        url: &Url,
        body: Bytes,
    ) -> Result<Answer, NoAnswer> {
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::USER_AGENT, "Mozilla/4.0")
            .header(header::ACCEPT, "*/*")
            .header(header::PRAGMA, "no-cache")
            .header(header::CONTENT_TYPE, account.media_type())
            .body(Full::from(body))
            .map_err(|error| NoAnswer::Unreachable(error.to_string()))?;
        let mut answer =
            tokio::time::timeout(TIMEOUT, self.exchange(request)).await.unwrap_or(Err(NoAnswer::TimedOut))?;
        answer.reply = (answer.status == 200).then(|| account.read_reply(&answer.body)).flatten();
        Ok(answer)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let response = self.0.request(request).await.map_err(|error| NoAnswer::Unreachable(format!("{error:?}")))?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| NoAnswer::Unreachable(error.to_string()))?.to_bytes();
        Ok(Answer { status, content_type, body, reply: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(status: u16, body: &'static str, reply: Option<Reply>) -> bool {
        Answer { status, content_type: None, body: body.into(), reply }.is_accepted()
    }

    #[test]
    fn success_nothing_and_a_reply_are_accepted_with_status_200() {
        assert!(accepts(200, "success", None));
        assert!(accepts(200, "", None));
        assert!(accepts(200, "<xml>", Some(Reply::default())));
        assert!(!accepts(200, "\"success\"", None));
        assert!(!accepts(500, "success", None));
    }
}
