import Consul from 'consul';
import { z } from 'zod';
import type { Discovery, Instance } from './discovery';
import type { Logger } from './logger';

const ttlSeconds = 15;
const beatMs = 5_000;
/** Consul answers an empty list while it restarts; a service that is really gone stays empty longer than this. */
const emptyBelievedAfterMs = 10_000;

const row = z.object({
  Node: z.object({ Address: z.string() }),
  Service: z.object({
    ID: z.string(),
    Address: z.string(),
    Meta: z.object({
      version: z.string(),
      canary: z.enum(['true', 'false']),
      http_port: z.coerce.number().int(),
      grpc_port: z.coerce.number().int(),
    }),
  }),
});

interface Watched {
  instances: Instance[];
  listeners: Set<(instances: Instance[]) => void>;
  emptyTimer: NodeJS.Timeout | undefined;
  stop(): void;
}

/** Consul as the registry: TTL checks for ourselves, blocking queries for the others; the last good list survives Consul. */
export function createConsulDiscovery(options: {
  address: string;
  namespace: string;
  logger: Logger;
}): Discovery {
  const { logger } = options;
  const consulName = (service: string) => (options.namespace ? `${options.namespace}-${service}` : service);
  const [host = '127.0.0.1', port = '8500'] = options.address.replace(/^https?:\/\//, '').split(':');
  const connection = { host, port: Number(port) };
  // The typings are narrower than the package. A default timeout would cut every blocking query, hence two clients.
  const calls = new Consul({ ...connection, defaults: { timeout: 2_000 } as never });
  const watcher = new Consul(connection);
  const watched = new Map<string, Watched>();
  const beats = new Map<string, NodeJS.Timeout>();

  function watch(service: string): Watched {
    const known = watched.get(service);
    if (known) return known;
    const query = watcher.watch({
      method: watcher.health.service.bind(watcher.health) as never,
      options: { service: consulName(service), passing: 'true', wait: '30s' },
      backoffMax: 5_000,
    });
    const entry: Watched = {
      instances: [],
      listeners: new Set(),
      emptyTimer: undefined,
      stop: () => query.end(),
    };
    watched.set(service, entry);
    query.on('change', (rows: unknown) => accept(service, entry, rows));
    query.on('error', (error: Error) => logger.warn('consul watch failed', { watched: service, error }));
    return entry;
  }

  function accept(service: string, entry: Watched, rows: unknown): void {
    const instances = (rows as unknown[]).flatMap((each) => {
      const parsed = row.safeParse(each);
      if (parsed.success) return [toInstance(service, parsed.data)];
      logger.warn('what Consul lists is no instance of ours', { watched: service, problem: parsed.error });
      return [];
    });
    clearTimeout(entry.emptyTimer);
    if (instances.length === 0 && entry.instances.length > 0) {
      entry.emptyTimer = setTimeout(() => publish(entry, []), emptyBelievedAfterMs).unref();
      return;
    }
    publish(entry, instances);
  }

  async function register(instance: Instance): Promise<void> {
    const checkId = `${instance.id}:ttl`;
    const announce = () =>
      calls.agent.service.register({
        id: instance.id,
        name: consulName(instance.service),
        address: instance.address,
        port: instance.grpcPort,
        tags: [instance.version],
        meta: metaOf(instance),
        checks: [
          {
            name: 'ttl',
            checkid: checkId,
            ttl: `${ttlSeconds}s`,
            timeout: '1s',
            status: 'passing',
            deregistercriticalserviceafter: '1m',
          },
        ],
      });
    await announce();
    // A Consul that lost its data forgets us: announcing again is the remedy.
    const beat = () =>
      calls.agent.check
        .pass({ id: checkId })
        .catch(announce)
        .catch((error: unknown) => logger.warn('consul heartbeat failed', { error }));
    beats.set(instance.id, setInterval(() => void beat(), beatMs).unref());
  }

  return {
    name: 'consul discovery',
    start: async () => {
      await calls.agent.self();
    },
    stop: () => {
      for (const timer of beats.values()) clearInterval(timer);
      for (const entry of watched.values()) {
        entry.stop();
        clearTimeout(entry.emptyTimer);
      }
      calls.destroy();
      watcher.destroy();
      return Promise.resolve();
    },
    instances: (service) => watch(service).instances,
    waitFor: (service, limitMs = 10_000) => firstInstance(watch(service), service, limitMs),
    onChange(service, listener) {
      const entry = watch(service);
      entry.listeners.add(listener);
      if (entry.instances.length > 0) listener(entry.instances);
      return () => entry.listeners.delete(listener);
    },
    register,
    deregister: async (instanceId) => {
      clearInterval(beats.get(instanceId));
      beats.delete(instanceId);
      await calls.agent.service.deregister(instanceId);
    },
  };
}

function publish(entry: Watched, instances: Instance[]): void {
  entry.instances = instances;
  for (const listener of entry.listeners) listener(instances);
}

function firstInstance(entry: Watched, service: string, limitMs: number): Promise<void> {
  if (entry.instances.length > 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const arrived = (instances: Instance[]) => {
      if (instances.length === 0) return;
      clearTimeout(limit);
      entry.listeners.delete(arrived);
      resolve();
    };
    const limit = setTimeout(() => {
      entry.listeners.delete(arrived);
      reject(new Error(`no instance of ${service} in Consul after ${limitMs} ms`));
    }, limitMs);
    entry.listeners.add(arrived);
  });
}

const metaOf = (instance: Instance): Record<string, string> => ({
  version: instance.version,
  canary: String(instance.canary),
  http_port: String(instance.httpPort),
  grpc_port: String(instance.grpcPort),
});

function toInstance(service: string, { Node, Service }: z.infer<typeof row>): Instance {
  return {
    id: Service.ID,
    service,
    address: Service.Address || Node.Address,
    httpPort: Service.Meta.http_port,
    grpcPort: Service.Meta.grpc_port,
    version: Service.Meta.version,
    canary: Service.Meta.canary === 'true',
  };
}
