import type { Connection } from './connection';
import { openAll } from './connections';
import type { LoadRequest } from './http-wire';
import { count, emptyResult, record, type LoadOptions, type LoadResult } from './load';

const tickMs = 1;
/** A timer is this late on its own; where it is later, somebody kept the generator from sending, and the wait counts. */
const timerToleranceMs = 2;

/**
 * An open loop: so many requests a second, whether the last ones are answered or not. Request i goes over connection i % n, as in a closed loop;
 * a latency begins when its request was due, so waiting for the connection is part of it (Gil Tene, "How NOT to Measure Latency": coordinated
 * omission).
 */
export async function runPacedLoad(
  options: LoadOptions & { requestsPerSecond: number; seconds: number },
): Promise<LoadResult> {
  const { connections, requests, requestsPerSecond } = options;
  const total = Math.round(requestsPerSecond * options.seconds);
  const result = emptyResult();
  /** When each request was due, of performance.now(), as far as they have been handed out. */
  const dueAt = new Float64Array(total);
  let planned = 0;
  let finished = 0;

  await openAll(connections);
  const began = performance.now();
  await new Promise<void>((resolve) => {
    const lanes = connections.map(createLane);

    /** Hands out what is due by now. */
    function tick(): void {
      const now = performance.now();
      const due = Math.min(total, Math.floor(((now - began) / 1_000) * requestsPerSecond) + 1);
      while (planned < due) {
        const index = planned++;
        dueAt[index] = Math.min(now, began + (index / requestsPerSecond) * 1_000 + timerToleranceMs);
        lanes[index % lanes.length]?.goOn();
      }
      if (planned < total) setTimeout(tick, tickMs);
    }

    /** A connection with its requests, which leave one after the other. */
    function createLane(connection: Connection, place: number) {
      let next = place;
      let isBusy = false;

      function goOn(): void {
        if (isBusy || next >= planned) return;
        isBusy = true;
        connection.send(requests[next % requests.length] as LoadRequest, onAnswer);
      }
      function onAnswer(status: number): void {
        if (status === 0) count(result, 0);
        else record(result, status, performance.now() - (dueAt[next] ?? 0));
        next += connections.length;
        isBusy = false;
        finished += 1;
        if (finished === total) resolve();
        else goOn();
      }
      return { goOn };
    }
    tick();
  });
  result.seconds = (performance.now() - began) / 1_000;
  return result;
}
