import { mkdtempSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import { createLocks } from '../src/lock';
import { createMetrics } from '../src/metrics';
import { createKeys, createRedis, loadScript } from '../src/redis';
import { createRedisChannels } from '../src/redis-channels';
import {
  connectNodes,
  duplicateUnrepeated,
  isClusterUrl,
  onServerChange,
  serversOf,
} from '../src/redis-cluster';
import { leaseWorkerId } from '../src/snowflake';
import { createStreamRelay } from '../src/stream-relay';
import { recordingLogger, silentLogger } from '../src/testing/logger';
import { startOwnCluster, type OwnCluster } from '../src/testing/redis-cluster';
import { deleteKeys } from '../src/testing/redis';
import { eventually } from '../src/testing/wait';

let cluster: OwnCluster;
let redis: Redis;
const { logger, lines } = recordingLogger();
const keys = createKeys('t_cluster', 'test');
/** Keys of which each server has some. */
const many = Array.from({ length: 30 }, (_, index) => keys('key', String(index)));

beforeAll(async () => {
  cluster = await startOwnCluster();
  redis = createRedis({ url: cluster.url, name: 'test', logger });
  await redis.connect();
}, 30_000);
afterAll(async () => {
  redis.disconnect();
  await cluster.stop();
});

test.each([
  ['redis+cluster://h:1', true],
  ['redis+cluster://user:secret@h:1,[::1]:2,h', true],
  ['rediss+cluster://h:1', true],
  ['redis://h:1', false],
  ['redis+cluster://', false],
  ['redis+cluster://h:1,', false],
  ['redis+cluster://h:1/2', false],
  ['redis+cluster://h:99999', false],
])('%s is the address of a cluster: %s', (url, isOne) => {
  expect(isClusterUrl(url)).toBe(isOne);
});

test('commands that are sent together go to whichever server has their key', async () => {
  await Promise.all(many.map((key) => redis.set(key, key)));

  expect(await Promise.all(many.map((key) => redis.get(key)))).toEqual(many);
  const sizes = await Promise.all(cluster.members.map((member) => member.redis.dbsize()));
  expect(Math.min(...sizes)).toBeGreaterThan(0);
});

test('a script runs on every server, also after one has forgotten it', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'scripts-'));
  writeFileSync(path.join(folder, 'double-1.lua'), `return redis.call('INCRBY', KEYS[1], ARGV[1] * 2)`);
  const script = loadScript<number>(folder, 'double-1.lua');
  const run = () => Promise.all(many.map((key) => script.run(redis, [`${key}:n`], [2])));

  expect(new Set(await run())).toEqual(new Set([4]));
  await cluster.members[1].redis.script('FLUSH');
  expect(new Set(await run())).toEqual(new Set([8]));
});

test('messages reach who listens at any server, and the next one when that is gone', async () => {
  const channels = createRedisChannels({ redis, logger: silentLogger });
  const heard: string[] = [];
  let listening = 0;
  channels.listen('news', {
    onMessage: (message) => heard.push(message),
    onListening: () => (listening += 1),
  });
  await channels.start();
  await eventually(() => listening === 1);

  for (const [index, member] of cluster.members.entries()) await member.redis.publish('news', String(index));
  await eventually(() => heard.length === 3);
  const clients = await Promise.all(
    cluster.members.map(({ redis: server }) => server.call('CLIENT', 'LIST', 'TYPE', 'pubsub')),
  );
  const listenedTo = cluster.members[clients.findIndex((list) => String(list) !== '')];
  await listenedTo?.kill();
  await eventually(() => listening === 2);
  const other = cluster.members.find((member) => member !== listenedTo);
  await other?.redis.publish('news', 'again');

  await eventually(() => heard.includes('again'));
  await channels.stop();
  await listenedTo?.start();
  await cluster.whole();
}, 20_000);

test('locks, worker numbers and relayed streams work there as they do on one server', async () => {
  const lease = await leaseWorkerId({ redis, keys, logger: silentLogger });
  const fence = await createLocks(redis).withLock(keys('lock'), 1_000, (lock) => Promise.resolve(lock.fence));
  const relayed: string[] = [];
  const streams = many.slice(0, 5).map((key) => `${key}:stream`);
  const relay = createStreamRelay({
    redis,
    streams: () => streams,
    group: 'g',
    consumer: 'c',
    handle: (stream) => Promise.resolve(void relayed.push(stream)),
    logger: silentLogger,
    metrics: createMetrics({ service: 'test' }),
  });
  await relay.start();
  for (const stream of streams) await redis.xadd(stream, '*', 'a', '1');

  await eventually(() => relayed.length === 5);
  await relay.stop();
  await lease.release();

  expect(fence).toBe(1);
  expect(relayed.toSorted()).toEqual(streams.toSorted());
  expect(await Promise.all(streams.map((stream) => redis.xlen(stream)))).toEqual([0, 0, 0, 0, 0]);
});

test('a command whose answer was lost is not sent again', async () => {
  const hot = duplicateUnrepeated(redis);
  await hot.connect();
  await connectNodes(hot);
  const key = keys('once');
  const member = await cluster.memberOf(key);
  const connection = serversOf(hot).find(({ options }) => options.port === member.port);
  const { stream } = connection as unknown as { stream: Socket };

  member.freeze();
  const answer = hot.incr(key).catch((error: Error) => error);
  await eventually(() => stream.writableLength === 0);
  stream.destroy();
  member.thaw();

  expect(await answer).toBeInstanceOf(Error);
  await eventually(async () => (await member.redis.get(key)) !== null);
  await eventually(async () => (await hot.ping()) === 'PONG');
  expect(await member.redis.get(key)).toBe('1');
  hot.disconnect();
});

test('without one server its slots fail at once, the others go on, and it is used again when it is back', async () => {
  const hot = duplicateUnrepeated(redis);
  hot.on('error', () => undefined);
  let changes = 0;
  onServerChange(hot, () => (changes += 1));
  await hot.connect();
  await connectNodes(hot);
  const lost = await cluster.memberOf(many[0] ?? '');
  const tryAll = () => Promise.allSettled(many.map((key) => hot.incr(`${key}:hot`)));
  await tryAll();
  const changesBefore = changes;

  await lost.kill();
  const began = performance.now();
  const without = await tryAll();
  const took = performance.now() - began;

  const owners = await Promise.all(many.map((key) => cluster.memberOf(`${key}:hot`)));
  expect(without.map(({ status }) => status)).toEqual(
    owners.map((owner) => (owner === lost ? 'rejected' : 'fulfilled')),
  );
  // It takes milliseconds; whoever waited for the node would wait until it is back.
  expect(took).toBeLessThan(5_000);
  expect(changes).toBeGreaterThan(changesBefore);
  await redis.get(many[0] ?? '').catch(() => undefined);
  expect(lines.some(({ msg }) => msg === 'a node of the redis cluster is away')).toBe(true);

  await lost.start();
  await cluster.whole();
  await eventually(async () => (await tryAll()).every(({ status }) => status === 'fulfilled'));
  hot.disconnect();
}, 20_000);

test('what a namespace left behind is removed from all servers', async () => {
  await Promise.all(many.map((key) => redis.get(key)));
  await deleteKeys(redis, 't_cluster');

  expect(await Promise.all(cluster.members.map((member) => member.redis.dbsize()))).toEqual([0, 0, 0]);
});
