use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use url::Url;

use super::caller::{CallError, Called, Caller};
use super::website::LoginStart;

/// How long a poll may take; the daemon allows 30 s.
const WAIT: Duration = Duration::from_secs(25);

/// A visitor's browser with one scan session, as the page's script would hold it.
#[derive(Debug)]
pub struct Browser {
    caller: Caller,
    attach_token: String,
    poll: Url,
    seen: u64,
    /// The session.
    pub scene_id: String,
    /// What the QR code says.
    pub qr_content: String,
}

/// Why a browser has no code.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The daemon answers with an error.
    #[error("{what} was answered with {status}: {body}")]
    Refused {
        /// Which call.
        what: &'static str,
        /// The HTTP status.
        status: StatusCode,
        /// The answer's body.
        body: String,
    },
    /// An answer that says not what it should.
    #[error("{0} is missing in the answer")]
    Missing(&'static str),
    /// The session ended otherwise.
    #[error("the session ended: {0}")]
    Ended(String),
    /// No answer.
    #[error("the daemon is {0}")]
    Unreachable(#[from] CallError),
}

impl Browser {
    /// Asks the daemon at `public_url` for a QR code.
    ///
    /// # Errors
    /// A [`BrowserError`] where there is none.
    pub async fn open(public_url: &Url, start: &LoginStart) -> Result<Self, BrowserError> {
        let caller = Caller::default();
        let body = json!({
            "client_id": start.client_id,
            "code_challenge": start.code_challenge,
            "code_challenge_method": start.code_challenge_method,
        });
        let url = format!("{}/v1/sessions", public_url.as_str().trim_end_matches('/'));
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        let answer = caller.call(finish(request, body.to_string())?).await?;
        let session = taken("POST /v1/sessions", StatusCode::CREATED, &answer)?;
        let poll = text(&session["links"], "poll")?.parse().map_err(|_| BrowserError::Missing("poll"))?;
        Ok(Self {
            caller,
            attach_token: text(&session, "attach_token")?,
            poll,
            seen: 0,
            scene_id: text(&session, "scene_id")?,
            qr_content: text(&session, "qr_content")?,
        })
    }

    /// Waits for the code of the confirmed login.
    ///
    /// # Errors
    /// A [`BrowserError`] where the session ends without one.
    pub async fn code(&mut self) -> Result<String, BrowserError> {
        loop {
            for message in self.messages().await? {
                self.seen = message["seq"].as_u64().unwrap_or(self.seen);
                match message["type"].as_str() {
                    Some("confirmed") => return text(&message, "code"),
                    Some(end @ ("denied" | "expired")) => return Err(BrowserError::Ended(end.to_owned())),
                    _ => {}
                }
            }
        }
    }

    async fn messages(&self) -> Result<Vec<Value>, BrowserError> {
        let mut url = self.poll.clone();
        url.query_pairs_mut()
            .append_pair("after", &self.seen.to_string())
            .append_pair("wait", &WAIT.as_secs().to_string());
        let request = Request::get(url.as_str()).header(header::AUTHORIZATION, format!("Bearer {}", self.attach_token));
        let answer = self.caller.call(finish(request, String::new())?).await?;
        match taken("the long poll", StatusCode::OK, &answer)?["messages"].take() {
            Value::Array(messages) => Ok(messages),
            _ => Err(BrowserError::Missing("messages")),
        }
    }
}

fn finish(request: http::request::Builder, body: String) -> Result<Request<Full<Bytes>>, CallError> {
    request.body(Full::from(body)).map_err(|error| CallError::Unreachable(error.to_string()))
}

fn taken(what: &'static str, expected: StatusCode, answer: &Called) -> Result<Value, BrowserError> {
    if answer.status == expected {
        return Ok(answer.json());
    }
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    Err(BrowserError::Refused { what, status: answer.status, body })
}

fn text(value: &Value, name: &'static str) -> Result<String, BrowserError> {
    value[name].as_str().map(str::to_owned).ok_or(BrowserError::Missing(name))
}
