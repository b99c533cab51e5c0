import { createRequire } from 'node:module';
import path from 'node:path';
import type * as Tracing from './tracing';

/**
 * Imported first by every main.ts, because instrumentation must be in place before http, grpc, ioredis and mysql2 load.
 * Without OTEL_EXPORTER_OTLP_ENDPOINT nothing is instrumented, and the SDK, a third of a service's loading time, is not even loaded.
 */
export const stopTracing: () => Promise<void> = process.env['OTEL_EXPORTER_OTLP_ENDPOINT']
  ? startTracing()
  : () => Promise.resolve();

function startTracing(): () => Promise<void> {
  const folder = path.basename(path.resolve(path.dirname(process.argv[1] ?? ''), '..'));
  const tracing = createRequire(__filename)('./tracing') as typeof Tracing;
  return tracing.startTracing({
    service: process.env['OTEL_SERVICE_NAME'] ?? folder,
    ratio: Number(process.env['TRACE_RATIO'] ?? 0.1),
  });
}
