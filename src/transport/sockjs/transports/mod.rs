//! One file for each way to carry frames: how a frame is wrapped, when a response ends, what the client may send.

pub(super) mod websocket;
pub(super) mod xhr;
