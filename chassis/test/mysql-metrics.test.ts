import type { MigrationInterface, QueryRunner } from 'typeorm';
import { z } from 'zod';
import { newEvent } from '../src/message-broker';
import { createMetrics } from '../src/metrics';
import { createDataSource, inTransaction, insertRows } from '../src/mysql';
import { createOutbox, outboxBatchesMigrationSql, outboxMigrationSql } from '../src/outbox';
import { createTestBroker, type TestBroker } from '../src/testing/broker';
import { createTestDatabase, type TestDatabase } from '../src/testing/database';
import { testNamespace } from '../src/testing/infrastructure';
import { silentLogger } from '../src/testing/logger';
import { metricOf } from '../src/testing/metrics';
import { eventually } from '../src/testing/wait';

class CreateOutbox1700000000001 implements MigrationInterface {
  name = 'CreateOutbox1700000000001';
  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [...outboxMigrationSql(), ...outboxBatchesMigrationSql()]) await runner.query(sql);
  }
  async down(): Promise<void> {}
}

let database: TestDatabase;
let kafka: TestBroker;
beforeAll(async () => {
  [database, kafka] = await Promise.all([
    createTestDatabase('mysqlmetrics', { entities: [], migrations: [CreateOutbox1700000000001] }),
    createTestBroker(testNamespace('mysqlmetrics')),
  ]);
}, 60_000);
afterAll(async () => {
  await kafka.cleanup();
  await database.drop();
});

const thing = { type: 'thing.late', version: 1, schema: z.object({ n: z.number() }) };

/** An outbox whose broker is away until `back` is called. */
function outboxOf() {
  let away = true;
  const broker = {
    ...kafka.broker,
    publish: (events: Parameters<typeof kafka.broker.publish>[0]) =>
      away ? Promise.reject(new Error('away')) : kafka.broker.publish(events),
  };
  const metrics = createMetrics({ service: 'test' });
  const outbox = createOutbox({ db: database.db, broker, logger: silentLogger, metrics, pollMs: 50 });
  return {
    outbox,
    back: () => void (away = false),
    pending: () => metricOf(metrics, 'outbox_pending_events'),
    lag: () => metricOf(metrics, 'outbox_lag_seconds'),
  };
}
const minuteAgo = () => new Date(Date.now() - 60_000);

test('how much waits, and for how long, is seen while the relay runs, and 0 when it is gone', async () => {
  const { outbox, back, pending, lag } = outboxOf();
  const [oldest, other] = [newEvent(thing, 'k', { n: 1 }), newEvent(thing, 'k', { n: 2 })];
  expect(await pending()).toBeUndefined();

  await inTransaction(database.db, (tx) => outbox.add(tx, [{ ...oldest, occurredAt: minuteAgo() }, other]));
  await outbox.start();

  expect(await pending()).toBe(2);
  expect(await lag()).toBeGreaterThanOrEqual(60);
  expect(await lag()).toBeLessThan(90);
  back();
  await eventually(async () => (await pending()) === 0, { timeoutMs: 10_000 });
  expect(await lag()).toBe(0);
  await outbox.stop();
}, 30_000);

test('of an outbox that nobody empties a scrape counts no more than so many rows; those of the version before are rows, too', async () => {
  const { outbox, pending, lag } = outboxOf();
  const rows = Array.from({ length: 1_001 }, (_, n) => [
    String(n),
    thing.type,
    1,
    'k',
    '{"n":1}',
    minuteAgo(),
  ]);
  await insertRows(database.db.manager, 'outbox', {
    columns: ['event_id', 'type', 'version', 'event_key', 'payload', 'occurred_at'],
    rows,
  });
  await outbox.start();

  expect(await pending()).toBe(1_000);
  expect(await lag()).toBeGreaterThanOrEqual(60);
  await outbox.stop();
  expect(await pending()).toBeUndefined();
  await database.db.query('DELETE FROM outbox');
}, 30_000);

test('a pool shows who has its connections, and who waits for one', async () => {
  const own = createMetrics({ service: 'test' });
  const { url, type } = database;
  const db = await createDataSource({ url, type, entities: [], poolSize: 2, metrics: own }).initialize();
  const counts = async () =>
    Promise.all(
      ['open', 'in_use', 'waiting', 'limit'].map((what) => metricOf(own, `mysql_connections_${what}`)),
    );
  const runners = [db.createQueryRunner(), db.createQueryRunner(), db.createQueryRunner()];
  await Promise.all([runners[0]?.connect(), runners[1]?.connect()]);
  const third = runners[2]?.connect();

  expect(await counts()).toEqual([2, 2, 1, 2]);
  await runners[0]?.release();
  await third;
  await runners[1]?.release();
  expect(await counts()).toEqual([2, 1, 0, 2]);
  await runners[2]?.release();
  await db.destroy();
  expect(await counts()).toEqual([0, 0, 0, 2]);
});
