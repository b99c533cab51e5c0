import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { MySQL2Instrumentation } from '@opentelemetry/instrumentation-mysql2';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace';
import { idGenerator } from './span-ids';
import { createHeadSampler, createTailProcessor } from './tail-sampling';
import { setTraceSettings, type TraceSettings } from './trace-settings';

export interface TracingOptions extends TraceSettings {
  service: string;
  /** Makes no spans of HTTP requests for a server that makes its own (`recordServed`). */
  servesHttpItself?: boolean;
  exporter?: SpanExporter;
}

/**
 * Starts tracing with OTLP export; returns how to flush and stop. Must run before the traced libraries are loaded. Nothing that somebody sent
 * gets into a span: no query of a URL, no value of a statement, no argument of a command.
 */
export function startTracing(options: TracingOptions): () => Promise<void> {
  setTraceSettings(options);
  const exporter = options.exporter ?? new OTLPTraceExporter();
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({ 'service.name': options.service }),
    autoDetectResources: false,
    idGenerator,
    sampler: createHeadSampler(options.ratio),
    spanProcessors: [createTailProcessor(new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000 }))],
    // Empty lists switch off the exporters that the SDK starts by default.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: options.servesHttpItself ? [] : instrumentations(),
  });
  sdk.start();
  return () => sdk.shutdown();
}

/** They are open for hours; what they carry has spans of its own (`beginServed`). */
const streams = ['BuyStream', 'Revocations', 'IpRules', 'Watch'];

const instrumentations = () => [
  new HttpInstrumentation({
    ignoreIncomingRequestHook: ({ url = '' }) => /^\/(livez|readyz|metrics|health)/.test(url),
    requireParentforOutgoingSpans: true,
    requestHook: (span) => void span.setAttribute('url.query', ''),
  }),
  new UndiciInstrumentation({ requireParentforSpans: true }),
  new GrpcInstrumentation({ ignoreGrpcMethods: streams }),
  new IORedisInstrumentation({ requireParentSpan: true, dbStatementSerializer: (command) => command }),
  new MySQL2Instrumentation({ maskStatement: true, maskStatementHook: untilFirstValue }),
];

/** `INSERT INTO orders (id, user_id) VALUES (`: what is done to which table. Statements of a thousand rows are cut there, too. */
const untilFirstValue = (sql: string): string =>
  (/^[^'"?\d]{1,300}/.exec(sql.trimStart())?.[0] ?? '').trimEnd();
