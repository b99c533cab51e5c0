import type { Ask } from './call';
import type { LongLived } from './long-lived';
import type { End } from '../pipeline';
import { relay } from './relay';

/** Server-sent events (WHATWG HTML, "Server-sent events") pass through as they come: from their head on they have no time limit. */
export function createServerEvents(deps: { ask: Ask; longLived: LongLived }): End {
  return async (exchange, route) => {
    deps.longLived.hold(exchange.response);
    await relay(exchange, await deps.ask(exchange, route, { body: null }));
  };
}
