import { openConnection, type Connection } from './connection';
import type { LoadRequest } from './http-wire';
import { count, emptyResult, record, type LoadOptions, type LoadResult } from './load';

interface Lane {
  connection: Connection;
  /** When the request that is on its way was due, of performance.now(). */
  dueAt: number;
  isBusy: boolean;
}

const tickMs = 1;
/** A timer is this late on its own; where it is later, somebody kept the generator from sending, and the wait counts. */
const timerToleranceMs = 2;

/**
 * An open loop: so many requests a second, whether the last ones are answered or not. A latency begins when its request was due, so waiting
 * for a free connection is part of it (Gil Tene, "How NOT to Measure Latency": coordinated omission).
 */
export function runPacedLoad(
  options: LoadOptions & { requestsPerSecond: number; seconds: number },
): Promise<LoadResult> {
  const { requests, requestsPerSecond } = options;
  const total = Math.round(requestsPerSecond * options.seconds);
  const result = emptyResult();
  /** The one that was free last is taken first, as a proxy in front takes its connections: no more are in use than are needed. */
  const free: Lane[] = [];
  /** When those requests were due that found no free connection. */
  const waiting: number[] = [];
  let opening = options.connections;
  let alive = options.connections;
  let began = 0;
  let planned = 0;
  let sent = 0;
  let finished = 0;

  function send(lane: Lane, dueAt: number): void {
    lane.dueAt = dueAt;
    lane.isBusy = true;
    lane.connection.send(requests[sent++ % requests.length] as LoadRequest);
  }

  /** Hands out what is due by now. */
  function tick(): void {
    const now = performance.now();
    const due = Math.min(total, Math.floor(((now - began) / 1_000) * requestsPerSecond) + 1);
    while (planned < due) {
      const dueAt = Math.min(now, began + (planned / requestsPerSecond) * 1_000 + timerToleranceMs);
      planned += 1;
      const lane = free.pop();
      if (lane) send(lane, dueAt);
      else waiting.push(dueAt);
    }
    if (planned < total && alive > 0) setTimeout(tick, tickMs);
  }

  return new Promise((resolve) => {
    const lanes = Array.from({ length: options.connections }, openLane);

    /** The clock runs from the moment that every connection is open, or has turned out to be broken. */
    function onSettled(): void {
      opening -= 1;
      if (opening > 0) return;
      began = performance.now();
      tick();
    }

    function endIfDone(): void {
      if (alive === 0) count(result, 0, total - finished);
      else if (finished < total) return;
      for (const { connection } of lanes) connection.close();
      result.seconds = (performance.now() - began) / 1_000;
      resolve(result);
    }

    function openLane(): Lane {
      let isOpen = false;
      const lane: Lane = {
        connection: openConnection(options, { free: onFree, answered, broken }),
        dueAt: 0,
        isBusy: false,
      };

      function onFree(): void {
        const dueAt = waiting.shift();
        if (dueAt === undefined) free.push(lane);
        else send(lane, dueAt);
        if (isOpen) return;
        isOpen = true;
        onSettled();
      }
      function answered(status: number): void {
        lane.isBusy = false;
        record(result, status, performance.now() - lane.dueAt);
        finished += 1;
        endIfDone();
      }
      function broken(): void {
        alive -= 1;
        if (free.includes(lane)) free.splice(free.indexOf(lane), 1);
        if (lane.isBusy) {
          count(result, 0);
          finished += 1;
        }
        if (!isOpen) onSettled();
        endIfDone();
      }
      return lane;
    }
  });
}
