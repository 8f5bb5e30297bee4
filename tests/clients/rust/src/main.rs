//! The clients of Rust: `clients spans http|http-gzip|json|json-gzip|grpc|grpc-gzip`, `clients log`, `clients ask`.

use std::env;
use std::error::Error;
use std::time::{Duration, SystemTime};

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Compression, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::Resource;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

type Done = Result<(), Box<dyn Error>>;

const COUNT: usize = 20;

fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn exporters(way: &str) -> Result<(SpanExporter, MetricExporter), Box<dyn Error>> {
    let gzip = way.ends_with("gzip");
    if way.starts_with("grpc") {
        let mut spans = SpanExporter::builder().with_tonic().with_endpoint(setting("OTLP_GRPC"));
        let mut metrics = MetricExporter::builder().with_tonic().with_endpoint(setting("OTLP_GRPC"));
        if gzip {
            spans = spans.with_compression(Compression::Gzip);
            metrics = metrics.with_compression(Compression::Gzip);
        }
        return Ok((spans.build()?, metrics.build()?));
    }
    let protocol = if way.starts_with("json") { Protocol::HttpJson } else { Protocol::HttpBinary };
    let at = |path: &str| setting("OTLP_HTTP") + path;
    let mut spans = SpanExporter::builder().with_http().with_protocol(protocol).with_endpoint(at("/v1/traces"));
    let mut metrics = MetricExporter::builder().with_http().with_protocol(protocol).with_endpoint(at("/v1/metrics"));
    if gzip {
        spans = spans.with_compression(Compression::Gzip);
        metrics = metrics.with_compression(Compression::Gzip);
    }
    Ok((spans.build()?, metrics.build()?))
}

fn resource(service: &str) -> Resource {
    Resource::builder().with_service_name(service.to_owned()).build()
}

fn spans(way: &str) -> Done {
    let service = format!("rust-{way}");
    let (span_exporter, metric_exporter) = exporters(way)?;
    let tracing = SdkTracerProvider::builder().with_resource(resource(&service)).with_batch_exporter(span_exporter).build();
    let reader = PeriodicReader::builder(metric_exporter).with_interval(Duration::from_secs(3600)).build();
    let metering = SdkMeterProvider::builder().with_resource(resource(&service)).with_reader(reader).build();
    let tracer = tracing.tracer("studio");
    let meter = metering.meter("studio");
    let calls = meter.u64_counter("gen_ai.client.calls").build();
    let durations = meter.f64_histogram("gen_ai.client.operation.duration").build();
    let began = SystemTime::now() - Duration::from_secs(600);
    let ended = began + Duration::from_secs(1);
    for i in 0..COUNT {
        let failed = i % 10 == 0;
        let mut attributes = vec![
            KeyValue::new("modeltally.operation", "model.request"),
            KeyValue::new("modeltally.outcome", if failed { "error" } else { "success" }),
            KeyValue::new("modeltally.model.id", service.clone()),
            KeyValue::new("modeltally.image.width", 512),
        ];
        if failed {
            attributes.push(KeyValue::new("error.type", "timeout"));
        }
        tracer.span_builder("own").with_start_time(began).with_attributes(attributes).start(&tracer).end_with_timestamp(ended);
        let mut plain = tracer
            .span_builder("GET /SECRET")
            .with_kind(SpanKind::Server)
            .with_start_time(began)
            .with_attributes([KeyValue::new("url.full", "http://x/?q=SECRET")])
            .start(&tracer);
        plain.add_event("asked: SECRET", vec![]);
        plain.end_with_timestamp(ended);
        let mut chat = tracer
            .span_builder("chat SECRET")
            .with_kind(SpanKind::Client)
            .with_start_time(began)
            .with_attributes([
                KeyValue::new("gen_ai.operation.name", "chat"),
                KeyValue::new("gen_ai.request.model", service.clone()),
                KeyValue::new("gen_ai.usage.input_tokens", 10),
                KeyValue::new("gen_ai.input.messages", "SECRET"),
                KeyValue::new("user.id", "SECRET"),
            ])
            .start(&tracer);
        chat.set_status(Status::error("SECRET"));
        chat.record_error(&std::io::Error::other("SECRET"));
        chat.end_with_timestamp(ended);
        calls.add(1, &[]);
        durations.record(0.25, &[]);
    }
    tracing.force_flush()?;
    tracing.shutdown()?;
    metering.force_flush()?;
    metering.shutdown()?;
    Ok(())
}

/// Log lines inside a span of `tracing`: its bridge to OpenTelemetry names an event of the span by the line.
fn log() -> Done {
    let (exporter, _) = exporters("http")?;
    let provider = SdkTracerProvider::builder().with_resource(resource("rust-log")).with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("studio"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for _ in 0..COUNT {
            let span = tracing::info_span!(
                "own",
                "modeltally.operation" = "model.request",
                "modeltally.outcome" = "success",
                "modeltally.model.id" = "rust-log"
            );
            span.in_scope(|| tracing::info!("generating for prompt: {}", "SECRET"));
        }
    });
    provider.force_flush()?;
    provider.shutdown()?;
    Ok(())
}

#[derive(clickhouse::Row, Deserialize, Serialize)]
struct Model {
    name: String,
    events: u64,
}

fn code(refused: &clickhouse::error::Error) -> i64 {
    let text = refused.to_string();
    let number = text.split("Code: ").nth(1).and_then(|rest| rest.split('.').next()).and_then(|digits| digits.parse().ok());
    number.unwrap_or(-1)
}

async fn ask() -> Done {
    let client = |password: &str| {
        clickhouse::Client::default()
            .with_url(setting("CLICKHOUSE_URL"))
            .with_user("default")
            .with_password(password)
            .with_database("modeltally")
            .with_compression(clickhouse::Compression::None)
    };
    let here = client(&setting("CLICKHOUSE_TOKEN"));
    let models = here
        .query("SELECT model AS name, count() AS events FROM usage_events GROUP BY model ORDER BY model")
        .fetch_all::<Model>()
        .await?;
    let mut cursor = here.query("SELECT number FROM numbers(150000)").fetch::<u64>()?;
    let mut streamed = 0;
    while cursor.next().await?.is_some() {
        streamed += 1;
    }
    let hostile = "it's \\ \n\t\" x";
    let bound = here.query("SELECT ?").bind(hostile).fetch_one::<String>().await?;
    let given = here.query("SELECT {text:String}").param("text", hostile).fetch_one::<String>().await?;
    let refused = |result: Result<(), clickhouse::error::Error>| result.err().map_or(0, |error| code(&error));
    let said = json!({
        "models": models.iter().map(|model| json!([model.name, model.events])).collect::<Vec<_>>(),
        "streamed": streamed,
        "bound_kept": bound == hostile,
        "parameters_kept": given == hostile,
        "settings": here.query("SELECT 1").with_setting("max_execution_time", "5").fetch_one::<u8>().await?,
        "wrong": refused(here.query("SELECT nope FROM usage_events").execute().await),
        "create": refused(here.query("CREATE TABLE t (a Int8) ENGINE = Memory").execute().await),
        "stranger": refused(client("no").query("SELECT 1").execute().await),
        "lz4": here.clone().with_compression(clickhouse::Compression::Lz4).query("SELECT 1").fetch_one::<u8>().await?,
    });
    println!("{said}");
    Ok(())
}

fn main() -> Done {
    let given: Vec<String> = env::args().collect();
    // the exporter over HTTP blocks, the one over gRPC and the ClickHouse client want a runtime around them
    let runtime = tokio::runtime::Runtime::new()?;
    match given[1].as_str() {
        "ask" => runtime.block_on(ask()),
        "log" => log(),
        _ if given[2].starts_with("grpc") => {
            let _entered = runtime.enter();
            spans(&given[2])
        }
        _ => spans(&given[2]),
    }
}
