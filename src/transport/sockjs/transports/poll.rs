//! Requests that wait for one frame.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::super::body;
use super::super::frame::Frame;
use super::super::head::Head;
use super::super::table::Sessions;
use super::{refusal, unavailable};

/// One frame of the session, which is opened where there is none; or what to answer instead.
///
/// Where the client goes while this waits, the server drops this future, and the receiver in it ends the session. The
/// body is read first, though it means nothing: behind an unread body the server would not notice that the client went.
pub(super) async fn poll(sessions: &Arc<Sessions>, id: &str, parts: Parts, body: Body) -> Result<Frame, Response> {
    body::read(&sessions.options, body).await.map_err(IntoResponse::into_response)?;
    sessions.until_free(id).await;
    match sessions.receive(id, Head::pack(parts, sessions.options.extensions)) {
        Ok(mut receiver) => {
            let frame = receiver.next().await;
            receiver.served();
            Ok(frame)
        }
        Err(error) => refusal(error).ok_or_else(unavailable),
    }
}
