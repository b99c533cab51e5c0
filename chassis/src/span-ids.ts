import { newId } from './trace-settings';

export interface SpanIds {
  traceId: string;
  spanId: string;
}

let given: SpanIds | undefined;

/** Random ids as the SDK makes them, but for a span that has gone on under its ids before it was made. */
export const idGenerator = {
  generateTraceId: (): string => given?.traceId ?? newId(32),
  generateSpanId: (): string => given?.spanId ?? newId(16),
};

/** What is begun in `work`, which must not wait for anything, gets these. */
export function withIds<T>(ids: SpanIds, work: () => T): T {
  given = ids;
  try {
    return work();
  } finally {
    given = undefined;
  }
}
