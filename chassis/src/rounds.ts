import type { Component } from './lifecycle';
import type { Logger } from './logger';

/** Does something again and again, one at a time. A failure is logged when it begins, not each time; the next round tries again. */
export function createRounds(options: {
  name: string;
  everyMs: number;
  round: () => Promise<void>;
  logger: Logger;
}): Component {
  const { name, everyMs, round, logger } = options;
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> = Promise.resolve();
  let isFailing = false;
  let isStopped = false;

  async function once(): Promise<void> {
    try {
      await round();
      isFailing = false;
    } catch (error) {
      if (!isFailing) logger.warn(`${name} failed, it comes back`, { error });
      isFailing = true;
    }
  }

  function next(): void {
    if (isStopped) return;
    timer = setTimeout(() => {
      current = once().finally(next);
    }, everyMs);
  }

  return {
    name,
    start() {
      next();
      return Promise.resolve();
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}
