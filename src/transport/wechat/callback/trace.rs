//! What is told of a callback that is about a login: how long it took, and its spans.

use tokio::time::Instant;

use super::act::Arrival;
use crate::actors::Callback;
use crate::domain::{Created, SceneId};
use crate::traces::{Span, SpanName, Step};
use crate::transport::site::Site;

/// A callback that is worked on.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallbackTrace {
    arrival: Arrival,
    name: SpanName,
    decided_from: Instant,
}

impl CallbackTrace {
    /// It was opened, and now the session is asked.
    pub(super) fn begin(site: &Site, arrival: Arrival) -> Self {
        Self { arrival, name: site.traces.name(), decided_from: Instant::now() }
    }

    /// By what the session tells what came of it.
    pub(super) fn callback(&self) -> Callback {
        Callback { arrived: self.arrival.at, name: self.name.0 }
    }

    /// The session has decided, and what it decided is durable.
    pub(super) fn durable(&self, site: &Site, scene: &SceneId, created: &Created, outcome: &'static str) {
        site.metrics.logins().callback_durable(self.arrival.at.elapsed());
        let whole = Span::until_now(Step::Callback, scene, outcome, self.arrival.at);
        let whole = Span { created: Some(created), name: Some(self.name), ..whole };
        let part = Span { name: None, parent: Some(self.name), ..whole };
        site.traces.ended(&whole);
        site.traces.ended(&Span { step: Step::Open, outcome: "authentic", ended: self.arrival.opened, ..part });
        site.traces.ended(&Span { step: Step::Decide, began: self.decided_from, ..part });
    }
}
