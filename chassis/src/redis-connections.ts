import type { Redis } from 'ioredis';
import type { Metrics } from './metrics';

/** A connection and those that were made from it: all that a process has to its Redis. */
const families = new WeakMap<Redis, Redis[]>();

type State = 'ready' | 'connecting' | 'closed';
const states: State[] = ['ready', 'connecting', 'closed'];

/** Shows the state of this connection, and of all that will be made from it. `nodesOf`: of a cluster, the connections to its servers. */
export function watchConnections(
  redis: Redis,
  nodesOf: (redis: Redis) => Redis[],
  metrics: Metrics | undefined,
): void {
  const family = [redis];
  families.set(redis, family);
  metrics?.gauge('redis_pool_connections', 'Connections to Redis by state', ['state'], {
    collect: (gauge) => {
      const now = family.flatMap(nodesOf).map(stateOf);
      for (const state of states) gauge.set({ state }, now.filter((one) => one === state).length);
    },
  });
}

/** Another connection to the same servers, for as long as the process lives. */
export function madeFrom(redis: Redis, connection: Redis): Redis {
  const family = families.get(redis);
  family?.push(connection);
  if (family) families.set(connection, family);
  return connection;
}

function stateOf({ status }: Redis): State {
  if (status === 'ready') return 'ready';
  return ['connecting', 'connect', 'reconnecting'].includes(status) ? 'connecting' : 'closed';
}
