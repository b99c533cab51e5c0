import type { Component } from './lifecycle';

/** One running copy of a service. */
export interface Instance {
  id: string;
  service: string;
  /** A name or an IP address, as it goes before `:port`: one of IPv6 is in brackets. */
  address: string;
  httpPort: number;
  grpcPort: number;
  version: string;
  canary: boolean;
}

/** Where its HTTP port is, for URLs. */
export const httpOriginOf = ({ address, httpPort }: Instance): string => `http://${address}:${httpPort}`;

/** Finds the running copies of a service and announces our own. Consul, DNS and static lists are its implementations. */
export interface Discovery extends Component {
  /** The last known list. The first call for a service starts watching it. */
  instances(service: string): Instance[];
  /** Resolves when at least one instance is known; throws after the limit. */
  waitFor(service: string, limitMs?: number): Promise<void>;
  /** Called with the new list on every change, and once at once if the list is known. Returns how to stop. */
  onChange(service: string, listener: (instances: Instance[]) => void): () => void;
  register(instance: Instance): Promise<void>;
  deregister(instanceId: string): Promise<void>;
}

export interface StaticInstance {
  address: string;
  http_port: number;
  grpc_port: number;
  version?: string | undefined;
  canary?: boolean | undefined;
}

/** A fixed list from the configuration: for a laptop without Consul. */
export function createStaticDiscovery(services: Record<string, StaticInstance[]>): Discovery {
  const lists = new Map(
    Object.entries(services).map(([service, entries]) => [
      service,
      entries.map((entry) => toInstance(service, entry)),
    ]),
  );
  const instances = (service: string): Instance[] => lists.get(service) ?? [];
  const nothing = () => Promise.resolve();
  return {
    name: 'static discovery',
    start: nothing,
    stop: nothing,
    register: nothing,
    deregister: nothing,
    instances,
    waitFor(service) {
      if (instances(service).length > 0) return Promise.resolve();
      return Promise.reject(new Error(`STATIC_SERVICES names no instance of ${service}`));
    },
    onChange(service, listener) {
      listener(instances(service));
      return () => undefined;
    },
  };
}

const toInstance = (service: string, entry: StaticInstance): Instance => ({
  id: `${service}-${entry.address}:${entry.grpc_port}`,
  service,
  address: entry.address,
  httpPort: entry.http_port,
  grpcPort: entry.grpc_port,
  version: entry.version ?? '0.1.0',
  canary: entry.canary ?? false,
});
