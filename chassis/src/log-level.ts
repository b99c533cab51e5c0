import { z } from 'zod';
import { logLevel } from './config';
import { createDynamicConfig } from './config-center';
import type { Component } from './lifecycle';
import type { RootLogger } from './logger';

const schema = z.strictObject({ level: logLevel });

export interface LogLevelConfig extends z.output<typeof schema> {
  namespace: string;
  consulHttpAddr: string;
}

/**
 * The level of a running service: `{ "level": "debug" }` at `onrush/log-level/<service>` in Consul KV, of all its processes; without it, the one that
 * it was started with. What is no level is refused as every other dynamic configuration is (config-center), and the old one stays.
 */
export function createLogLevel(
  service: string,
  { namespace, consulHttpAddr, level }: LogLevelConfig,
  logger: RootLogger,
): Component {
  const dynamic = createDynamicConfig({
    consulHttpAddr,
    key: `onrush/log-level/${namespace ? `${namespace}-` : ''}${service}`,
    schema,
    initial: { level },
    logger,
  });
  dynamic.onChange((document) => logger.setLevel(document.level));
  return dynamic;
}
