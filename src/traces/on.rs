use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{
    Span as _, SpanContext, SpanKind, TraceContextExt, TraceFlags, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue, trace::SpanId};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, Sampler, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

use super::client::ToCollector;
use super::ids::{Derived, Ids, with_ids};
use super::times::Times;
use super::{Span, SpanName, Step};
use crate::domain::Created;

/// How long the last spans may take on their way when the daemon stops.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Tells a collector of logins, where one is configured. Clone it freely.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Inner>>);

struct Inner {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    names: RandomIdGenerator,
    times: Times,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

impl Traces {
    /// Tells nobody.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Tells the collector that the standard variables name (`OTEL_EXPORTER_OTLP_ENDPOINT` and its kin; OpenTelemetry
    /// Environment Variable Specification), over HTTP with protobuf; without one, nobody. To be called within a runtime.
    pub fn from_environment() -> Self {
        let is_given = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is =
            |name: &str, value: &str| std::env::var_os(name).is_some_and(|given| given.eq_ignore_ascii_case(value));
        let is_named = is_given("OTEL_EXPORTER_OTLP_ENDPOINT") || is_given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        if !is_named || is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Self::off();
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(ToCollector::new(Handle::current()))
            .build();
        match exporter {
            Ok(exporter) => Self::telling(exporter),
            Err(error) => {
                tracing::error!(%error, "traces are told to nobody: see to the variables OTEL_EXPORTER_OTLP_*");
                Self::off()
            }
        }
    }

    fn telling(exporter: SpanExporter) -> Self {
        let mut resource =
            Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("scan-login");
        }
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_id_generator(Derived(RandomIdGenerator::default()))
            .with_sampler(sampler())
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer("scan-login");
        Self(Some(Arc::new(Inner { provider, tracer, names: RandomIdGenerator::default(), times: Times::default() })))
    }

    /// The name for a span that others are parts of.
    pub fn name(&self) -> SpanName {
        let name = self.0.as_ref().map_or(0, |inner| u64::from_be_bytes(inner.names.new_span_id().to_bytes()));
        SpanName(name)
    }

    /// Tells of something that is over.
    pub fn ended(&self, span: &Span<'_>) {
        let Some(inner) = &self.0 else { return };
        let ids = Ids::of(span.scene);
        let root = Context::new();
        let (context, own) = match span.step {
            Step::Create => (root, Some(ids.root)),
            _ => {
                let parent = span.parent.map_or(ids.root, |SpanName(name)| SpanId::from_bytes(name.to_be_bytes()));
                let parent = SpanContext::new(ids.trace, parent, TraceFlags::SAMPLED, true, TraceState::default());
                let own = span.name.map(|SpanName(name)| SpanId::from_bytes(name.to_be_bytes()));
                (root.with_remote_span_context(parent), own)
            }
        };
        let at = inner.times.now();
        let builder = inner
            .tracer
            .span_builder(span.step.name())
            .with_kind(kind(span.step))
            .with_start_time(at(span.began))
            .with_attributes(attributes(span));
        let mut told = with_ids(ids.trace, own, || builder.start_with_context(&inner.tracer, &context));
        told.end_with_timestamp(at(span.ended));
    }

    /// Sends what has not been sent yet, for two seconds at most.
    pub async fn finish(self) {
        let Some(inner) = self.0 else { return };
        let sending = tokio::task::spawn_blocking(move || inner.provider.shutdown_with_timeout(LAST_SPANS));
        if let Ok(Err(error)) = sending.await {
            tracing::info!(%error, "the last spans were not sent");
        }
    }
}

/// Decides by the trace's id alone: whether the creation was told cannot be asked any more when the rest happens, and comes
/// out the same.
fn sampler() -> Sampler {
    let value = |name: &str| std::env::var(name).unwrap_or_default();
    let sampler = value("OTEL_TRACES_SAMPLER");
    match sampler.strip_prefix("parentbased_").unwrap_or(&sampler) {
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(value("OTEL_TRACES_SAMPLER_ARG").parse().unwrap_or(1.0)),
        _ => Sampler::AlwaysOn,
    }
}

const fn kind(step: Step) -> SpanKind {
    match step {
        Step::Create | Step::Callback | Step::Confirm | Step::Redeem => SpanKind::Server,
        Step::Open | Step::Decide => SpanKind::Internal,
        Step::Push => SpanKind::Producer,
    }
}

fn attributes(span: &Span<'_>) -> Vec<KeyValue> {
    let of = |name, value: &str| KeyValue::new(name, value.to_owned());
    let mut attributes = vec![of("scan_login.scene", span.scene.as_str()), of("scan_login.outcome", span.outcome)];
    if let Some(Created { account, client, .. }) = span.created {
        attributes.push(of("scan_login.account", account.as_str()));
        attributes.push(of("scan_login.client", client.as_str()));
    }
    attributes
}
