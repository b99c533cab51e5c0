import { type EntityManager, type EntitySchema, type MigrationInterface, type QueryRunner } from 'typeorm';
import { z } from 'zod';
import { claimEvent, claimEvents, inboxMigrationSql } from '../src/inbox';
import { newEvent } from '../src/message-broker';
import { createMetrics } from '../src/metrics';
import { idList, inTransaction, insertRows, isDuplicateKey, runMigrations } from '../src/mysql';
import { createOutbox, outboxBatchesMigrationSql, outboxMigrationSql } from '../src/outbox';
import { createTestBroker, type TestBroker } from '../src/testing/broker';
import { createTestDatabase, type TestDatabase } from '../src/testing/database';
import { releaseTogether } from '../src/testing/gate';
import { testNamespace } from '../src/testing/infrastructure';
import { silentLogger } from '../src/testing/logger';
import { eventually } from '../src/testing/wait';

class CreateTables1700000000001 implements MigrationInterface {
  name = 'CreateTables1700000000001';
  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [
      ...outboxMigrationSql(),
      ...outboxBatchesMigrationSql(),
      ...inboxMigrationSql(),
      'CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL)',
      `CREATE TABLE samples (id int PRIMARY KEY, number bigint unsigned NOT NULL, word varchar(100) NULL, long_text longtext NULL,
        at datetime(3) NOT NULL, bytes varbinary(8) NOT NULL)`,
    ])
      await runner.query(sql);
  }
  async down(): Promise<void> {}
}

const metrics = createMetrics({ service: 'test' });
const thing = { type: 'thing.made', version: 1, schema: z.object({ n: z.number() }) };
let database: TestDatabase;
let kafka: TestBroker;
beforeAll(async () => {
  const namespace = testNamespace('chassis');
  [database, kafka] = await Promise.all([
    createTestDatabase('chassis', {
      entities: [] as EntitySchema[],
      migrations: [CreateTables1700000000001],
    }),
    createTestBroker(namespace),
  ]);
}, 60_000);
afterAll(async () => {
  await kafka.cleanup();
  await database.drop();
});

describe('mysql', () => {
  const count = async (id: number) =>
    (await database.db.query<{ n: number }[]>('SELECT n FROM counters WHERE id = ?', [id]))[0]?.n;

  test('a transaction that says nothing for too long is rolled back, and its locks are free; the connection is as before', async () => {
    await database.db.query('INSERT INTO counters VALUES (7, 0)');
    const add = (tx: EntityManager) => tx.query('UPDATE counters SET n = n + 1 WHERE id = 7');
    const [locked, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const silent = inTransaction(
      database.db,
      async (tx) => {
        await add(tx);
        locked.resolve();
        await done.promise;
        await add(tx);
      },
      { idleSeconds: 1 },
    );
    await locked.promise;

    await inTransaction(database.db, add);
    done.resolve();

    await expect(silent).rejects.toThrow();
    expect(await count(7)).toBe(1);
    const isSame = async () => {
      const sql = 'SELECT @@session.wait_timeout = @@global.wait_timeout AS same';
      return Number((await database.db.query<{ same: unknown }[]>(sql))[0]?.same);
    };
    await inTransaction(database.db, add, { idleSeconds: 1 });
    for (let query = 0; query < 20; query += 1) expect(await isSame()).toBe(1);
  });

  test('a deadlock runs the whole transaction again', async () => {
    await database.db.query('INSERT INTO counters VALUES (1, 0), (2, 0)');
    let runs = 0;
    const add = (first: number, second: number) =>
      inTransaction(database.db, async (tx) => {
        runs += 1;
        await tx.query('UPDATE counters SET n = n + 1 WHERE id = ?', [first]);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await tx.query('UPDATE counters SET n = n + 1 WHERE id = ?', [second]);
      });

    await Promise.all([add(1, 2), add(2, 1)]);

    expect([await count(1), await count(2)]).toEqual([2, 2]);
    expect(runs).toBeGreaterThan(2);
  });

  test('an error of ours is not tried again, and leaves nothing behind', async () => {
    let runs = 0;
    const failing = inTransaction(database.db, async (tx) => {
      runs += 1;
      await tx.query('INSERT INTO counters VALUES (9, 9)');
      throw new Error('no');
    });

    await expect(failing).rejects.toThrow('no');
    expect(runs).toBe(1);
    expect(await count(9)).toBeUndefined();
  });

  test('rows go in by thousands, and duplicates are told', async () => {
    const rows = Array.from({ length: 2_500 }, (_, index) => [100 + index, 0]);
    const insert = (options: { ignoreDuplicates?: boolean }) =>
      insertRows(database.db.manager, 'counters', { columns: ['id', 'n'], rows, ...options });

    expect(await insert({})).toBe(2_500);
    expect(await insert({ ignoreDuplicates: true })).toBe(0);
    const error: unknown = await insert({}).catch((reason: unknown) => reason);
    expect([
      isDuplicateKey(error),
      isDuplicateKey(error, 'PRIMARY'),
      isDuplicateKey(error, 'uq_other'),
    ]).toEqual([true, true, false]);
  });

  test('a value comes back as it went in, whatever it looks like and whatever its column', async () => {
    const numbers = ['18446744073709551615', '9223372036854775808', '9999999999999999999', '1', '0', '42'];
    const texts = [
      ...['007', '0', '7'.repeat(90), '1e3', '-5', ' 5', '5\n', '', "it's", 'a\\"b', '票\0\x1a\t', null],
      ...numbers,
    ];
    const time = new Date('2026-11-11T11:11:11.123Z');
    const rows = texts.map((text, index) => [
      index,
      numbers[index % numbers.length],
      text,
      text,
      new Date(time.getTime() + (index % 2)),
      Buffer.from([0, 255, index]),
    ]);
    const columns = ['id', 'number', 'word', 'long_text', 'at', 'bytes'];

    await insertRows(database.db.manager, 'samples', { columns, rows });

    const read = await database.db.query<Record<string, unknown>[]>('SELECT * FROM samples ORDER BY id');
    expect(read.map((row) => columns.map((column) => row[column]))).toEqual(rows);
  });

  test('a list of ids finds these and nothing else, whatever they look like', async () => {
    const sql = 'SELECT DISTINCT number FROM samples WHERE number IN (?)';

    expect(await database.db.query(sql, [idList(['42', '7) OR (1=1'])])).toEqual([{ number: '42' }]);
  });

  test('migrations that are applied are not applied again, also by two at once', async () => {
    const options = {
      url: database.url,
      type: database.type,
      entities: [],
      migrations: [CreateTables1700000000001],
    };

    expect(await Promise.all([runMigrations(options), runMigrations(options)])).toEqual([[], []]);
  });
});

describe('inbox', () => {
  test('of 20 deliveries at once one is the first', async () => {
    const answers = await releaseTogether(20, () =>
      inTransaction(database.db, (tx) => claimEvent(tx, 'c', '00000000-0000-7000-8000-000000000001')),
    );

    expect(answers.filter((answer) => answer.status === 'fulfilled' && answer.value)).toHaveLength(1);
  });

  test('of a batch only the new ones are left, in order', async () => {
    const events = ['a', 'b', 'c'].map((letter) => ({ id: `00000000-0000-7000-8000-00000000000${letter}` }));
    await inTransaction(database.db, (tx) => claimEvent(tx, 'batch', events[1]?.id ?? ''));

    const claimed = await inTransaction(database.db, (tx) => claimEvents(tx, 'batch', events));

    expect(claimed).toEqual([events[0], events[2]]);
    expect(await inTransaction(database.db, (tx) => claimEvents(tx, 'other', events))).toEqual(events);
  });
});

describe('outbox', () => {
  const outboxOf = (broker = kafka.broker) =>
    createOutbox({ db: database.db, broker, logger: silentLogger, metrics, pollMs: 50, batchSize: 100 });
  const numbered = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => newEvent(thing, 'same-key', { n: from + index }));

  test('events of a transaction are published in order, once the transaction is; two relays at once change nothing of it', async () => {
    const received = await kafka.collect(thing);
    const [one, two] = [outboxOf(), outboxOf()];
    await Promise.all([one.start(), two.start()]);

    for (let batch = 0; batch < 5; batch += 1)
      await inTransaction(database.db, (tx) => one.add(tx, numbered(batch * 50, batch * 50 + 50)));
    one.wake();
    await inTransaction(database.db, async (tx) => {
      await one.add(tx, numbered(9_000, 9_001));
      throw new Error('rolled back');
    }).catch(() => undefined);

    await eventually(() => received.length >= 250);
    await Promise.all([one.stop(), two.stop()]);
    expect(received.map((event) => event.payload.n)).toEqual(
      Array.from({ length: 250 }, (_, index) => index),
    );
    expect(await one.pending()).toBe(0);
  });

  test('events that are written together are one row, and of many bytes several', async () => {
    const large = { type: 'thing.large', version: 1, schema: z.object({ text: z.string() }) };
    const received = await kafka.collect(large);
    const texts = Array.from({ length: 10 }, (_, index) => `${index}'\\"\n票${'x'.repeat(100_000)}`);
    const outbox = outboxOf();
    const rows = () =>
      database.db.query<{ events: number }[]>('SELECT events FROM outbox_batches ORDER BY id');

    await inTransaction(database.db, (tx) => outbox.add(tx, numbered(0, 150)));
    const together = await rows();
    await inTransaction(database.db, (tx) =>
      outbox.add(
        tx,
        texts.map((text) => newEvent(large, 'k', { text })),
      ),
    );

    expect(together).toEqual([{ events: 150 }]);
    expect(await rows()).toEqual([{ events: 150 }, { events: 5 }, { events: 5 }]);
    expect(await outbox.pending()).toBe(160);
    await outbox.start();
    await eventually(async () => (await outbox.pending()) === 0);
    await outbox.stop();
    expect(await rows()).toEqual([]);
    await eventually(() => received.length === 10);
  });

  test('an event travels as it was given to the outbox', async () => {
    const text = { type: 'thing.said', version: 3, schema: z.object({ text: z.string() }) };
    const received = await kafka.collect(text);
    const said = newEvent(text, 'key', { text: `quotes ' " and \\, \n a line, \u0000 and 票 \u{1F3AB}` });
    const outbox = outboxOf();

    await inTransaction(database.db, (tx) => outbox.add(tx, [said]));
    await outbox.start();
    await eventually(() => received.length === 1);
    await outbox.stop();

    expect(received).toEqual([expect.objectContaining(said)]);
  });

  test('what a process of the version before has written goes first', async () => {
    const received = await kafka.collect(thing);
    const outbox = outboxOf();
    const before = newEvent(thing, 'one-key', { n: 1 });
    await inTransaction(database.db, (tx) => outbox.add(tx, [newEvent(thing, 'one-key', { n: 2 })]));
    await insertRows(database.db.manager, 'outbox', {
      columns: ['event_id', 'type', 'version', 'event_key', 'payload', 'occurred_at'],
      rows: [[before.id, before.type, 1, before.key, '{"n":1}', before.occurredAt]],
    });
    const ours = () => received.filter(({ key }) => key === 'one-key');

    expect(await outbox.pending()).toBe(2);
    await outbox.start();
    await eventually(() => ours().length === 2);
    await outbox.stop();

    expect(ours().map(({ payload }) => payload.n)).toEqual([1, 2]);
    expect(ours()[0]).toMatchObject({ id: before.id, occurredAt: before.occurredAt });
    expect(await outbox.pending()).toBe(0);
  });

  test('what the broker refused stays, and is sent when it is back', async () => {
    const received = await kafka.collect({ ...thing, type: 'thing.kept' });
    let away = true;
    const flaky = {
      ...kafka.broker,
      publish: (events: Parameters<typeof kafka.broker.publish>[0]) =>
        away ? Promise.reject(new Error('away')) : kafka.broker.publish(events),
    };
    const outbox = outboxOf(flaky);
    await outbox.start();
    await inTransaction(database.db, (tx) =>
      outbox.add(tx, [newEvent({ ...thing, type: 'thing.kept' }, 'k', { n: 1 })]),
    );
    expect(await outbox.pending()).toBe(1);

    away = false;

    await eventually(() => received.length === 1);
    await outbox.stop();
  });
});
