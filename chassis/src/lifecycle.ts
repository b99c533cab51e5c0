import type { Logger } from './logger';

/** A part of a service that holds something: started in order, stopped in reverse. */
export interface Component {
  name: string;
  /** It tells others that we are here, so it is the first to stop. */
  announces?: true;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface Lifecycle {
  start(): Promise<void>;
  /** Not ready and not announced first, then every started component in reverse order; bounded by the drain limit. */
  stop(): Promise<void>;
  /** True between a complete start and the beginning of the stop. */
  isReady(): boolean;
}

export interface LifecycleOptions {
  logger: Logger;
  components: Component[];
  /** Time for others to see that we leave, before connections are refused. */
  drainDelayMs?: number;
  /** All of stop() ends within this time, whatever hangs. */
  drainLimitMs?: number;
}

/** A failed start stops what had started, in reverse order, and throws the first error. */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { logger, components, drainDelayMs = 0, drainLimitMs = 25_000 } = options;
  const started: Component[] = [];
  let ready = false;
  let stopping: Promise<void> | undefined;

  async function start(): Promise<void> {
    for (const component of components) {
      started.push(component);
      try {
        await component.start();
      } catch (error) {
        logger.error('component did not start', { component: component.name, error });
        await stop();
        throw error;
      }
    }
    ready = true;
  }

  async function drain(): Promise<void> {
    const wasReady = ready;
    ready = false;
    const until = Date.now() + drainLimitMs;
    const leftMs = () => Math.max(until - Date.now(), 100);
    // First nobody new is sent here, then all have time to hear of it, then the doors close.
    for (const component of started.filter(({ announces }) => announces)) {
      started.splice(started.indexOf(component), 1);
      await stopOne(component, leftMs() / 2);
    }
    if (wasReady && drainDelayMs > 0) await wait(Math.min(drainDelayMs, leftMs() / 2));
    for (let component = started.pop(); component; component = started.pop()) {
      await stopOne(component, leftMs());
    }
  }

  async function stopOne(component: Component, limitMs: number): Promise<void> {
    try {
      await within(limitMs, component.stop());
    } catch (error) {
      logger.error('component did not stop cleanly', { component: component.name, error });
    }
  }

  function stop(): Promise<void> {
    stopping ??= drain();
    return stopping;
  }

  return { start, stop, isReady: () => ready };
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function within(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still busy after ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
