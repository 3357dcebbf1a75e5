use std::fmt::Debug;
use std::hash::Hash;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::histogram::Histogram;

/// Makes the histograms of a family.
pub(super) type MakeHistogram = fn() -> Histogram;

/// Histograms by labels.
pub(super) type Histograms<S> = Family<S, Histogram, MakeHistogram>;

/// A registry that is being filled.
pub(super) struct Registering<'a>(pub(super) &'a mut Registry);

impl Registering<'_> {
    /// One metric. A counter's name gets its `_total` when it is written.
    pub(super) fn one<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        self.this(name, help, M::default())
    }

    /// The metric that is given.
    pub(super) fn this<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    /// Metrics by labels.
    pub(super) fn family<S, M>(&mut self, name: &str, help: &str) -> Family<S, M>
    where
        Family<S, M>: Default + Clone + Metric,
    {
        self.one(name, help)
    }

    /// In seconds; the unit ends the name.
    pub(super) fn seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }

    /// In bytes; the unit ends the name.
    pub(super) fn bytes<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register_with_unit(name, help, Unit::Bytes, metric.clone());
        metric
    }

    /// How long something takes, by labels.
    pub(super) fn histograms<S>(&mut self, name: &str, help: &str, make: MakeHistogram) -> Histograms<S>
    where
        S: Clone + Hash + Eq + Debug + EncodeLabelSet + Send + Sync + 'static,
    {
        self.seconds(name, help, Family::new_with_constructor(make))
    }
}
