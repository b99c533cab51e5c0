import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Logger } from './logger';
import type { Keys } from './redis';

/** 64-bit ids that grow with time: 41 bits of milliseconds since 2024, 10 bits of worker, 12 bits of sequence (Twitter, 2010). */
export interface Snowflake {
  nextId(): string;
}

const epochMs = Date.UTC(2024, 0, 1);
const workers = 1024;
const perMillisecond = 4096;
const toleratedBackwardsMs = 2_000;

/** A clock that goes back by up to 2 s keeps counting on the last millisecond; further back it throws, rather than repeat itself. */
export function createSnowflake(options: { workerId: number; now?: () => number }): Snowflake {
  const { workerId, now = Date.now } = options;
  if (!Number.isInteger(workerId) || workerId < 0 || workerId >= workers)
    throw new Error(`worker id ${workerId} is not within 0…1023`);
  const workerBits = BigInt(workerId) << 12n;
  let last = 0;
  let sequence = 0;

  function advance(): void {
    const time = now();
    if (time < last - toleratedBackwardsMs) throw new Error(`the clock went back by ${last - time} ms`);
    if (time > last) {
      last = time;
      sequence = 0;
    } else if (sequence < perMillisecond - 1) {
      sequence += 1;
    } else {
      // More than 4,096 a millisecond borrow from the next one.
      last += 1;
      sequence = 0;
    }
  }

  return {
    nextId() {
      advance();
      return ((BigInt(last - epochMs) << 22n) | workerBits | BigInt(sequence)).toString();
    },
  };
}

export const snowflakeTime = (id: string): Date => new Date(Number(BigInt(id) >> 22n) + epochMs);

export interface WorkerLease {
  workerId: number;
  /** Called once if the lease could not be kept: another process may use the number from then on. */
  onLost(listener: () => void): void;
  release(): Promise<void>;
}

const renewScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0`;
const releaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/** A worker number that no other process of this service has, for as long as it is renewed. */
export async function leaseWorkerId(options: {
  redis: Redis;
  keys: Keys;
  logger: Logger;
  leaseMs?: number;
}): Promise<WorkerLease> {
  const { redis, keys, logger, leaseMs = 60_000 } = options;
  const renewMs = leaseMs / 4;
  const token = randomUUID();
  const workerId = await takeFreeNumber(redis, keys, { token, leaseMs });
  const key = keys('worker', String(workerId));
  const listeners: (() => void)[] = [];
  let heldUntil = Date.now() + leaseMs;

  async function renew(): Promise<void> {
    try {
      if ((await redis.eval(renewScript, 1, key, token, leaseMs)) === 1) heldUntil = Date.now() + leaseMs;
      else if ((await redis.set(key, token, 'PX', leaseMs, 'NX')) === 'OK') heldUntil = Date.now() + leaseMs;
      else heldUntil = 0;
    } catch (error) {
      logger.warn('worker number not renewed', { workerId, error });
    }
    if (Date.now() > heldUntil - renewMs) lose();
  }

  function lose(): void {
    clearInterval(timer);
    logger.error('worker number lost', { workerId });
    for (const listener of listeners.splice(0)) listener();
  }

  const timer = setInterval(() => void renew(), renewMs).unref();
  return {
    workerId,
    onLost: (listener) => void listeners.push(listener),
    async release() {
      clearInterval(timer);
      await redis.eval(releaseScript, 1, key, token);
    },
  };
}

async function takeFreeNumber(
  redis: Redis,
  keys: Keys,
  { token, leaseMs }: { token: string; leaseMs: number },
): Promise<number> {
  const first = Math.floor(Math.random() * workers);
  for (let offset = 0; offset < workers; offset += 1) {
    const workerId = (first + offset) % workers;
    if ((await redis.set(keys('worker', String(workerId)), token, 'PX', leaseMs, 'NX')) === 'OK')
      return workerId;
  }
  throw new Error('all 1,024 worker numbers are taken');
}
