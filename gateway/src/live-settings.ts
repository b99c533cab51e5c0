import { createDynamicConfig } from '@onrush/chassis/config-center';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { dynamicSchema, type Config, type Limit, type RateClass } from './config';

/** What operators may change while the gateway runs; the names are those of the configuration. */
export interface LiveSettings extends Component {
  rateLimits(): Record<RateClass, Limit>;
  canaryHeaderEnabled(): boolean;
}

/**
 * The configuration the gateway was started with, and over it, key by key, the JSON at `onrush/config/gateway` in Consul KV, such as
 * `{ "canary_header_enabled": false }`. Without Consul nothing changes.
 */
export function createLiveSettings(
  config: Config,
  { logger, metrics }: { logger: Logger; metrics: Metrics },
): LiveSettings {
  const refused = metrics.counter('config_refused_total', 'Dynamic configurations that were not valid');
  const dynamic = createDynamicConfig({
    consulHttpAddr: config.consulHttpAddr,
    key: `onrush/config/${config.namespace ? `${config.namespace}-` : ''}gateway`,
    schema: dynamicSchema,
    initial: {},
    logger,
    onRejected: () => refused.inc(),
  });
  const isWatched = config.discovery === 'consul';
  const nothing = () => Promise.resolve();
  let rateLimits = config.rateLimits;
  dynamic.onChange(({ rate_limits }) => {
    rateLimits = { ...config.rateLimits, ...rate_limits };
  });
  return {
    name: dynamic.name,
    start: isWatched ? dynamic.start : nothing,
    stop: isWatched ? dynamic.stop : nothing,
    rateLimits: () => rateLimits,
    canaryHeaderEnabled: () => dynamic.current().canary_header_enabled ?? config.canaryHeaderEnabled,
  };
}
