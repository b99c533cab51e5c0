import { openConnection, type Address } from './connection';
import type { LoadRequest } from './http-wire';

export interface LoadResult {
  /** How often each HTTP status was answered; 0 counts broken connections. */
  statuses: Map<number, number>;
  /** Milliseconds from the moment a request was to be sent to the whole of its answer, of status 2xx. */
  latencies: number[];
  /** The same of all other answers. */
  refusalLatencies: number[];
  seconds: number;
}

export interface LoadOptions extends Address {
  connections: number;
  requests: LoadRequest[];
}

/**
 * A closed loop: each connection sends its next request when it has the answer to the last. The requests are sent once each, or, with
 * `seconds`, over and over for so long; then they may be replaced in place while it runs.
 */
export async function runLoad(
  options: LoadOptions & { seconds?: number; keepLatencies?: boolean },
): Promise<LoadResult> {
  const { requests, seconds, keepLatencies = true } = options;
  const result = emptyResult();
  const began = performance.now();
  const end = began + (seconds ?? Infinity) * 1_000;
  let next = 0;

  function take(): LoadRequest | undefined {
    if (seconds === undefined) return requests[next++];
    if (performance.now() >= end) return undefined;
    if (next >= requests.length) next = 0;
    return requests[next++];
  }

  const runConnection = () =>
    new Promise<void>((resolve) => {
      let sentAt = 0;
      openConnection(options, {
        free(connection) {
          const request = take();
          if (!request) {
            connection.close();
            return resolve();
          }
          sentAt = performance.now();
          connection.send(request);
        },
        answered(status) {
          if (keepLatencies) record(result, status, performance.now() - sentAt);
          else count(result, status);
        },
        broken() {
          count(result, 0);
          resolve();
        },
      });
    });

  await Promise.all(Array.from({ length: options.connections }, runConnection));
  result.seconds = (performance.now() - began) / 1_000;
  return result;
}

export const emptyResult = (): LoadResult => ({
  statuses: new Map(),
  latencies: [],
  refusalLatencies: [],
  seconds: 0,
});

export function record(result: LoadResult, status: number, ms: number): void {
  count(result, status);
  (status < 300 ? result.latencies : result.refusalLatencies).push(ms);
}

export const count = ({ statuses }: LoadResult, status: number, times = 1): void => {
  statuses.set(status, (statuses.get(status) ?? 0) + times);
};

/** All requests, and those among them that were not answered with this status. */
export function countsOf(
  { statuses }: LoadResult,
  expected: number,
): { all: number; answered: number; failed: number } {
  const all = [...statuses.values()].reduce((sum, one) => sum + one, 0);
  const answered = statuses.get(expected) ?? 0;
  return { all, answered, failed: all - answered };
}
