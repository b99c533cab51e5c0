import path from 'node:path';
import { startTracing } from './tracing';

/**
 * Imported first by every main.ts, because instrumentation must be in place before http, grpc, ioredis and mysql2 load.
 * Without OTEL_EXPORTER_OTLP_ENDPOINT nothing is instrumented and nothing is paid.
 */
if (process.env['OTEL_EXPORTER_OTLP_ENDPOINT']) {
  const folder = path.basename(path.resolve(path.dirname(process.argv[1] ?? ''), '..'));
  const ratio = Number(process.env['TRACE_RATIO'] ?? 0.1);
  const stop = startTracing({ service: process.env['OTEL_SERVICE_NAME'] ?? folder, ratio });
  process.once('beforeExit', () => void stop());
}
