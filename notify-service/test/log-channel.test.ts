import { recordingLogger } from '@onrush/chassis/testing/logger';
import { createTestDatabase, type TestDatabase } from '@onrush/chassis/testing/database';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { createMetrics } from '@onrush/chassis/metrics';
import { createOutbox } from '@onrush/chassis/outbox';
import { createSnowflake } from '@onrush/chassis/snowflake';
import { randomUUID } from 'node:crypto';
import { createNotification, type Draft } from '../src/domain/notification';
import { templates } from '../src/domain/templates';
import { migrations } from '../src/migrations';
import { notify } from '../src/use-cases/notify';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase('notifylog', { entities: [], migrations });
});
afterAll(() => database.drop());

const draftFor = (userId: string): Draft =>
  templates['user.registered']({ user_id: userId, username: 'mei', at: '2027-01-01T00:00:00.000Z' });
const drafts = (count: number, userId: string) =>
  Array.from({ length: count }, () => ({ eventId: randomUUID(), draft: draftFor(userId) }));

/** The use case on a real schema; its outbox is filled, and not emptied. */
function setUp() {
  const { logger, lines } = recordingLogger();
  const broker = { publish: () => Promise.resolve() } as never;
  const outbox = createOutbox({
    db: database.db,
    broker,
    logger,
    metrics: createMetrics({ service: 'test' }),
  });
  const deps = { db: database.db, outbox, logger, ids: createSnowflake({ workerId: 1 }) };
  return { deps, lines };
}

const count = async (sql: string, userId: string) => {
  const [row] = await database.db.query<{ n: string }[]>(sql, [userId]);
  return Number(row?.n);
};
const notificationsOf = (userId: string) =>
  count('SELECT COUNT(*) AS n FROM notifications WHERE user_id = ?', userId);
const eventsOf = (userId: string) =>
  count(
    `SELECT SUM(events) AS n FROM outbox_batches WHERE body LIKE CONCAT('%"user_id":"', ?, '"%')`,
    userId,
  );

test('a few notifications are a line each, without what they say', async () => {
  const { deps, lines } = setUp();

  await notify(deps, drafts(2, '11'));

  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({
    level: 'info',
    msg: 'notification',
    userId: '11',
    kind: 'user.registered',
  });
  expect(JSON.stringify(lines)).not.toContain('mei');
});

test('many at once are one line, and lines each for debugging', async () => {
  const { deps, lines } = setUp();

  await notify(deps, drafts(1_200, '12'));

  const levels = lines.map((line) => line['level']);
  expect(levels.filter((level) => level === 'debug')).toHaveLength(1_200);
  expect(lines.filter((line) => line['level'] === 'info')).toEqual([
    expect.objectContaining({ count: 1_200, kind: 'user.registered' }),
  ]);
  expect(await notificationsOf('12')).toBe(1_200);
  expect(await eventsOf('12')).toBe(1_200);
});

test('a batch delivered to ten consumers at one moment is told of once', async () => {
  const { deps, lines } = setUp();
  const batch = drafts(40, '13');

  const settled = await releaseTogether(10, () => notify(deps, batch));

  expect(settled.map((each) => each.status)).toEqual(Array<string>(10).fill('fulfilled'));
  expect(await notificationsOf('13')).toBe(40);
  expect(await eventsOf('13')).toBe(40);
  expect(lines).toHaveLength(40);
});

test('a batch that is half known tells of the other half', async () => {
  const { deps } = setUp();
  const batch = drafts(10, '14');
  await notify(deps, batch.slice(0, 5));

  await notify(deps, batch);

  expect(await notificationsOf('14')).toBe(10);
  expect(await eventsOf('14')).toBe(10);
});

test('a text that is too long for its column ends in an ellipsis', () => {
  const draft = { ...draftFor('1'), body: '票'.repeat(2_000) };

  const { body } = createNotification(draft, { id: '1', eventId: randomUUID(), now: new Date() });

  expect(body).toBe(`${'票'.repeat(999)}…`);
});
