import type { Component } from '@onrush/chassis/lifecycle';
import { createAwakeClock } from './awake-clock';

/** What waits for its moment. */
export interface Expiring {
  /** The wheel's own: which tick it waits for, and its place there; -1 where it does not wait. */
  dueTick: number;
  place: number;
  expire(): void;
}

export interface DeadlineWheel extends Component {
  /** `expire` is called once, at most one tick (50 ms) late, unless it is removed before. One that waits already is moved. */
  add(entry: Expiring, afterMs: number): void;
  remove(entry: Expiring): void;
  /** Milliseconds of the clock that the deadlines go by, in which a pause of the process hardly counts. */
  now(): number;
}

const tickMs = 50;
const slotCount = 256;

/**
 * One timer for the deadlines of all requests: a hashed timing wheel (Varghese and Lauck, 1987). Its slots are arrays, not sets, for the reason
 * that `createWaitingRing` gives.
 */
export function createDeadlineWheel(time: () => number): DeadlineWheel {
  const clock = createAwakeClock(time);
  const slots = Array.from({ length: slotCount }, (): Expiring[] => []);
  let tick = Math.floor(clock.now() / tickMs);
  let timer: NodeJS.Timeout | undefined;
  const slotOf = (at: number) => slots[at % slotCount] as Expiring[];

  function turn(): void {
    clock.tick();
    const reached = Math.floor(clock.now() / tickMs);
    while (tick < reached) {
      tick += 1;
      for (const entry of slotOf(tick).filter(({ dueTick }) => dueTick <= reached)) {
        // One that expired before it may have taken it out, or given it more time.
        if (entry.place < 0 || entry.dueTick > reached) continue;
        remove(entry);
        entry.expire();
      }
    }
  }

  function remove(entry: Expiring): void {
    if (entry.place < 0) return;
    const slot = slotOf(entry.dueTick);
    const last = slot.pop() as Expiring;
    if (last !== entry) {
      slot[entry.place] = last;
      last.place = entry.place;
    }
    entry.place = -1;
  }

  return {
    name: 'deadlines',
    start() {
      timer = setInterval(turn, tickMs).unref();
      return Promise.resolve();
    },
    stop() {
      clearInterval(timer);
      return Promise.resolve();
    },
    add(entry, afterMs) {
      remove(entry);
      entry.dueTick = Math.max(Math.ceil((clock.now() + afterMs) / tickMs), tick + 1);
      entry.place = slotOf(entry.dueTick).push(entry) - 1;
    },
    remove,
    now: clock.now,
  };
}
