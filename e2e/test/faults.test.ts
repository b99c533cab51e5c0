import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startRedisServer, type RedisServer } from '@onrush/chassis/testing/redis-server';
import { until } from '../src/activity';
import { logInSeeded, seedBuyers } from '../src/buyers';
import { unitsHeld } from '../src/checks/invariants';
import { createFaultySales, type FaultySale, type FaultySales } from './faulty-sale';
import { startTestFleet, type TestFleet } from './fleet';

const tickets = 100;
const people = 150;
/** Until what is lost is found, rebuilt and open again: 5 seconds are promised, the rest is for a machine that stands still for a while. */
const longestPauseMs = 5_000 + 15_000;
/** A second is promised; whoever waited for a Redis that does not answer would wait until it does. */
const longestAnswerMs = 1_000 + 9_000;

let folder: string;
/** Of the sale alone: what happens to it happens to no other service. */
let redis: RedisServer;
let replica: RedisServer | undefined;
let world: TestFleet;
let sales: FaultySales;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'onrush-faults-'));
  redis = await startRedisServer(['--dir', folder, '--save', '', '--appendonly', 'yes']);
  const own = { REDIS_URL: redis.url };
  world = await startTestFleet('faults', { 'seckill-service': own, 'seckill-worker': own });
  const { servers, api, fleet } = world;
  const seeded = await seedBuyers({ servers, namespace: fleet.namespace, count: people, prefix: 'faults' });
  const buyers = await logInSeeded(api, seeded);
  sales = createFaultySales(world, { servers: { ...servers, REDIS_URL: redis.url }, buyers });
}, 180_000);
afterAll(async () => {
  await world?.stop();
  await replica?.stop();
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const serviceOf = (name: string) => {
  const service = world.fleet.services[name];
  if (!service) throw new Error(`no process ${name}`);
  return service;
};

const keyOf = (activityId: string, part: 'state' | 'stream' | 'buyers') =>
  `${world.fleet.namespace}:seckill:{a:${activityId}}:${part}`;

/** What holds of every sale in the end, whatever has happened to it. */
async function expectAllIsWell(sale: FaultySale) {
  const { facts, broken } = await sales.outcome(sale);
  expect(broken).toEqual([]);
  expect(await sales.changedAnswers(sale)).toEqual([]);
  return facts;
}

/** Each dies when it passes its failpoint, in the middle of a sale, and is started again. */
async function sellWhileDying(title: string, failpoints: Record<string, string>): Promise<FaultySale> {
  const victims = Object.keys(failpoints).map(serviceOf);
  await Promise.all(
    Object.entries(failpoints).map(async ([name, FAILPOINT]) => {
      await serviceOf(name).kill('SIGTERM');
      await serviceOf(name).restart({ NODE_ENV: 'test', FAILPOINT });
    }),
  );
  const revived = Promise.all(
    victims.map(async (victim) => {
      if (!(await until(() => Promise.resolve(victim.hasDied()), 60_000, 20)))
        throw new Error('it did not die');
      await victim.restart();
    }),
  );
  const sale = await sales.sell(title, { tickets, faults: [] });
  await revived;
  return sale;
}

describe('a process is killed in the middle of a sale', () => {
  test.each([
    [
      'F1: the gateway, when a purchase is accepted and not answered',
      'gateway',
      'gateway.purchase-accepted:kill:30',
    ],
    [
      'F2: the sale, when Redis has decided and nobody is answered',
      'seckill-service',
      'seckill.purchases-decided:kill:5',
    ],
  ])(
    '%s: the same key again finds the purchase',
    async (title, name, failpoint) => {
      const sale = await sellWhileDying(title, { [name]: failpoint });

      expect(sale.triedAgain).toBeGreaterThan(0);
      expect(sale.accepted.size).toBe(tickets);
      expect((await expectAllIsWell(sale)).orders).toHaveLength(tickets);
    },
    180_000,
  );

  test('F3 and F4: the relay, when Kafka has the purchases and Redis does not know; orders, when they are written and Kafka does not know: all comes twice, and counts once', async () => {
    const sale = await sellWhileDying('F3 and F4', {
      'seckill-worker': 'stream-relay.handled:kill',
      'order-service': 'kafka-consumer.handled:kill',
    });

    expect(sale.accepted.size).toBe(tickets);
    const { orders, events } = await expectAllIsWell(sale);
    expect(orders).toHaveLength(tickets);
    expect(events.reserved.length).toBeGreaterThan(tickets);
  }, 180_000);
});

describe('something happens to Redis in the middle of a sale', () => {
  test('F13: it is killed, and comes back without the last that it had written: what was answered is handed over again', async () => {
    const logOf = () => {
      const logs = path.join(folder, 'appendonlydir');
      const name = readdirSync(logs).find((file) => file.endsWith('.incr.aof')) ?? '';
      return path.join(logs, name);
    };
    let written = 0;

    const sale = await sales.sell('F13', {
      tickets,
      faults: [
        { after: 40, inject: () => Promise.resolve((written = statSync(logOf()).size)) },
        {
          after: 60,
          async inject() {
            await redis.kill();
            // As far as the disk had come when the machine lost its power: up to a second.
            truncateSync(logOf(), written);
            await redis.start();
          },
        },
      ],
    });

    expect(sale.accepted.size).toBeGreaterThanOrEqual(tickets);
    expect(sale.longestPauseMs).toBeLessThan(longestPauseMs);
    expect(unitsHeld(await expectAllIsWell(sale))).toBe(tickets);
  }, 180_000);

  test.each([
    ['FLUSHALL', () => redis.redis.flushall()],
    [
      'a restart without its files',
      async () => {
        await redis.kill();
        rmSync(path.join(folder, 'appendonlydir'), { recursive: true });
        await redis.start();
      },
    ],
  ])(
    'F14: %s: the sale is paused, and goes on by itself',
    async (what, inject) => {
      const sale = await sales.sell(`F14 ${what}`, { tickets, faults: [{ after: 40, inject }] });

      expect(sale.triedAgain).toBeGreaterThan(0);
      expect(sale.accepted.size).toBe(tickets);
      expect(sale.longestPauseMs).toBeLessThan(longestPauseMs);
      expect(unitsHeld(await expectAllIsWell(sale))).toBe(tickets);
    },
    180_000,
  );

  test('F16: it stops answering: everybody hears so within a second, and nothing is half done', async () => {
    const sale = await sales.sell('F16', {
      tickets,
      faults: [
        {
          after: 40,
          async inject(running) {
            const before = running.triedAgain;
            redis.freeze();
            await until(() => Promise.resolve(running.triedAgain - before >= 48), 30_000, 20);
            redis.thaw();
          },
        },
      ],
    });

    expect(sale.triedAgain).toBeGreaterThanOrEqual(48);
    expect(sale.slowestMs).toBeLessThan(longestAnswerMs);
    expect(sale.accepted.size).toBe(tickets);
    expect(unitsHeld(await expectAllIsWell(sale))).toBe(tickets);
  }, 180_000);

  test('F15: a replica takes over that had fallen behind: what is sold twice is rejected, and counted', async () => {
    const follow = ['--replicaof', '127.0.0.1', String(redis.port)];
    const taking = (replica = await startRedisServer(['--dir', folder, '--save', '', ...follow]));
    const worker = serviceOf('seckill-worker');
    const pid = worker.pid();
    if (!pid) throw new Error('the worker does not run');
    const send = (signal: NodeJS.Signals) => process.kill(pid, signal);
    const isLinked = async () => (await taking.redis.info('replication')).includes('master_link_status:up');
    expect(await until(isLinked, 10_000)).toBe(true);

    const rejections = () => metricOf('seckill-worker', 'seckill_rejections_total', 'reason="sold-out"');
    const before = await rejections();
    const sale = await sales
      .sell('F15', {
        tickets,
        faults: [
          {
            after: 30,
            holding: true,
            async inject({ activityId }) {
              const heard = async () =>
                tickets - Number((await taking.redis.hget(keyOf(activityId, 'state'), 'stock')) ?? tickets);
              await until(async () => (await heard()) >= 30, 20_000, 20);
              // It hears nothing of what is sold from here on.
              await taking.redis.replicaof('NO', 'ONE');
            },
          },
          {
            after: 80,
            holding: true,
            async inject({ activityId }) {
              const stream = keyOf(activityId, 'stream');
              await until(async () => (await redis.redis.xlen(stream)) === 0, 10_000, 20);
              // Nobody finds out before everybody has bought.
              send('SIGSTOP');
              await redis.kill();
              await taking.redis.config('SET', 'port', redis.port);
            },
          },
        ],
      })
      .finally(() => send('SIGCONT'));
    // This Redis knows nothing of those who bought while it was behind, until the guard rebuilds the sale or the reconciler tells it.
    const isMended = async () => {
      const records = await taking.redis.hgetall(keyOf(sale.activityId, 'buyers'));
      return [...sale.accepted].every(([{ id }, { reservationId }]) =>
        records[id]?.includes(`${reservationId}:`),
      );
    };
    expect(await until(isMended, 30_000, 100)).toBe(true);

    const facts = await expectAllIsWell(sale);
    const rejected = facts.reservations.filter(({ status }) => status === 'REJECTED');
    expect(unitsHeld(facts)).toBe(tickets);
    expect(sale.accepted.size).toBeGreaterThan(tickets);
    expect(rejected).toHaveLength(sale.accepted.size - tickets);
    for (const [buyer, { reservationId }] of sale.accepted) {
      if (!rejected.some(({ id }) => id === reservationId)) continue;
      const told = await sales.reservation(buyer, reservationId);
      expect(told).toMatchObject({ status: 'REJECTED', reason: 'sold-out' });
    }
    expect((await rejections()) - before).toBe(rejected.length);
  }, 180_000);
});

/** The series of a metric that has this label; 0 where there is none yet. */
async function metricOf(name: string, metric: string, label: string): Promise<number> {
  const page = await fetch(`http://127.0.0.1:${world.fleet.ports[name]?.management}/metrics`);
  const lines = (await page.text()).split('\n');
  const line = lines.find((text) => text.startsWith(`${metric}{`) && text.includes(label));
  return Number(line?.split(' ').at(-1) ?? 0);
}
