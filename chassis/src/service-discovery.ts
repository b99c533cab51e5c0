import { createConsulDiscovery } from './consul-discovery';
import { createStaticDiscovery, type Discovery, type StaticInstance } from './discovery';
import type { Logger } from './logger';

/** The discovery that the configuration asks for. */
export function createDiscovery(
  config: {
    discovery: 'consul' | 'static';
    consulHttpAddr: string;
    namespace: string;
    staticServices: Record<string, StaticInstance[]>;
  },
  logger: Logger,
): Discovery {
  switch (config.discovery) {
    case 'static':
      return createStaticDiscovery(config.staticServices);
    case 'consul':
      return createConsulDiscovery({ address: config.consulHttpAddr, namespace: config.namespace, logger });
  }
}
