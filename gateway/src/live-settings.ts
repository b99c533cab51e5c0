import type { z } from 'zod';
import { createDynamicConfig } from '@onrush/chassis/config-center';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { compileRules, type CanaryRules } from './canary/canary-rules';
import { dynamicSchemaOver, type Config } from './config';
import { mergeLimits, type Limits } from './limits/limits';
import { applyRouteRules } from './route-rules';
import { createRouter, type Router } from './router';
import { routes as table, type GatewayRoute } from './routes';

type Document = z.output<ReturnType<typeof dynamicSchemaOver>>;

/** What operators may change while the gateway runs; the names are those of the configuration. */
export interface LiveSettings extends Component {
  router(): Router;
  /** All that are served now. */
  routes(): GatewayRoute[];
  rateLimits(): Limits;
  canaries(): CanaryRules;
}

/**
 * The configuration the gateway was started with, and over it, key by key, the JSON at `onrush/config/gateway` in Consul KV, such as
 * `{ "routes": { "GET /api/v1/products": { "timeout_ms": 800 } } }`. A document is checked whole before any of it counts, and then counts from one
 * request to the next: the routes are one table, which is replaced. Without Consul nothing changes.
 */
export function createLiveSettings(
  config: Config,
  { logger, metrics }: { logger: Logger; metrics: Metrics },
): LiveSettings {
  const refused = metrics.counter('config_refused_total', 'Dynamic configurations that were not valid');
  const served = metrics.gauge('gateway_routes', 'Routes that are served', [], { ofWorkers: 'max' });
  const dynamic = createDynamicConfig({
    consulHttpAddr: config.consulHttpAddr,
    key: `onrush/config/${config.namespace ? `${config.namespace}-` : ''}gateway`,
    schema: dynamicSchemaOver(config),
    initial: {},
    logger,
    onRejected: () => refused.inc(),
  });
  const isWatched = config.discovery === 'consul';
  const nothing = () => Promise.resolve();
  let current = settingsOver({});
  dynamic.onChange((document) => (current = settingsOver(document)));

  function settingsOver(document: Document) {
    const rules = { ...config.routes, ...document.routes };
    const { routes } = applyRouteRules(table, rules);
    served.set(routes.length);
    return {
      rateLimits: mergeLimits(config.rateLimits, document.rate_limits),
      canaries: compileRules({ ...config.canaries, ...document.canaries }),
      routes,
      router: createRouter(routes),
    };
  }

  return {
    name: dynamic.name,
    start: isWatched ? dynamic.start : nothing,
    stop: isWatched ? dynamic.stop : nothing,
    router: () => current.router,
    routes: () => current.routes,
    rateLimits: () => current.rateLimits,
    canaries: () => current.canaries,
  };
}
