// The clients of Java: `Main spans http|http-gzip|grpc|grpc-gzip`, `Main ask`.

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.metrics.OtlpGrpcMetricExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

public final class Main {
    private static final int COUNT = 20;
    private static final Map<String, String> ENVIRONMENT = System.getenv();

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("ask")) {
            System.out.println(json(ask()));
        } else {
            spans(arguments[1]);
        }
        System.exit(0); // threads of the drivers would keep the process
    }

    private static SpanExporter spanExporter(String way) {
        String compression = way.endsWith("gzip") ? "gzip" : "none";
        return way.startsWith("grpc")
                ? OtlpGrpcSpanExporter.builder().setEndpoint(ENVIRONMENT.get("OTLP_GRPC")).setCompression(compression).build()
                : OtlpHttpSpanExporter.builder()
                        .setEndpoint(ENVIRONMENT.get("OTLP_HTTP") + "/v1/traces").setCompression(compression).build();
    }

    private static MetricExporter metricExporter(String way) {
        String compression = way.endsWith("gzip") ? "gzip" : "none";
        return way.startsWith("grpc")
                ? OtlpGrpcMetricExporter.builder().setEndpoint(ENVIRONMENT.get("OTLP_GRPC")).setCompression(compression).build()
                : OtlpHttpMetricExporter.builder()
                        .setEndpoint(ENVIRONMENT.get("OTLP_HTTP") + "/v1/metrics").setCompression(compression).build();
    }

    private static void delivered(CompletableResultCode result) {
        if (!result.join(60, TimeUnit.SECONDS).isSuccess()) {
            throw new IllegalStateException("an export failed");
        }
    }

    private static void spans(String way) {
        String service = "java-" + way;
        Resource resource = Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), service));
        var tracing = SdkTracerProvider.builder().setResource(resource)
                .addSpanProcessor(BatchSpanProcessor.builder(spanExporter(way)).build()).build();
        var reader = PeriodicMetricReader.builder(metricExporter(way)).setInterval(Duration.ofHours(1)).build();
        var metering = SdkMeterProvider.builder().setResource(resource).registerMetricReader(reader).build();
        var tracer = tracing.get("studio");
        var meter = metering.get("studio");
        var calls = meter.counterBuilder("gen_ai.client.calls").build();
        var durations = meter.histogramBuilder("gen_ai.client.operation.duration").build();
        Instant began = Instant.now().minusSeconds(600);
        Instant ended = began.plusSeconds(1);
        for (int i = 0; i < COUNT; i++) {
            var own = tracer.spanBuilder("own").setStartTimestamp(began)
                    .setAttribute("modeltally.operation", "model.request")
                    .setAttribute("modeltally.outcome", i % 10 == 0 ? "error" : "success")
                    .setAttribute("modeltally.model.id", service)
                    .setAttribute("modeltally.image.width", 512L).startSpan();
            if (i % 10 == 0) {
                own.setAttribute("error.type", "timeout");
            }
            own.end(ended);
            var plain = tracer.spanBuilder("GET /SECRET").setSpanKind(SpanKind.SERVER).setStartTimestamp(began)
                    .setAttribute("url.full", "http://x/?q=SECRET").startSpan();
            plain.addEvent("asked: SECRET");
            plain.end(ended);
            var chat = tracer.spanBuilder("chat SECRET").setSpanKind(SpanKind.CLIENT).setStartTimestamp(began)
                    .setAttribute("gen_ai.operation.name", "chat").setAttribute("gen_ai.request.model", service)
                    .setAttribute("gen_ai.usage.input_tokens", 10L).setAttribute("gen_ai.input.messages", "SECRET")
                    .setAttribute("user.id", "SECRET").startSpan();
            chat.setStatus(StatusCode.ERROR, "SECRET");
            chat.recordException(new IllegalStateException("SECRET"));
            chat.end(ended);
            calls.add(1);
            durations.record(0.25);
        }
        delivered(tracing.forceFlush());
        delivered(metering.forceFlush());
        delivered(tracing.shutdown());
        delivered(metering.shutdown());
    }

    private static Connection connection(String options, String password) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", "default");
        properties.setProperty("password", password);
        return DriverManager.getConnection("jdbc:ch:" + ENVIRONMENT.get("CLICKHOUSE_URL") + "/modeltally" + options, properties);
    }

    private interface Call {
        void run() throws SQLException;
    }

    /** ClickHouse's code of what is wrong: 0 for nothing, -1 where the driver does not know one. */
    private static int code(Call call) {
        try {
            call.run();
            return 0;
        } catch (SQLException refused) {
            var said = java.util.regex.Pattern.compile("Code: (\\d+)").matcher(String.valueOf(refused.getMessage()));
            return refused.getErrorCode() > 0 ? refused.getErrorCode() : said.find() ? Integer.parseInt(said.group(1)) : -1;
        }
    }

    private static Map<String, Object> ask() throws SQLException {
        Map<String, Object> said = new TreeMap<>();
        String token = ENVIRONMENT.get("CLICKHOUSE_TOKEN");
        try (Connection connection = connection("?compress=false", token)) {
            Statement statement = connection.createStatement();
            List<Object> models = new ArrayList<>();
            ResultSet rows = statement.executeQuery("SELECT model, count() FROM usage_events GROUP BY model ORDER BY model");
            while (rows.next()) {
                models.add(List.of(rows.getString(1), rows.getLong(2)));
            }
            said.put("models", models);
            rows = statement.executeQuery("SELECT number FROM numbers(150000)");
            int streamed = 0;
            while (rows.next()) {
                streamed++;
            }
            said.put("streamed", streamed);
            String hostile = "it's \\ \n\t\" x";
            PreparedStatement prepared = connection.prepareStatement("SELECT ? AS text, ? AS number");
            prepared.setString(1, hostile);
            prepared.setInt(2, -3);
            rows = prepared.executeQuery();
            rows.next();
            said.put("parameters_kept", rows.getString(1).equals(hostile) && rows.getInt(2) == -3);
            rows = connection.getMetaData().getColumns(null, "modeltally", "usage_events", "%");
            int columns = 0;
            while (rows.next()) {
                columns++;
            }
            said.put("columns", columns);
            said.put("wrong", code(() -> statement.executeQuery("SELECT nope FROM usage_events")));
            said.put("create", code(() -> statement.execute("CREATE TABLE t (a Int8) ENGINE = Memory")));
        }
        said.put("compressed", code(() -> {
            try (Connection connection = connection("", token)) {
                connection.createStatement().executeQuery("SELECT 1");
            }
        }));
        said.put("stranger", code(() -> {
            try (Connection connection = connection("?compress=false", "no")) {
                connection.createStatement().executeQuery("SELECT 1");
            }
        }));
        return said;
    }

    private static String json(Object value) {
        if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream().map(entry -> json(entry.getKey()) + ": " + json(entry.getValue()))
                    .collect(Collectors.joining(", ", "{", "}"));
        }
        if (value instanceof List<?> list) {
            return list.stream().map(Main::json).collect(Collectors.joining(", ", "[", "]"));
        }
        return value instanceof String text ? "\"" + text + "\"" : String.valueOf(value);
    }
}
