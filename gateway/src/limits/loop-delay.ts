import type { Component } from '@onrush/chassis/lifecycle';

export interface LoopDelay extends Component {
  /** How far the event loop is behind, in milliseconds. */
  delayMs(): number;
}

const everyMs = 50;

/** How late a tick of 50 ms came, or is: what waits behind a long turn of the loop already knows it. */
export function createLoopDelay(now: () => number = () => performance.now()): LoopDelay {
  let timer: NodeJS.Timeout | undefined;
  let expectedAt = Infinity;
  let lastMs = 0;
  return {
    name: 'event loop delay',
    start() {
      expectedAt = now() + everyMs;
      timer = setInterval(() => {
        lastMs = Math.max(now() - expectedAt, 0);
        expectedAt = now() + everyMs;
      }, everyMs).unref();
      return Promise.resolve();
    },
    stop() {
      clearInterval(timer);
      expectedAt = Infinity;
      lastMs = 0;
      return Promise.resolve();
    },
    delayMs: () => Math.max(lastMs, now() - expectedAt),
  };
}
