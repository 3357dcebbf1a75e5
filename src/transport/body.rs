use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection_place::ConnectionPlace;

/// A request's body, as long as it comes in time: whoever announces one and does not send it must not keep his place.
pub(super) struct InTime {
    body: Incoming,
    place: ConnectionPlace,
    until: Instant,
    /// Set where something of it has to be waited for: most bodies come with their head.
    late: Option<Pin<Box<Sleep>>>,
}

impl InTime {
    pub(super) fn new(body: Incoming, until: Instant, place: ConnectionPlace) -> Self {
        place.lacks_body(true);
        Self { body, place, until, late: None }
    }
}

impl Drop for InTime {
    fn drop(&mut self) {
        self.place.lacks_body(false);
    }
}

impl Body for InTime {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if self.body.is_end_stream() || frame.is_none() {
                self.place.lacks_body(false);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        let until = self.until;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep_until(until)));
        late.as_mut()
            .poll(context)
            .map(|()| Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the body did not come in time"))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
