//! `POST /forget` on the admin socket: what identifies a person is destroyed.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actors::{ForgetOutcome, Forgetting, Forgot};
use crate::domain::{AccountName, OpenId};
use crate::transport::Unionids;

/// Forgetting, for the admin socket.
///
/// `POST /forget` takes `{"account": NAME, "openid": ID}` and answers with a [`Forgotten`]. It returns when the keys are
/// destroyed; a peer that goes away meanwhile does not stop it. What is remembered of the person's unionid goes, too.
pub fn forget_router(forgetting: Forgetting, unionids: Unionids) -> Router {
    Router::new().route("/forget", post(forget).with_state((forgetting, unionids)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    account: String,
    openid: String,
}

/// What became of it, for the program's own command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// `done`, `done_before` or `unknown`.
    pub outcome: String,
    /// The sequence of the event, where there is one.
    pub seq: Option<u64>,
    /// In how many logins the person is met.
    pub logins: usize,
    /// How many records name the person in clear, and stay.
    pub in_clear: usize,
}

impl From<Forgot> for Forgotten {
    fn from(forgot: Forgot) -> Self {
        let (outcome, seq) = match forgot.outcome {
            ForgetOutcome::Done(seq) => ("done", Some(seq)),
            ForgetOutcome::DoneBefore(seq) => ("done_before", Some(seq)),
            ForgetOutcome::Unknown => ("unknown", None),
        };
        Self { outcome: outcome.into(), seq, logins: forgot.logins, in_clear: forgot.in_clear }
    }
}

async fn forget(State((forgetting, unionids)): State<(Forgetting, Unionids)>, body: Bytes) -> Response {
    // What is wrong with it is not repeated: it may be an openid.
    let Ok(Ask { account, openid }) = serde_json::from_slice(&body) else {
        return problem(StatusCode::BAD_REQUEST, "the request is not understood", "use the daemon's own version");
    };
    let (Ok(account), Ok(openid)) = (AccountName::new(account), OpenId::new(openid)) else {
        return problem(StatusCode::BAD_REQUEST, "no account or no openid", "see `scan-login audit forget --help`");
    };
    let forgotten = tokio::spawn(FutureExt::boxed(async move {
        let forgot = forgetting.forget(&account, &openid).await;
        unionids.forget(&account, &openid);
        forgot
    }));
    match forgotten.await {
        Ok(Ok(forgot)) => axum::Json(Forgotten::from(forgot)).into_response(),
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string(), &error.cure()),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "forgetting panicked", "look at the daemon's log"),
    }
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let problem = json!({ "title": title, "detail": detail, "status": status.as_u16() });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
}
