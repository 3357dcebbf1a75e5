//! Where ids come from: a trace's from its scene, a span's from whoever tells it.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use sha2::{Digest, Sha256};

use crate::domain::SceneId;

/// The ids that every span of a login can work out for itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) trace: TraceId,
    /// Of the span of the login's creation, which all others are parts of.
    pub(super) root: SpanId,
}

impl Ids {
    /// A scene id is random, so a hash of it is as good as a random trace id is (W3C Trace Context §3.2.2.3).
    pub(super) fn of(scene: &SceneId) -> Self {
        let digest = Sha256::digest(scene.as_str().as_bytes());
        let trace: [u8; 16] = std::array::from_fn(|index| digest[index]);
        let root: [u8; 8] = std::array::from_fn(|index| digest[16 + index]);
        Self { trace: TraceId::from_bytes(trace), root: SpanId::from_bytes(root) }
    }
}

thread_local! {
    static NEXT: Cell<(Option<TraceId>, Option<SpanId>)> = const { Cell::new((None, None)) };
}

/// Runs `build` so that the span that it builds gets these ids; others' are random.
pub(super) fn with_ids<T>(trace: TraceId, span: Option<SpanId>, build: impl FnOnce() -> T) -> T {
    NEXT.set((Some(trace), span));
    let built = build();
    NEXT.set((None, None));
    built
}

/// Gives out what [`with_ids`] says.
#[derive(Debug)]
pub(super) struct Derived(pub(super) RandomIdGenerator);

impl IdGenerator for Derived {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get().0.unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get().1.unwrap_or_else(|| self.0.new_span_id())
    }
}
