import type { Component } from '@onrush/chassis/lifecycle';
import type { Metrics } from '@onrush/chassis/metrics';
import { errors } from '../errors';

/** A connection that stays open for hours, or an answer on one. */
interface Held {
  destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}

/** Streams and WebSockets: they are counted apart from requests, since they hold memory and no processor. */
export interface LongLived extends Component {
  /** Throws `overloaded` where this process has as many as it may, and `upstreamFailed` where the client has left already. */
  hold(held: Held): void;
}

export function createLongLived(options: { limit: number; metrics: Metrics }): LongLived {
  const open = new Set<Held>();
  options.metrics.gauge('gateway_streams', 'WebSockets and event streams that are open', [], {
    collect: (gauge) => gauge.set(open.size),
  });
  return {
    name: 'streams and WebSockets',
    start: () => Promise.resolve(),
    // A client of a stream connects again, to another gateway.
    stop: () => {
      for (const held of open) held.destroy();
      return Promise.resolve();
    },
    hold(held) {
      // Its `close` is over: nothing would ever let go of it.
      if (held.destroyed) throw errors.upstreamFailed({ meta: { why: 'the client went away' } });
      if (open.size >= options.limit) throw errors.overloaded({ retryAfterSeconds: 5 });
      open.add(held);
      held.once('close', () => open.delete(held));
    },
  };
}
