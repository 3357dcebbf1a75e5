//! Responses that carry many frames, each of which is a chunk of its own.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::StatusCode;
use http::request::Parts;
use tokio::sync::mpsc::{Receiver as ChunkReceiver, Sender, channel};
use tokio::time::timeout;

use super::super::answer::answer;
use super::super::body;
use super::super::frame::Frame;
use super::super::head::Head;
use super::super::live::Receiver;
use super::super::options::Options;
use super::super::table::Sessions;
use super::{refusal, unavailable};

/// How a transport writes its response.
pub(in super::super) struct Form {
    pub(super) content_type: &'static str,
    /// What comes before the first frame.
    pub(super) prelude: Bytes,
    pub(super) wrap: fn(&Frame) -> String,
}

/// How many chunks may wait for the connection: the prelude, and one frame.
const CHUNKS: usize = 2;

/// Answers with the session's frames, opening the session where there is none, until the client has had enough of them.
pub(in super::super) async fn stream(
    sessions: &Arc<Sessions>,
    id: &str,
    parts: Parts,
    body: Body,
    form: Form,
) -> Response {
    // Behind an unread body the server would not notice that the client went.
    if let Err(error) = body::read(&sessions.options, body).await {
        return error.into_response();
    }
    let Form { content_type, prelude, wrap } = form;
    let (client, chunks) = channel(CHUNKS);
    // There is room for both.
    let _ = client.try_send(prelude);
    sessions.until_free(id).await;
    match sessions.receive(id, Head::pack(parts, sessions.options.extensions)) {
        Ok(receiver) => {
            let sessions = sessions.clone();
            sessions.options.tasks.clone().spawn(FutureExt::boxed(async move {
                pump(&sessions.options, receiver, client, wrap).await;
            }));
        }
        Err(error) => match refusal(error) {
            Some(frame) => drop(client.try_send(wrap(&frame).into())),
            None => return unavailable(),
        },
    }
    answer(StatusCode::OK, content_type, whole(chunks))
}

/// Sends frames until the response is long enough or the session is closed. Where the client is lost before, or does not
/// read, the receiver is dropped, which ends the session.
async fn pump(options: &Options, mut receiver: Receiver, client: Sender<Bytes>, wrap: fn(&Frame) -> String) {
    let mut sent = 0;
    loop {
        let Ok(Ok(room)) = timeout(options.write_timeout, client.reserve()).await else { return };
        let frame = tokio::select! {
            frame = receiver.next() => frame,
            () = client.closed() => return,
        };
        let chunk = wrap(&frame);
        sent += chunk.len();
        if matches!(frame, Frame::Close(_)) || sent >= options.response_limit {
            // Before the client gets to know: it may come back at once.
            receiver.served();
            room.send(chunk.into());
            return;
        }
        room.send(chunk.into());
    }
}

fn whole(mut chunks: ChunkReceiver<Bytes>) -> Body {
    Body::from_stream(stream::poll_fn(move |context| {
        chunks.poll_recv(context).map(|chunk| chunk.map(Ok::<_, Infallible>))
    }))
}
