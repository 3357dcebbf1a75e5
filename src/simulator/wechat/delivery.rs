//! How WeChat carries a push to the callback URL, and what it makes of the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use quick_xml::Reader;
use quick_xml::events::Event;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::domain::Timestamp;

/// WeChat drops the connection where no answer has come by then.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often a push is delivered that is not taken.
pub(super) const MOST_DELIVERIES: usize = 3;

const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Which event a scan became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// `SCAN`: a follower's.
    Scan,
    /// `subscribe` with the scene behind `qrscene_`: the scan made a follower.
    Subscribe,
}

/// What came of a push.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Which event was pushed.
    pub event: Pushed,
    /// When its first delivery began.
    pub began: Timestamp,
    /// How long it took until the last delivery was answered, or given up.
    pub took: Duration,
    /// What each delivery brought; three where none was accepted.
    pub answers: Vec<Result<Answer, NoAnswer>>,
}

impl Delivery {
    /// How often the push was delivered.
    pub fn deliveries(&self) -> usize {
        self.answers.len()
    }

    /// Whether it was taken: `success`, nothing, or a reply. If not, WeChat tells the person that the account is out of
    /// order.
    pub fn is_accepted(&self) -> bool {
        self.answers.iter().flatten().any(Answer::is_accepted)
    }

    /// The message that the person sees in the conversation, if there was one.
    pub fn reply(&self) -> Option<Reply> {
        self.answers.iter().flatten().find_map(Answer::reply)
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
}

impl Answer {
    /// Whether WeChat takes it: status 200 with `success`, an empty body or a reply. Anything else is delivered again.
    pub fn is_accepted(&self) -> bool {
        self.status == 200 && (self.body.is_empty() || self.body == "success" || self.reply().is_some())
    }

    /// The passive reply in it, if it is one.
    pub fn reply(&self) -> Option<Reply> {
        if self.status == 200 { Reply::parse(std::str::from_utf8(&self.body).ok()?) } else { None }
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

/// A passive reply: the message that the account answers a push with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// `ToUserName`: the person's openid.
    pub to: String,
    /// `FromUserName`: the account's original id.
    pub from: String,
    /// `MsgType`: `text` and others.
    pub msg_type: String,
    /// `Content` of a text.
    pub content: String,
}

impl Reply {
    /// None where WeChat would call it no valid reply: a text needs content, and `CreateTime` is in seconds.
    fn parse(xml: &str) -> Option<Self> {
        let mut reader = Reader::from_str(xml);
        let mut reply = Self::default();
        let (mut path, mut create_time) = (Vec::new(), String::new());
        loop {
            let piece = match reader.read_event().ok()? {
                Event::Start(tag) => {
                    path.push(tag.name().as_ref().to_owned());
                    continue;
                }
                Event::End(_) => {
                    path.pop();
                    continue;
                }
                Event::Text(text) => text.xml10_content().trim().to_owned(),
                Event::CData(data) => data.into_inner().into_owned(),
                Event::Eof => break,
                _ => continue,
            };
            match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["xml", "ToUserName"] => reply.to.push_str(&piece),
                ["xml", "FromUserName"] => reply.from.push_str(&piece),
                ["xml", "MsgType"] => reply.msg_type.push_str(&piece),
                ["xml", "CreateTime"] => create_time.push_str(&piece),
                ["xml", "Content"] => reply.content.push_str(&piece),
                _ => {}
            }
        }
        let in_seconds = create_time.len() <= 10 && create_time.parse::<u64>().is_ok();
        let addressed = !reply.to.is_empty() && !reply.from.is_empty() && !reply.msg_type.is_empty();
        let says_something = reply.msg_type != "text" || !reply.content.is_empty();
        (path.is_empty() && in_seconds && addressed && says_something).then_some(reply)
    }
}

/// Makes the calls to callback URLs.
#[derive(Debug)]
pub(super) struct Courier(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Courier {
    /// Reads the machine's root certificates where `needs_tls`; where there are none, no https callback is reached.
    pub(super) fn new(needs_tls: bool) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = || {
            ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .expect("the provider supports TLS 1.2 and 1.3")
        };
        let native = needs_tls.then(|| builder().with_native_roots().ok()).flatten();
        let config = native.unwrap_or_else(|| builder().with_root_certificates(RootCertStore::empty()));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .build();
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// One delivery, within WeChat's 5 s.
    pub(super) async fn deliver(&self, method: Method, url: &Url, body: Bytes) -> Result<Answer, NoAnswer> {
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::USER_AGENT, "Mozilla/4.0")
            .header(header::ACCEPT, "*/*")
            .header(header::PRAGMA, "no-cache")
            .header(header::CONTENT_TYPE, "text/xml")
            .body(Full::from(body))
            .map_err(|error| NoAnswer::Unreachable(error.to_string()))?;
        tokio::time::timeout(TIMEOUT, self.exchange(request)).await.unwrap_or(Err(NoAnswer::TimedOut))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let response = self.0.request(request).await.map_err(|error| NoAnswer::Unreachable(format!("{error:?}")))?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| NoAnswer::Unreachable(error.to_string()))?.to_bytes();
        Ok(Answer { status, content_type, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<xml><ToUserName><![CDATA[o1]]></ToUserName><FromUserName><![CDATA[gh_1]]></FromUserName>\
        <CreateTime>1457752395</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[tap here]]></Content></xml>";

    fn accepts(status: u16, body: &str) -> bool {
        Answer { status, content_type: None, body: Bytes::copy_from_slice(body.as_bytes()) }.is_accepted()
    }

    #[test]
    fn success_nothing_and_a_reply_are_accepted() {
        assert!(accepts(200, "success"));
        assert!(accepts(200, ""));
        assert!(accepts(200, TEXT));
        assert_eq!(Reply::parse(TEXT).unwrap().content, "tap here");
    }

    #[test]
    fn anything_else_is_not() {
        assert!(!accepts(500, "success"));
        for body in [
            "\"success\"",
            "{\"ok\":true}",
            "<html>",
            "<html></html>",
            &TEXT.replace("1457752395", "1457752395123"),
            &TEXT.replace("tap here", ""),
            &TEXT.replace("</xml>", ""),
        ] {
            assert!(!accepts(200, body), "{body}");
        }
    }
}
