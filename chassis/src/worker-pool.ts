import cluster, { type Worker } from 'node:cluster';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { Metrics } from './metrics';

export interface WorkerPool {
  start(): void;
  /** Ends all workers by SIGTERM, and those that still run at the limit by SIGKILL. True when each ended well, by itself. */
  stop(): Promise<boolean>;
  killAll(): void;
  areAllReady(): boolean;
  /** Those that are ready now. */
  ready(): Worker[];
}

export interface WorkerPoolOptions {
  count: number;
  logger: Logger;
  metrics: Metrics;
  /** Told once, when a worker ended before it was ready too often in a row. */
  onHopeless: () => void;
  /** The shortest time between two starts of the same worker. */
  restartAfterMs?: number;
  /** All of stop() ends about this long after its beginning. */
  drainLimitMs?: number;
}

interface Slot {
  number: number;
  worker: Worker | undefined;
  state: 'starting' | 'ready' | 'leaving';
  /** In a row; one that was ready ends the row. */
  failedStarts: number;
  forkedAt: number;
  restart: NodeJS.Timeout | undefined;
}

const failedStartsLimit = 5;
const ready = 'chassis:ready';
const leaving = 'chassis:leaving';

/** In a worker, the last of its components: tells the primary that all others have started, and that they begin to stop. */
export const wordToPrimary: Component = {
  name: 'word to the primary',
  start: () => tell(ready),
  stop: () => tell(leaving),
};

/** In the primary: that many processes of the same program, each started again when it ends without having been told to. */
export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { logger, restartAfterMs = 1_000, drainLimitMs = 25_000 } = options;
  const restarts = options.metrics.counter('worker_restarts_total', 'Workers started again after their end');
  const slots = Array.from({ length: options.count }, (_, number): Slot => newSlot(number + 1));
  const empty = Promise.withResolvers<void>();
  let isStopping = false;
  let allEndedWell = true;

  function fork(slot: Slot): void {
    const worker = cluster.fork();
    Object.assign(slot, { worker, state: 'starting', forkedAt: performance.now() });
    worker.on('message', (message: { type?: string }) => heard(slot, message.type));
    worker.once('exit', (exitCode, signal) => ended(slot, { exitCode, signal }));
    worker.on('error', (error) => {
      logger.warn('worker cannot be reached', { worker: slot.number, error });
      // There is no process that could end.
      if (worker.process.pid === undefined) ended(slot, { exitCode: null, signal: null });
    });
  }

  function heard(slot: Slot, type: string | undefined): void {
    if (type === leaving) slot.state = 'leaving';
    if (type !== ready) return;
    slot.state = 'ready';
    slot.failedStarts = 0;
    if (areAllReady()) logger.info('all workers are ready', { workers: slots.length });
  }

  function ended(slot: Slot, how: { exitCode: number | null; signal: string | null }): void {
    const pid = slot.worker?.process.pid;
    const wasStarting = slot.state === 'starting';
    Object.assign(slot, { worker: undefined, state: 'starting' });
    if (isStopping) {
      const hadNothingToEnd = wasStarting && how.signal === 'SIGTERM';
      if (how.exitCode !== 0 && !hadNothingToEnd) {
        allEndedWell = false;
        logger.error('worker did not end well', { worker: slot.number, pid, ...how });
      }
      return resolveIfEmpty();
    }
    if (wasStarting) slot.failedStarts += 1;
    logger.warn('worker died', { worker: slot.number, pid, ...how, failedStarts: slot.failedStarts });
    if (slot.failedStarts >= failedStartsLimit) return options.onHopeless();
    const between = restartAfterMs * 2 ** Math.max(slot.failedStarts - 1, 0);
    const leftMs = slot.forkedAt + between - performance.now();
    slot.restart = setTimeout(restart, Math.max(leftMs, 0), slot);
  }

  function restart(slot: Slot): void {
    restarts.inc();
    fork(slot);
  }

  function resolveIfEmpty(): void {
    if (slots.every(({ worker }) => worker === undefined)) empty.resolve();
  }

  const killAll = (signal: NodeJS.Signals = 'SIGKILL') => {
    for (const { worker } of slots) worker?.process.kill(signal);
  };
  const areAllReady = () => !isStopping && slots.every(({ state }) => state === 'ready');

  return {
    start: () => slots.forEach(fork),
    async stop() {
      isStopping = true;
      for (const slot of slots) clearTimeout(slot.restart);
      killAll('SIGTERM');
      resolveIfEmpty();
      const limit = setTimeout(killAll, drainLimitMs);
      await empty.promise;
      clearTimeout(limit);
      return allEndedWell;
    },
    killAll: () => killAll(),
    areAllReady,
    ready: () => slots.flatMap(({ state, worker }) => (worker && state === 'ready' ? [worker] : [])),
  };
}

const newSlot = (number: number): Slot => ({
  number,
  worker: undefined,
  state: 'starting',
  failedStarts: 0,
  forkedAt: 0,
  restart: undefined,
});

/** A primary that is gone has nothing to be told: its workers end with it. */
function tell(type: string): Promise<void> {
  process.send?.({ type }, undefined, undefined, () => undefined);
  return Promise.resolve();
}
