import { Redis } from 'ioredis';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from './logger';
import type { Metrics } from './metrics';
import { createRedisCluster, isClusterUrl, serversOf, watchNodes } from './redis-cluster';
import { watchConnections } from './redis-connections';

/** A connection, to one server or to a cluster, that fails fast: one retry a command, one second an answer; an outage is logged once. */
export function createRedis(options: {
  url: string;
  name: string;
  logger: Logger;
  /** Where the connection shows its state, and those that are made from it. */
  metrics?: Metrics;
  commandTimeoutMs?: number;
}): Redis {
  const { logger } = options;
  const settings = {
    connectionName: options.name,
    maxRetriesPerRequest: 1,
    commandTimeout: options.commandTimeoutMs ?? 1_000,
    enableAutoPipelining: true,
    replyMapping: 'legacy',
    disconnectTimeout: 250,
  } as const;
  const retryStrategy = (attempt: number) => Math.min(attempt * 50, 1_000);
  const redis = isClusterUrl(options.url)
    ? createRedisCluster(options.url, settings)
    : new Redis(options.url, { ...settings, lazyConnect: true, retryStrategy });
  watchNodes(redis, {
    onAway: (node, error) => logger.error('a node of the redis cluster is away', { node, error }),
    onBack: (node) => logger.info('a node of the redis cluster is back', { node }),
  });
  watchConnections(redis, serversOf, options.metrics);
  let isAway = false;
  redis.on('error', (error) => {
    if (!isAway) logger.error('redis is away', { error });
    isAway = true;
  });
  redis.on('ready', () => {
    if (isAway) logger.info('redis is back');
    isAway = false;
  });
  return redis;
}

/** Builds key names: `keys('stock', id)` → `namespace:service:stock:id`. */
export interface Keys {
  (...parts: string[]): string;
  /** Keys that share one hash slot: `keys.tagged('a:12')('state')` → `namespace:service:{a:12}:state`. */
  tagged(tag: string): (...parts: string[]) => string;
}

export function createKeys(namespace: string, service: string): Keys {
  const prefix = namespace ? [namespace, service] : [service];
  const join = (...parts: string[]) => [...prefix, ...parts].join(':');
  return Object.assign(join, {
    tagged:
      (tag: string) =>
      (...parts: string[]) =>
        join(`{${tag}}`, ...parts),
  });
}

export interface Script<Reply> {
  /** Throws when the number of keys is not the one in the script's name. */
  run(redis: Redis, keys: string[], args: (string | number | Buffer)[]): Promise<Reply>;
}

/**
 * A Lua script whose name ends in its number of keys: `buy-3.lua`. Scripts stay in src when TypeScript is built, so a directory under
 * dist/ is read from its twin under src/.
 */
export function loadScript<Reply>(directory: string, file: string): Script<Reply> {
  const keyCount = Number(/-(\d+)\.lua$/.exec(file)?.[1] ?? Number.NaN);
  if (Number.isNaN(keyCount))
    throw new Error(`the name of a script ends in its number of keys, like buy-3.lua: ${file}`);
  const lua = readFileSync(path.join(sourceTwin(directory), file), 'utf8');
  const sha = createHash('sha1').update(lua).digest('hex');
  return {
    async run(redis, keys, args) {
      if (keys.length !== keyCount) throw new Error(`${file} takes ${keyCount} keys, got ${keys.length}`);
      try {
        return (await redis.evalsha(sha, keyCount, ...keys, ...args)) as Reply;
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        return (await redis.eval(lua, keyCount, ...keys, ...args)) as Reply;
      }
    },
  };
}

function sourceTwin(directory: string): string {
  const at = directory.lastIndexOf(`${path.sep}dist`);
  return at < 0 ? directory : `${directory.slice(0, at)}${path.sep}src${directory.slice(at + 5)}`;
}
