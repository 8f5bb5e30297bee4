// The clients of Node: `main.mjs spans json|json-gzip|proto|proto-gzip|grpc|grpc-gzip`, `main.mjs cut`, `main.mjs ask`.
import { SpanKind, SpanStatusCode, diag, DiagConsoleLogger, DiagLogLevel } from '@opentelemetry/api';
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as JsonMetrics } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtoMetrics } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as GrpcSpans } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonSpans } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoSpans } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const COUNT = 20;
const { OTLP_HTTP, OTLP_GRPC, CLICKHOUSE_URL, CLICKHOUSE_TOKEN } = process.env;

const KINDS = { json: [JsonSpans, JsonMetrics], proto: [ProtoSpans, ProtoMetrics], grpc: [GrpcSpans, GrpcMetrics] };

// Lets an export that fails end this program with an error: the SDK only logs it.
function failLoudly() {
  const fail = (...what) => { console.error(...what); process.exitCode = 1; };
  diag.setLogger({ ...new DiagConsoleLogger(), error: fail }, DiagLogLevel.ERROR);
}

function exporters(way) {
  const [kind, compression] = way.split('-');
  const [Spans, Metrics] = KINDS[kind];
  const at = (path) => ({
    url: kind === 'grpc' ? OTLP_GRPC : OTLP_HTTP + path, ...(compression && { compression }),
  });
  return [new Spans(at('/v1/traces')), new Metrics(at('/v1/metrics'))];
}

function ours(service, more = {}) {
  return {
    'modeltally.operation': 'model.request', 'modeltally.outcome': 'success', 'modeltally.model.id': service,
    'modeltally.image.width': 512, ...more,
  };
}

async function spans(way) {
  const service = `node-${way}`;
  const resource = resourceFromAttributes({ 'service.name': service });
  const [spanExporter, metricExporter] = exporters(way);
  const tracing = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(spanExporter)] });
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
  const metering = new MeterProvider({ resource, readers: [reader] });
  const tracer = tracing.getTracer('studio');
  const meter = metering.getMeter('studio');
  const calls = meter.createCounter('gen_ai.client.calls');
  const durations = meter.createHistogram('gen_ai.client.operation.duration');
  const startTime = Date.now() - 600_000;
  for (let i = 0; i < COUNT; i++) {
    const failed = i % 10 === 0 ? { 'modeltally.outcome': 'error', 'error.type': 'timeout' } : {};
    tracer.startSpan('own', { startTime, attributes: ours(service, failed) }).end(startTime + 1000);
    const plain = tracer.startSpan('GET /SECRET', {
      kind: SpanKind.SERVER, startTime, attributes: { 'url.full': 'http://x/?q=SECRET' },
    });
    plain.addEvent('asked: SECRET');
    plain.end(startTime + 1000);
    const chat = tracer.startSpan('chat SECRET', {
      kind: SpanKind.CLIENT,
      startTime,
      attributes: {
        'gen_ai.operation.name': 'chat', 'gen_ai.request.model': service, 'gen_ai.usage.input_tokens': 10,
        'gen_ai.input.messages': 'SECRET', 'user.id': 'SECRET',
      },
    });
    chat.setStatus({ code: SpanStatusCode.ERROR, message: 'SECRET' });
    chat.recordException(new Error('SECRET'));
    chat.end(startTime + 1000);
    calls.add(1);
    durations.record(0.25);
  }
  await tracing.shutdown();
  await metering.shutdown();
}

// A limit on the length of values cuts an emoji in two: JSON then has half a surrogate pair. NaN becomes null.
async function cut() {
  for (const kind of ['json', 'proto']) {
    const service = `node-cut-${kind}`;
    const resource = resourceFromAttributes({ 'service.name': service });
    const [exporter, metricExporter] = exporters(kind);
    const tracing = new NodeTracerProvider({
      resource, spanLimits: { attributeValueLengthLimit: 16 }, spanProcessors: [new BatchSpanProcessor(exporter)],
    });
    const tracer = tracing.getTracer('studio');
    for (let i = 0; i < COUNT; i++) {
      const odd = { 3: { 'gen_ai.prompt': 'a cat on a mat \u{1F600}' }, 5: { 'gen_ai.usage.input_tokens': NaN } }[i];
      tracer.startSpan('own', { attributes: ours(service, odd) }).end();
    }
    await tracing.shutdown();
    const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
    const metering = new MeterProvider({ resource, readers: [reader] });
    metering.getMeter('studio').createGauge('gen_ai.nothing').record(NaN);
    metering.getMeter('studio').createGauge('gen_ai.something').record(2);
    await metering.shutdown();
  }
}

// Reads a stream of Node's or of a browser's.
async function all(stream) {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of stream) text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
  return text;
}

async function answers(client) {
  const rows = async (query, more = {}) => (await client.query({ query, format: 'JSONEachRow', ...more })).json();
  const code = async (call) => { try { await call(); return '0'; } catch (error) { return error.code; } };
  const text = "it's \\ \n\t\" x";
  const [parameters] = await rows(
    'SELECT {text:String} AS text, {list:Array(String)} AS list, {map:Map(String, String)} AS map, {none:Nullable(String)} AS none',
    { query_params: { text, list: ["a'b", 'c\\d'], map: { k: "v'1" }, none: null } },
  );
  const [typed] = await rows(
    'SELECT {yes:Bool} AS yes, {day:DateTime64(3)} AS day, isInfinite({most:Float64}) AS most, {name:Identifier} AS named FROM (SELECT 7 AS seven)',
    { query_params: { yes: true, day: new Date(0), most: Infinity, name: 'seven' } },
  );
  const table = await (await client.query({ query: 'SELECT 1 AS x', format: 'JSON' })).json();
  const withProgress = await client.query({ query: 'SELECT number FROM numbers(1000)', format: 'JSONEachRowWithProgress' });
  const progressed = (await withProgress.text()).split('\n').filter((line) => line.startsWith('{"row"'));
  const plain = await client.exec({ query: "SELECT 1, 'a' FORMAT CSV" });
  const bare = await all(plain.stream);
  const inHeaders = { send_progress_in_http_headers: 1, http_headers_progress_interval_ms: '110000', date_time_output_format: 'iso' };
  const broken = "SELECT number, throwIf(number = 900000, 'enough') FROM numbers(950000)";
  const crowd = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => rows(`SELECT ${i} AS n, max(sipHash64(number)) FROM numbers(1000000)`)));
  let streamed = 0;
  const stream = (await client.query({ query: 'SELECT number FROM numbers(150000)', format: 'JSONEachRow' })).stream();
  for await (const chunk of stream) streamed += chunk.length;
  const named = await client.query({ query: 'SELECT 1', query_id: 'mine', format: 'JSON' });
  await named.text();
  const stopped = new AbortController();
  const ending = client.query({ query: 'SELECT max(sipHash64(number)) FROM numbers(10000000000)', abort_signal: stopped.signal })
    .then(() => 'answered', (error) => (error.code ? error.code : 'stopped'));
  setTimeout(() => stopped.abort(), 100);
  const together = await Promise.all(Array.from({ length: 12 }, (_, i) => rows(`SELECT ${i} AS n`)));
  return {
    ping: (await client.ping()).success && (await client.ping({ select: true })).success,
    models: (await rows('SELECT model, toUInt32(count()) AS events FROM usage_events GROUP BY model ORDER BY model')).map((row) => [row.model, row.events]),
    parameters_kept: JSON.stringify(parameters) === JSON.stringify({ text, list: ["a'b", 'c\\d'], map: { k: "v'1" }, none: null }),
    streamed,
    query_id: named.query_id,
    aborted: await ending,
    together: together.flat().map((row) => row.n),
    settings: (await rows('SELECT 1 AS one', { clickhouse_settings: { max_execution_time: 5, wait_end_of_query: 1 } }))[0].one,
    typed,
    table: [table.data, table.rows],
    progressed: progressed.length,
    summary: JSON.parse(named.response_headers['x-clickhouse-summary']).result_rows,
    exec: plain.query_id.length > 0 && bare.trim(),
    session: (await rows('SELECT 1 AS one', { session_id: 'mine' }))[0].one,
    in_headers: (await rows("SELECT toDateTime64('2026-01-02 03:04:05', 3, 'UTC') AS at", { clickhouse_settings: inHeaders }))[0].at,
    role: (await rows('SELECT currentUser() AS user, currentRoles() AS roles'))[0].roles.length,
    broken: await code(async () => (await client.query({ query: broken, format: 'JSONEachRow' })).text()),
    crowd: [...new Set(crowd.map((one) => (one.status === 'fulfilled' ? 'answered' : one.reason.code)))].filter((one) => !['answered', '202'].includes(one)),
    wrong: await code(() => rows('SELECT nope FROM usage_events')),
    insert: await code(() => client.insert({ table: 'otel_traces', values: [{ TraceId: 'x' }], format: 'JSONEachRow' })),
    insert_select: await code(() => client.command({ query: "INSERT INTO otel_traces (TraceId) SELECT 'x'" })),
    create: await code(() => client.command({ query: 'CREATE TABLE t (a Int8) ENGINE = Memory' })),
  };
}

async function ask() {
  const { createClient } = await import('@clickhouse/client');
  const { createClient: createWebClient } = await import('@clickhouse/client-web');
  const here = { url: CLICKHOUSE_URL, username: 'default', password: CLICKHOUSE_TOKEN, database: 'modeltally' };
  const said = {};
  for (const [name, create, more] of [
    ['node', createClient, {}],
    ['node, answers compressed', createClient, { compression: { response: true } }],
    ['node, both compressed', createClient, { compression: { request: true, response: true } }],
    ['web', createWebClient, {}],
    ['web, answers compressed', createWebClient, { compression: { response: true } }],
  ]) {
    const client = create({ ...here, ...more });
    said[name] = await answers(client);
    await client.close();
    const stranger = create({ ...here, password: 'no' });
    said[name].stranger = (await stranger.ping({ select: true })).success;
    said[name].stranger_told = await stranger.query({ query: 'SELECT 1' }).then(() => 'answered', (error) => error.code);
    await stranger.close();
    const byToken = create({ url: CLICKHOUSE_URL, access_token: CLICKHOUSE_TOKEN, database: 'modeltally' });
    said[name].access_token = (await byToken.ping({ select: true })).success;
    await byToken.close();
  }
  console.log(JSON.stringify(said));
}

failLoudly();
const [what, way] = process.argv.slice(2);
await { spans, cut, ask }[what](way);
