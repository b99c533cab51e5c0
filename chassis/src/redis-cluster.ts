import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { madeFrom } from './redis-connections';

const form = /^(rediss?)\+cluster:\/\/(?:([^:@/]*):([^@/]*)@)?([^@/?#]+)$/;

/** `redis+cluster://[user:password@]host:port,host:port`: some nodes of a Redis Cluster, which know the others; `rediss+cluster` with TLS. */
export const isClusterUrl = (url: string): boolean => {
  const hosts = form.exec(url)?.[4];
  return (
    hosts !== undefined && hosts.split(',').every((host) => host !== '' && URL.canParse(`redis://${host}`))
  );
};

/** The nodes that the address names. */
const seedsOf = new WeakMap<Redis, { host: string; port: number }[]>();

const asCluster = (redis: Redis): Cluster | undefined => {
  const connection: unknown = redis;
  return connection instanceof Cluster ? connection : undefined;
};

/**
 * All nodes as one connection. It is typed like the connection to one server, because every command is the same; what is not, is in this file. A
 * command whose node is gone is sent again for less than a second; the slots of other nodes go on.
 */
export function createRedisCluster(url: string, settings: RedisOptions): Redis {
  const [, scheme, username, password, hosts = ''] = form.exec(url) ?? [];
  const seeds = hosts.split(',').map((host) => {
    const { hostname, port } = new URL(`redis://${host}`);
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) };
  });
  const cluster = new Cluster(seeds, {
    lazyConnect: true,
    // Of a pipeline whose commands are for several slots of a node that was away, none would be redirected.
    enableAutoPipelining: false,
    clusterRetryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    maxRedirections: 5,
    redisOptions: {
      ...settings,
      enableAutoPipelining: false,
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
      ...(scheme === 'rediss' && { tls: {} }),
    },
  });
  const redis = cluster as unknown as Redis;
  seedsOf.set(redis, seeds);
  return redis;
}

/** Told when the connection to one node is lost, and when it is back. */
export function watchNodes(
  redis: Redis,
  listener: { onAway: (node: string, error: Error) => void; onBack: (node: string) => void },
): void {
  const cluster = asCluster(redis);
  const away = new Set<string>();
  cluster?.on('node error', (error: Error, node: string) => {
    if (!away.has(node)) listener.onAway(node, error);
    away.add(node);
  });
  cluster?.on('+node', (connection: Redis) => {
    const node = `${connection.options.host}:${connection.options.port}`;
    connection.on('ready', () => {
      if (away.delete(node)) listener.onBack(node);
    });
  });
}

/** Another connection to the same servers, which never sends a command a second time by itself, and never waits for a server that is away. */
export function duplicateUnrepeated(redis: Redis): Redis {
  const cluster = asCluster(redis);
  if (!cluster)
    return madeFrom(
      redis,
      redis.duplicate({
        autoResendUnfulfilledCommands: false,
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        enableAutoPipelining: false,
      }),
    );
  // MOVED and ASK are followed: who says so has done nothing. A connection that was lost, and a slot that nobody has, are told at once.
  const duplicate = cluster.duplicate([], {
    enableOfflineQueue: false,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    redisOptions: { ...cluster.options.redisOptions, autoResendUnfulfilledCommands: false },
  }) as unknown as Redis;
  seedsOf.set(duplicate, seedsOf.get(redis) ?? []);
  return madeFrom(redis, duplicate);
}

/** Calls `listener` whenever a connection to a server was lost, or there is another one: what is said from then on may be another server's word. */
export function onServerChange(redis: Redis, listener: () => void): void {
  redis.on('close', listener);
  // What never was connected has said nothing.
  asCluster(redis)?.on('+node', (connection: Redis) =>
    connection.on('ready', () => {
      listener();
      connection.once('close', listener);
    }),
  );
}

/** A connection of its own for channels. Every node of a cluster has every message: it is connected to one of them, and from a lost one to the next. */
export function duplicateForChannels(redis: Redis): Redis {
  const settings = {
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
  };
  const cluster = asCluster(redis);
  if (!cluster) return madeFrom(redis, redis.duplicate(settings));
  const seeds = seedsOf.get(redis) ?? [];
  let turn = Math.floor(Math.random() * seeds.length);
  const next = () => seeds[(turn += 1) % seeds.length] ?? {};
  const connection = new Redis({
    ...cluster.options.redisOptions,
    ...settings,
    ...next(),
    lazyConnect: true,
    retryStrategy: (attempt) => {
      Object.assign(connection.options, next());
      return Math.min(attempt * 50, 1_000);
    },
  });
  return madeFrom(redis, connection);
}

/** Connects to every node that is there, so that the first command need not. */
export async function connectNodes(redis: Redis): Promise<void> {
  await Promise.allSettled(
    asCluster(redis)
      ?.nodes('master')
      .map((node) => node.ping()) ?? [],
  );
}

/** Of one server itself, of a cluster each master. */
export const serversOf = (redis: Redis): Redis[] => asCluster(redis)?.nodes('master') ?? [redis];
