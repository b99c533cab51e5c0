import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { Metrics } from './metrics';
import { loadScript, type Keys } from './redis';

export interface DelayedJob<T> {
  id: string;
  dueAt: Date;
  payload: T;
  /** 1 for the first try. */
  attempt: number;
}

export interface DelayQueue<T> extends Component {
  /** The same id again changes nothing. A time in the past fires at once. */
  schedule(jobs: { id: string; dueAt: Date; payload: T }[]): Promise<void>;
  cancel(ids: string[]): Promise<void>;
  size(): Promise<number>;
}

export interface DelayQueueOptions<T> {
  redis: Redis;
  keys: Keys;
  name: string;
  handle(job: DelayedJob<T>): Promise<void>;
  logger: Logger;
  metrics: Metrics;
  now?: () => number;
  concurrency?: number;
  visibilityMs?: number;
  pollMs?: number;
}

const claimScript = loadScript<string[]>(__dirname, 'claim-jobs-2.lua');
const scheduleScript = loadScript<number>(__dirname, 'schedule-jobs-2.lua');
/** What one run of the script takes without keeping Redis from others for more than a millisecond. */
const scheduledAtOnce = 500;
const longestBackoffMs = 60_000;

/**
 * Jobs for later, in a Redis sorted set: none early, one fire a claim. A claimed job is invisible for `visibilityMs`; whoever dies with it
 * loses it to another. A job whose handler throws comes back later and later, and is never dropped.
 */
export function createDelayQueue<T>(options: DelayQueueOptions<T>): DelayQueue<T> {
  const {
    redis,
    name,
    logger,
    now = Date.now,
    concurrency = 16,
    visibilityMs = 30_000,
    pollMs = 100,
  } = options;
  const keyOf = options.keys.tagged(`delay:${name}`);
  const due = keyOf('due');
  const jobs = keyOf('jobs');
  const fired = options.metrics.counter('delay_queue_fired_total', 'Delayed jobs fired', ['queue', 'result']);
  // An alert on the increase of failures does not see how a series begins.
  for (const result of ['ok', 'failed']) fired.inc({ queue: name, result }, 0);
  let running = false;
  let loop = Promise.resolve();

  async function claim(): Promise<DelayedJob<T>[]> {
    const flat = await claimScript.run(redis, [due, jobs], [now(), visibilityMs, concurrency]);
    const claimed: DelayedJob<T>[] = [];
    for (let index = 0; index + 2 < flat.length; index += 3) {
      const { dueAt, payload } = JSON.parse(flat[index + 1] ?? '{}') as { dueAt: number; payload: T };
      claimed.push({
        id: flat[index] ?? '',
        dueAt: new Date(dueAt),
        payload,
        attempt: Number(flat[index + 2]),
      });
    }
    return claimed;
  }

  async function fire(job: DelayedJob<T>): Promise<void> {
    try {
      await options.handle(job);
      await remove([job.id]);
      fired.inc({ queue: name, result: 'ok' });
    } catch (error) {
      const backoffMs = Math.min(500 * 2 ** job.attempt, longestBackoffMs);
      logger.warn('delayed job failed, it comes back', {
        queue: name,
        job: job.id,
        attempt: job.attempt,
        backoffMs,
        error,
      });
      await redis.zadd(due, 'XX', now() + backoffMs, job.id);
      fired.inc({ queue: name, result: 'failed' });
    }
  }

  async function remove(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    const fields = ids.flatMap((id) => [id, `${id}:attempts`]);
    await redis
      .multi()
      .zrem(due, ...ids)
      .hdel(jobs, ...fields)
      .exec();
  }

  async function turn(): Promise<void> {
    try {
      const claimed = await claim();
      await Promise.all(claimed.map(fire));
      if (claimed.length === concurrency) return;
    } catch (error) {
      logger.warn('delay queue not reachable', { queue: name, error });
    }
    await wait(pollMs);
  }

  return {
    name: `delay queue ${name}`,
    start() {
      running = true;
      loop = (async () => {
        while (running) await turn();
      })();
      return Promise.resolve();
    },
    async stop() {
      running = false;
      await loop;
    },
    async schedule(wanted) {
      for (let from = 0; from < wanted.length; from += scheduledAtOnce) {
        const args = wanted.slice(from, from + scheduledAtOnce).flatMap(({ id, dueAt, payload }) => {
          const dueMs = dueAt.getTime();
          return [id, dueMs, JSON.stringify({ dueAt: dueMs, payload })];
        });
        await scheduleScript.run(redis, [due, jobs], args);
      }
    },
    cancel: remove,
    size: () => redis.zcard(due),
  };
}
