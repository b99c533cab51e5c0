import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startRedisServer, type RedisServer } from './redis-server';
import { freePort } from './service';
import { eventually } from './wait';

/** One master of the cluster. */
export interface ClusterMember extends Omit<RedisServer, 'start' | 'stop'> {
  /** Starts it again; `empty`: without what it had, though with its slots. */
  start(options?: { empty: boolean }): Promise<void>;
}

export interface OwnCluster {
  url: string;
  members: [ClusterMember, ClusterMember, ClusterMember];
  /** The master that has the slot of this key. */
  memberOf(key: string): Promise<ClusterMember>;
  /** All members know each other, and every slot is served. */
  whole(): Promise<void>;
  stop(): Promise<void>;
}

const slots = 16_384;

/**
 * A Redis Cluster of the test file's own: three masters without replicas, each with a third of the slots, that go on where one of them is missing.
 * `redis-server` has to be on the PATH.
 */
export async function startOwnCluster(): Promise<OwnCluster> {
  const members = [await startMember(), await startMember(), await startMember()] as const;
  const [first] = members;
  const share = (part: number) => Math.floor((slots * part) / members.length);
  for (const [index, { redis }] of members.entries()) {
    await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', share(index), share(index + 1) - 1);
  }
  for (const { port, busPort } of members.slice(1))
    await first.redis.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);

  const whole = async (): Promise<void> => {
    for (const { redis } of members)
      await eventually(async () => {
        const info = String(await redis.call('CLUSTER', 'INFO'));
        return ['cluster_state:ok', 'cluster_slots_ok:16384', 'cluster_known_nodes:3'].every((fact) =>
          info.includes(fact),
        );
      });
  };
  await whole();
  return {
    url: `redis+cluster://${members.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    members: [...members],
    async memberOf(key) {
      const slot = await Promise.any(members.map(({ redis }) => redis.cluster('KEYSLOT', key)));
      const member = members.find((_, index) => slot >= share(index) && slot < share(index + 1));
      if (!member) throw new Error(`nobody has slot ${slot}`);
      return member;
    },
    whole,
    stop: async () => void (await Promise.all(members.map((member) => member.stop()))),
  };
}

async function startMember() {
  const busPort = await freePort();
  const folder = await mkdtemp(path.join(tmpdir(), 'onrush-cluster-'));
  const server = await startRedisServer(settingsOf({ busPort, folder }), { commandTimeout: 1_000 });
  return {
    ...server,
    busPort,
    async start({ empty } = { empty: false }) {
      if (empty) await rm(path.join(folder, 'appendonlydir'), { recursive: true, force: true });
      await server.start();
    },
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Without full coverage: the slots of a master that is missing must not take those of the others with them. */
const settingsOf = ({ busPort, folder }: { busPort: number; folder: string }): string[] =>
  Object.entries({
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    'cluster-enabled': 'yes',
    'cluster-port': busPort,
    'cluster-node-timeout': 1_000,
    'cluster-require-full-coverage': 'no',
  }).flatMap(([name, value]) => [`--${name}`, String(value)]);
