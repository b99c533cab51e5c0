import type { Connection } from './connection';
import { openAll } from './connections';
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

export interface LoadOptions {
  connections: Connection[];
  requests: LoadRequest[];
}

/**
 * A closed loop: each connection sends its next request when it has the answer to the last. Request i goes once, over connection i % n: whoever
 * comes in the same place of another list comes on the same connection.
 */
export const runLoad = (options: LoadOptions): Promise<LoadResult> =>
  intoOne(options.connections, { requestsOf: inPlaces(options) });

/**
 * A closed loop that begins anew with its requests until the time is over; the next one goes over whichever connection is free. They may be
 * replaced in place while it runs.
 */
export function runTimedLoad({
  connections,
  requests,
  seconds,
}: LoadOptions & { seconds: number }): Promise<LoadResult> {
  let next = 0;
  const take = () => requests[next++ % requests.length];
  return intoOne(connections, { requestsOf: () => take, seconds, keepsLatencies: false });
}

export interface PatientResult {
  /** Of what was sent while they arrived, and of what was sent later. */
  arriving: LoadResult;
  arrived: LoadResult;
}

/**
 * So many people at once, one a connection, who do as they are told: an answer is followed by the next person, and who is to come back later
 * (429 or 503 with Retry-After) does so, from half to one and a half times as late. The first of them arrive within `arrivalSeconds`, each at a
 * moment of his own; `seconds` after that no request is sent any more.
 */
export async function runPatientLoad(
  options: LoadOptions & { arrivalSeconds: number; seconds: number },
): Promise<PatientResult> {
  const arriving = emptyResult();
  const arrived = emptyResult();
  const arrivalMs = options.arrivalSeconds * 1_000;
  const seconds = await runClosedLoop(options.connections, {
    requestsOf: inPlaces(options),
    resultOf: (sentAfterMs) => (sentAfterMs < arrivalMs ? arriving : arrived),
    seconds: options.arrivalSeconds + options.seconds,
    arrivesAfterMs: () => arrivalMs * Math.random(),
    waitMsAfter: (retryAfterSeconds) => retryAfterSeconds * 1_000 * (0.5 + Math.random()),
  });
  arriving.seconds = Math.min(options.arrivalSeconds, seconds);
  arrived.seconds = seconds - arriving.seconds;
  return { arriving, arrived };
}

/** What a connection sends next; undefined when it has sent all. */
type Take = () => LoadRequest | undefined;

const inPlaces =
  ({ connections, requests }: LoadOptions) =>
  (place: number): Take => {
    let next = place;
    return () => {
      const request = requests[next];
      next += connections.length;
      return request;
    };
  };

interface ClosedLoop {
  requestsOf(place: number): Take;
  /** Where the answer to what was sent so long after the beginning is counted. */
  resultOf(sentAfterMs: number): LoadResult;
  seconds?: number;
  keepsLatencies?: boolean;
  /** When the first request of a connection goes; without it, all go at once. */
  arrivesAfterMs?(): number;
  /** How long after such an answer the same request goes again; without it, it does not. */
  waitMsAfter?(retryAfterSeconds: number): number;
}

/** Everything is counted together. */
async function intoOne(connections: Connection[], loop: Omit<ClosedLoop, 'resultOf'>): Promise<LoadResult> {
  const result = emptyResult();
  result.seconds = await runClosedLoop(connections, { ...loop, resultOf: () => result });
  return result;
}

/** Returns the seconds from the first request to the last answer. */
async function runClosedLoop(
  connections: Connection[],
  {
    requestsOf,
    resultOf,
    seconds = Infinity,
    keepsLatencies = true,
    arrivesAfterMs,
    waitMsAfter,
  }: ClosedLoop,
): Promise<number> {
  await openAll(connections);
  const began = performance.now();
  const end = began + seconds * 1_000;

  const runConnection = (connection: Connection, place: number) =>
    new Promise<void>((resolve) => {
      const take = requestsOf(place);
      let current = take();
      let sentAt = 0;

      function send(): void {
        sentAt = performance.now();
        if (!current || sentAt >= end) return resolve();
        connection.send(current, onAnswer);
      }
      function onAnswer(status: number, retryAfterSeconds?: number): void {
        const result = resultOf(sentAt - began);
        if (status === 0) {
          count(result, 0);
          return resolve();
        }
        if (keepsLatencies) record(result, status, performance.now() - sentAt);
        else count(result, status);
        if (waitMsAfter && retryAfterSeconds) return comeBack(waitMsAfter(retryAfterSeconds));
        current = take();
        send();
      }
      /** Whoever would do so after the end is not waited for: the time is what the rates are of. */
      function comeBack(afterMs: number): void {
        const leftMs = end - performance.now();
        if (afterMs < leftMs) setTimeout(send, afterMs);
        else setTimeout(resolve, leftMs);
      }
      if (arrivesAfterMs) setTimeout(send, arrivesAfterMs());
      else send();
    });

  await Promise.all(connections.map(runConnection));
  return (performance.now() - began) / 1_000;
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

/** As if they were one, after each other. */
export const together = (...results: LoadResult[]): LoadResult => {
  const all = emptyResult();
  for (const { statuses, latencies, refusalLatencies, seconds } of results) {
    for (const [status, times] of statuses) count(all, status, times);
    all.latencies = all.latencies.concat(latencies);
    all.refusalLatencies = all.refusalLatencies.concat(refusalLatencies);
    all.seconds += seconds;
  }
  return all;
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
