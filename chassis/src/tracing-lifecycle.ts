import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { configOrExit, integer, readEnvironment } from './config';
import type * as Tracing from './tracing';

/** What the environment says of tracing besides OpenTelemetry's own names. */
export const tracingSettings = z.object({
  traceRatio: z.coerce.number().min(0).max(1).default(0.1),
  traceSlowMs: integer(1, 3_600_000).default(1_000),
});

let stop: () => Promise<void> = () => Promise.resolve();

/**
 * Begins before http, grpc, ioredis and mysql2 load, which is why every main.ts imports a tracing-start first. Without
 * OTEL_EXPORTER_OTLP_ENDPOINT nothing is instrumented, and the SDK, a third of a service's loading time, is not even loaded.
 */
export function startTracing(options: Pick<Tracing.TracingOptions, 'servesHttpItself'> = {}): void {
  if (!process.env['OTEL_EXPORTER_OTLP_ENDPOINT']) return;
  const folder = path.basename(path.resolve(path.dirname(process.argv[1] ?? ''), '..'));
  const service = process.env['OTEL_SERVICE_NAME'] ?? folder;
  const { traceRatio: ratio, traceSlowMs: slowMs } = configOrExit(() =>
    readEnvironment(service, tracingSettings),
  );
  const tracing = createRequire(__filename)('./tracing') as typeof Tracing;
  stop = tracing.startTracing({ service, ratio, slowMs, ...options });
}

/** Sends what there is, and ends. */
export const stopTracing = (): Promise<void> => stop();
