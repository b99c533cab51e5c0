import { Resolver } from 'node:dns/promises';
import type { Discovery, Instance } from './discovery';
import { createInstanceList, type InstanceList } from './instance-list';
import type { Logger } from './logger';

export interface DnsDiscoveryOptions {
  /** Goes behind the name of a service: `.onrush.svc.cluster.local`. */
  suffix: string;
  /** The ports that every pod serves HTTP and gRPC at. */
  httpPort: number;
  grpcPort: number;
  refreshMs: number;
  /** `address:port` of name servers; none: the system's. */
  servers: string[];
  logger: Logger;
  /** How long an empty answer must last; for tests. */
  emptyBelievedAfterMs?: number;
}

interface Watched {
  all: InstanceList;
  stop(): void;
}

const timeoutMs = 1_000;
const tries = 2;
const isEmptyAnswer = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * The headless services of Kubernetes as the registry: every address of `<service><suffix>` is an instance, and of `<service>-canary<suffix>`
 * a canary. Asked again and again; the last good list survives a name server that is away. DNS tells no versions, so they are called
 * `stable` and `canary`; and it registers nobody: the cluster does, by its probes.
 */
export function createDnsDiscovery(options: DnsDiscoveryOptions): Discovery {
  const { logger } = options;
  const resolver = new Resolver({ timeout: timeoutMs, tries });
  if (options.servers.length > 0) resolver.setServers(options.servers);
  const watched = new Map<string, Watched>();
  const nothing = () => Promise.resolve();

  function watch(service: string): Watched {
    const known = watched.get(service);
    if (known) return known;
    const entry = startWatching(service);
    watched.set(service, entry);
    return entry;
  }

  function startWatching(service: string): Watched {
    // Each of the two names is believed to be empty on its own; both together need no further waiting.
    const all = createInstanceList({ service, where: 'DNS', emptyBelievedAfterMs: 0 });
    const { emptyBelievedAfterMs } = options;
    const names = [false, true].map((canary) => ({
      host: `${service}${canary ? '-canary' : ''}${options.suffix}`,
      instanceAt: (address: string) => instanceAt(service, address, canary, options),
      list: createInstanceList({
        service,
        where: 'DNS',
        ...(emptyBelievedAfterMs && { emptyBelievedAfterMs }),
      }),
      lookUp: createLookUp(resolver),
    }));
    for (const { list } of names)
      list.onChange(() => all.learn(withoutTwice(names.flatMap((name) => name.list.instances()))));

    let timer: NodeJS.Timeout | undefined;
    let isStopped = false;
    let isAnswered = true;
    const refresh = async (): Promise<void> => {
      const failures = await Promise.all(
        names.map(async ({ host, instanceAt, list, lookUp }) => {
          const { addresses, failure } = await lookUp(host);
          if (isStopped) return undefined;
          if (failure && addresses.length === 0) list.keep();
          else list.learn(addresses.map(instanceAt));
          return failure;
        }),
      );
      if (isStopped) return;
      const error = failures.find((failure) => failure !== undefined);
      if (error && isAnswered) logger.warn('dns does not answer', { watched: service, error });
      if (!error && !isAnswered) logger.info('dns answers again', { watched: service });
      isAnswered = !error;
      timer = setTimeout(() => void refresh(), options.refreshMs).unref();
    };
    void refresh();

    return {
      all,
      stop() {
        isStopped = true;
        clearTimeout(timer);
        for (const { list } of names) list.stop();
        all.stop();
      },
    };
  }

  return {
    name: 'dns discovery',
    start: nothing,
    stop() {
      for (const entry of watched.values()) entry.stop();
      resolver.cancel();
      return nothing();
    },
    instances: (service) => watch(service).all.instances(),
    waitFor: (service, limitMs = 10_000) => watch(service).all.waitFor(limitMs),
    onChange: (service, listener) => watch(service).all.onChange(listener),
    register: nothing,
    deregister: nothing,
  };
}

interface LookedUp {
  addresses: string[];
  failure: unknown;
}

/** Looks up the IPv4 and IPv6 addresses of a name. Of a kind that is not answered, those that were found before are taken. */
function createLookUp(resolver: Resolver): (host: string) => Promise<LookedUp> {
  const kinds = [
    { ask: (host: string) => resolver.resolve4(host), found: [] as string[] },
    {
      ask: async (host: string) => (await resolver.resolve6(host)).map((address) => `[${address}]`),
      found: [] as string[],
    },
  ];
  return async (host) => {
    let failure: unknown;
    await Promise.all(
      kinds.map(async (kind) => {
        try {
          kind.found = await kind.ask(host);
        } catch (error) {
          if (isEmptyAnswer.has((error as NodeJS.ErrnoException).code ?? '')) kind.found = [];
          else failure = error;
        }
      }),
    );
    return { addresses: kinds.flatMap(({ found }) => found), failure };
  };
}

const instanceAt = (
  service: string,
  address: string,
  canary: boolean,
  { httpPort, grpcPort }: DnsDiscoveryOptions,
): Instance => ({
  id: `${service}-${address}:${grpcPort}`,
  service,
  address,
  httpPort,
  grpcPort,
  version: canary ? 'canary' : 'stable',
  canary,
});

/** A canary pod that the selector of the stable service finds, too, is a canary. */
const withoutTwice = (instances: Instance[]): Instance[] => [
  ...new Map(instances.map((instance) => [instance.id, instance])).values(),
];
