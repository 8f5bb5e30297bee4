// The clients of Go: `clients spans http|http-gzip|grpc|grpc-gzip`, `clients ask`.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const count = 20

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func exporters(ctx context.Context, way string) (sdk.SpanExporter, metric.Exporter) {
	gzip := strings.HasSuffix(way, "gzip")
	if strings.HasPrefix(way, "grpc") {
		spans := []otlptracegrpc.Option{otlptracegrpc.WithEndpointURL(os.Getenv("OTLP_GRPC"))}
		metrics := []otlpmetricgrpc.Option{otlpmetricgrpc.WithEndpointURL(os.Getenv("OTLP_GRPC"))}
		if gzip {
			spans = append(spans, otlptracegrpc.WithCompressor("gzip"))
			metrics = append(metrics, otlpmetricgrpc.WithCompressor("gzip"))
		}
		s, err := otlptracegrpc.New(ctx, spans...)
		must(err)
		m, err := otlpmetricgrpc.New(ctx, metrics...)
		must(err)
		return s, m
	}
	spans := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(os.Getenv("OTLP_HTTP") + "/v1/traces")}
	metrics := []otlpmetrichttp.Option{otlpmetrichttp.WithEndpointURL(os.Getenv("OTLP_HTTP") + "/v1/metrics")}
	if gzip {
		spans = append(spans, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		metrics = append(metrics, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	s, err := otlptracehttp.New(ctx, spans...)
	must(err)
	m, err := otlpmetrichttp.New(ctx, metrics...)
	must(err)
	return s, m
}

func spans(way string) {
	ctx := context.Background()
	service := "go-" + way
	sender := resource.NewSchemaless(attribute.String("service.name", service))
	spanExporter, metricExporter := exporters(ctx, way)
	tracing := sdk.NewTracerProvider(sdk.WithResource(sender), sdk.WithBatcher(spanExporter))
	metering := metric.NewMeterProvider(metric.WithResource(sender), metric.WithReader(metric.NewPeriodicReader(metricExporter)))
	tracer, meter := tracing.Tracer("studio"), metering.Meter("studio")
	calls, err := meter.Int64Counter("gen_ai.client.calls")
	must(err)
	durations, err := meter.Float64Histogram("gen_ai.client.operation.duration")
	must(err)
	began := time.Now().Add(-10 * time.Minute)
	start, end := trace.WithTimestamp(began), trace.WithTimestamp(began.Add(time.Second))
	for i := range count {
		outcome := []attribute.KeyValue{attribute.String("modeltally.outcome", "success")}
		if i%10 == 0 {
			outcome = []attribute.KeyValue{attribute.String("modeltally.outcome", "error"), attribute.String("error.type", "timeout")}
		}
		_, own := tracer.Start(ctx, "own", start, trace.WithAttributes(outcome...), trace.WithAttributes(
			attribute.String("modeltally.operation", "model.request"),
			attribute.String("modeltally.model.id", service),
			attribute.Int("modeltally.image.width", 512),
		))
		own.End(end)
		_, plain := tracer.Start(ctx, "GET /SECRET", start, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("url.full", "http://x/?q=SECRET")))
		plain.AddEvent("asked: SECRET")
		plain.End(end)
		_, chat := tracer.Start(ctx, "chat SECRET", start, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("gen_ai.operation.name", "chat"),
			attribute.String("gen_ai.request.model", service),
			attribute.Int("gen_ai.usage.input_tokens", 10),
			attribute.String("gen_ai.input.messages", "SECRET"),
			attribute.String("user.id", "SECRET"),
		))
		chat.SetStatus(codes.Error, "SECRET")
		chat.RecordError(errors.New("SECRET"))
		chat.End(end)
		calls.Add(ctx, 1)
		durations.Record(ctx, 0.25)
	}
	must(tracing.ForceFlush(ctx))
	must(tracing.Shutdown(ctx))
	must(metering.ForceFlush(ctx))
	must(metering.Shutdown(ctx))
}

func options(method clickhouse.CompressionMethod, password string) *clickhouse.Options {
	return &clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{os.Getenv("CLICKHOUSE_HOST")},
		Auth:        clickhouse.Auth{Database: "modeltally", Username: "default", Password: password},
		Compression: &clickhouse.Compression{Method: method},
	}
}

func code(err error) int32 {
	var refused *clickhouse.Exception
	if errors.As(err, &refused) {
		return refused.Code
	}
	if err != nil {
		// over HTTP the driver passes the server's text on: "... Code: 164. DB::Exception: ..."
		var number int32
		if at := strings.Index(err.Error(), "Code: "); at >= 0 {
			fmt.Sscanf(err.Error()[at:], "Code: %d", &number)
			return number
		}
		return -1
	}
	return 0
}

type model struct {
	Name   string
	Events uint64
}

func answers(connection driver.Conn) map[string]any {
	ctx := context.Background()
	said := map[string]any{"ping": connection.Ping(ctx) == nil}
	models := [][]any{}
	rows, err := connection.Query(ctx, "SELECT model, count() FROM usage_events GROUP BY model ORDER BY model")
	must(err)
	for rows.Next() {
		var found model
		must(rows.Scan(&found.Name, &found.Events))
		models = append(models, []any{found.Name, found.Events})
	}
	must(rows.Err())
	said["models"] = models
	hostile, text := "it's \\ \n\t\" x", ""
	named := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"text": "plain"}))
	must(connection.QueryRow(named, "SELECT {text:String}").Scan(&text))
	said["parameter"] = text
	must(connection.QueryRow(ctx, "SELECT $1", hostile).Scan(&text))
	said["parameters_kept"] = text == hostile
	rows, err = connection.Query(ctx, "SELECT number FROM numbers(150000)")
	must(err)
	streamed := 0
	for rows.Next() {
		streamed++
	}
	must(rows.Err())
	said["streamed"] = streamed
	limited := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 5}))
	said["settings"] = code(connection.QueryRow(limited, "SELECT 'x'").Scan(&text))
	said["wrong"] = code(connection.Exec(ctx, "SELECT nope FROM usage_events"))
	said["create"] = code(connection.Exec(ctx, "CREATE TABLE t (a Int8) ENGINE = Memory"))
	// what Grafana's source of data asks for the values of a column
	said["values"] = code(connection.QueryRow(ctx, "SELECT DISTINCT model FROM usage_events LIMIT 1 SETTINGS max_execution_time=10").Scan(&text))
	return said
}

func ask() {
	token := os.Getenv("CLICKHOUSE_TOKEN")
	said := map[string]any{}
	for name, method := range map[string]clickhouse.CompressionMethod{
		"none": clickhouse.CompressionNone, "gzip": clickhouse.CompressionGZIP, "br": clickhouse.CompressionBrotli,
	} {
		connection, err := clickhouse.Open(options(method, token))
		must(err)
		said[name] = answers(connection)
		must(connection.Close())
	}
	database := clickhouse.OpenDB(options(clickhouse.CompressionNone, token))
	standard := map[string]any{"ping": database.Ping() == nil}
	var counted int64
	must(database.QueryRow("SELECT toInt64(count()) FROM usage_events").Scan(&counted))
	standard["events"] = counted
	var absent sql.NullString
	must(database.QueryRow("SELECT CAST(NULL AS Nullable(String))").Scan(&absent))
	standard["null"] = !absent.Valid
	must(database.Close())
	said["database/sql"] = standard
	for name, refused := range map[string]*clickhouse.Options{
		"lz4": options(clickhouse.CompressionLZ4, token), "stranger": options(clickhouse.CompressionNone, "no"),
	} {
		connection, err := clickhouse.Open(refused)
		must(err)
		if err := connection.Ping(context.Background()); err != nil {
			said[name] = err.Error()
		}
		must(connection.Close())
	}
	must(json.NewEncoder(os.Stdout).Encode(said))
}

func main() {
	if os.Args[1] == "ask" {
		ask()
		return
	}
	spans(os.Args[2])
}
