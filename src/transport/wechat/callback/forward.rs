//! The other system behind the same callback URL: WeChat has one for an account, and several programs may want it.
//!
//! It gets query and body as they came, so it can check and decrypt by itself, and its answer goes back to WeChat as it is.
//! It is asked only for what passed our own checks. Whatever goes wrong with it, WeChat gets `success`: an error page of
//! its would be shown to people as an outage of the account.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::Full;
use url::Url;

use super::answer::{Answer, Form};
use crate::transport::wechat::api::HttpClient;
use crate::transport::wechat::message;

/// How long it may take: WeChat waits 5 s, the way there and back included.
const DEADLINE: Duration = Duration::from_secs(4);

/// Asks the other system. Clone it freely.
#[derive(Clone, Debug)]
pub(super) struct Forwarder {
    client: HttpClient,
    url: Url,
}

/// A push as it came, for the other system.
#[derive(Clone, Debug)]
pub(super) struct Original {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Forwarder {
    pub(super) fn new(client: HttpClient, url: Url) -> Self {
        let mut url = url;
        url.set_fragment(None);
        Self { client, url }
    }

    /// What the other system answers.
    ///
    /// # Errors
    /// A line for the log where its answer must not go back.
    pub(super) async fn ask(&self, original: Original) -> Result<Answer, String> {
        // Not by `set_query`, which would write some characters anew.
        let url = self.url.as_str();
        let joint = if self.url.query().is_some() { '&' } else { '?' };
        let query = original.uri.query().unwrap_or_default();
        let mut request = Request::post(format!("{url}{joint}{query}"));
        // Only these two: what else stands there may be a proxy's, or say who may do what.
        for name in [header::CONTENT_TYPE, header::USER_AGENT] {
            if let Some(value) = original.headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let request = request.body(Full::from(original.body)).map_err(|error| error.to_string())?;
        match tokio::time::timeout(DEADLINE, self.client.exchange(request)).await {
            Ok(Ok((status, body))) => judge(status, body),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(format!("no answer within {} s", DEADLINE.as_secs())),
        }
    }
}

/// Only what WeChat understands goes back: XML, JSON, `success`, or nothing.
fn judge(status: StatusCode, body: Bytes) -> Result<Answer, String> {
    if status != StatusCode::OK {
        return Err(format!("it answers HTTP {}", status.as_u16()));
    }
    let text = body.trim_ascii();
    match text {
        b"success" | b"" => Ok(Answer::success()),
        xml if std::str::from_utf8(xml).is_ok_and(message::is_xml) => Ok(Answer::new(Form::Xml, body)),
        json if json.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok() => {
            Ok(Answer::new(Form::Json, body))
        }
        _ => Err("it answers neither XML nor JSON nor success".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wechat_understands_goes_back_as_it_is() {
        for (body, answer) in [
            ("success", Answer::success()),
            ("success\n", Answer::success()),
            ("", Answer::success()),
            ("<xml><MsgType>text</MsgType></xml>\n", Answer::new(Form::Xml, "<xml><MsgType>text</MsgType></xml>\n")),
            ("<?xml version=\"1.0\"?>\n<xml></xml>", Answer::new(Form::Xml, "<?xml version=\"1.0\"?>\n<xml></xml>")),
            ("\u{feff}<xml></xml>", Answer::new(Form::Xml, "\u{feff}<xml></xml>")),
            ("{\"MsgType\":\"text\"}", Answer::new(Form::Json, "{\"MsgType\":\"text\"}")),
        ] {
            assert_eq!(judge(StatusCode::OK, body.into()), Ok(answer), "{body}");
        }
    }

    #[test]
    fn an_error_page_and_every_other_status_stay_here() {
        for body in [
            "<html></html>",
            "Notice: x <xml></xml>",
            "<xml>",
            "<xml><a></xml>",
            "<xml></xml><xml></xml>",
            "<!DOCTYPE xml><xml></xml>",
            "{",
            "\"success\"",
            "fail",
        ] {
            assert!(judge(StatusCode::OK, body.into()).is_err(), "{body}");
        }
        assert!(judge(StatusCode::OK, Bytes::from_static(b"<xml>\xff</xml>")).is_err());
        for status in [201, 204, 302, 404, 500] {
            assert!(judge(StatusCode::from_u16(status).unwrap(), "success".into()).is_err(), "{status}");
        }
    }
}
