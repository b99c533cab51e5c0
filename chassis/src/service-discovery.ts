import { createConsulDiscovery } from './consul-discovery';
import { createStaticDiscovery, type Discovery, type StaticInstance } from './discovery';
import { createDnsDiscovery } from './dns-discovery';
import type { Logger } from './logger';

/** The discovery that the configuration asks for. */
export function createDiscovery(
  config: {
    discovery: 'consul' | 'static' | 'dns';
    consulHttpAddr: string;
    namespace: string;
    staticServices: Record<string, StaticInstance[]>;
    dnsSuffix: string;
    dnsHttpPort: number;
    dnsGrpcPort: number;
    dnsRefreshMs: number;
    dnsServers: string[];
  },
  logger: Logger,
): Discovery {
  switch (config.discovery) {
    case 'static':
      return createStaticDiscovery(config.staticServices);
    case 'consul':
      return createConsulDiscovery({ address: config.consulHttpAddr, namespace: config.namespace, logger });
    case 'dns':
      return createDnsDiscovery({
        suffix: config.dnsSuffix,
        httpPort: config.dnsHttpPort,
        grpcPort: config.dnsGrpcPort,
        refreshMs: config.dnsRefreshMs,
        servers: config.dnsServers,
        logger,
      });
  }
}
