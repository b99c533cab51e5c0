import Consul from 'consul';
import { z } from 'zod';
import type { Discovery, Instance } from './discovery';
import { createInstanceList, type InstanceList } from './instance-list';
import type { Logger } from './logger';

const ttlSeconds = 15;
const beatMs = 5_000;

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
  list: InstanceList;
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
    const list = createInstanceList({ service, where: 'Consul' });
    const entry: Watched = {
      list,
      stop() {
        query.end();
        list.stop();
      },
    };
    watched.set(service, entry);
    query.on('change', (rows: unknown) => list.learn(instancesOf(service, rows)));
    query.on('error', (error: Error) => logger.warn('consul watch failed', { watched: service, error }));
    return entry;
  }

  const instancesOf = (service: string, rows: unknown): Instance[] =>
    (rows as unknown[]).flatMap((each) => {
      const parsed = row.safeParse(each);
      if (parsed.success) return [toInstance(service, parsed.data)];
      logger.warn('what Consul lists is no instance of ours', { watched: service, problem: parsed.error });
      return [];
    });

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
      for (const entry of watched.values()) entry.stop();
      calls.destroy();
      watcher.destroy();
      return Promise.resolve();
    },
    instances: (service) => watch(service).list.instances(),
    waitFor: (service, limitMs = 10_000) => watch(service).list.waitFor(limitMs),
    onChange: (service, listener) => watch(service).list.onChange(listener),
    register,
    deregister: async (instanceId) => {
      clearInterval(beats.get(instanceId));
      beats.delete(instanceId);
      await calls.agent.service.deregister(instanceId);
    },
  };
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
