import { Pool } from 'undici';
import { httpOriginOf, type Discovery, type Instance } from '@onrush/chassis/discovery';
import type { Priority } from '../limits/concurrency-limit';

/** The connections to one instance. */
export interface InstancePool {
  pool: Pool;
  /** Requests that wait or are in flight. */
  pending: number;
}

/** The connections to all instances that some of the requests share. */
export interface Lane {
  /** Made on first use. */
  poolOf(instance: Instance): InstancePool;
  /** False when so much waits for this instance that more would only wait, too; and after `stop`. */
  hasRoom(instance: Instance): boolean;
}

export interface UpstreamPools {
  /** Winners have a lane of their own: a crowd that waits for an instance is neither before them nor in their place. */
  laneOf(priority: Priority): Lane;
  start(): void;
  stop(): Promise<void>;
}

/** Of each lane, and so are the connections below: some services have none but winners. */
const maxPending = 1_024;

const poolOptions: Pool.Options = {
  connections: 128,
  pipelining: 1,
  // The services close an idle connection after 65 s: we are always the first, so no request meets a closing one.
  keepAliveTimeout: 60_000,
  keepAliveMaxTimeout: 60_000,
  connect: { timeout: 1_000 },
  allowH2: false,
  // The deadline wheel watches head and body, for less than a timer each.
  headersTimeout: 0,
  bodyTimeout: 0,
};

interface Known extends InstancePool {
  instance: Instance;
}
type Pools = Map<string, Known>;

/** A pool of connections for each instance and lane, closed when discovery drops it; what is in flight then is still answered. */
export function createUpstreamPools(discovery: Pick<Discovery, 'onChange'>, names: string[]): UpstreamPools {
  const ofWinners: Pools = new Map();
  const ofOthers: Pools = new Map();
  let unwatch: (() => void)[] = [];
  let stopped = false;
  const isOpen = () => !stopped;
  const winners = laneOver(ofWinners, isOpen);
  const others = laneOver(ofOthers, isOpen);

  return {
    laneOf: (priority) => (priority === 'winner' ? winners : others),
    start() {
      unwatch = names.map((name) =>
        discovery.onChange(name, (instances) => {
          dropGone(ofWinners, name, instances);
          dropGone(ofOthers, name, instances);
        }),
      );
    },
    async stop() {
      stopped = true;
      for (const end of unwatch) end();
      const open = [...ofWinners.values(), ...ofOthers.values()];
      ofWinners.clear();
      ofOthers.clear();
      await Promise.all(open.map(({ pool }) => pool.destroy()));
    },
  };
}

function laneOver(pools: Pools, isOpen: () => boolean): Lane {
  return {
    poolOf(instance) {
      const known = pools.get(instance.id);
      if (known && isSamePlace(known.instance, instance)) return known;
      void known?.pool.close();
      const fresh = { instance, pool: new Pool(httpOriginOf(instance), poolOptions), pending: 0 };
      pools.set(instance.id, fresh);
      return fresh;
    },
    hasRoom: (instance) => isOpen() && (pools.get(instance.id)?.pending ?? 0) < maxPending,
  };
}

function dropGone(pools: Pools, service: string, instances: Instance[]): void {
  const alive = new Set(instances.map((instance) => instance.id));
  for (const [id, known] of pools) {
    if (known.instance.service !== service || alive.has(id)) continue;
    pools.delete(id);
    void known.pool.close();
  }
}

const isSamePlace = (one: Instance, other: Instance): boolean =>
  one === other || (one.address === other.address && one.httpPort === other.httpPort);
