import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import type { TestEventStream } from '@onrush/chassis/testing/event-stream';
import { buyAt, startAnother, type Bought, type Instance } from './another-instance';
import { startFixture, type Fixture } from './fixture';
import { tellCancelled, tellCreated } from './order-events';

/** Nothing but messages may reach the streams of these instances: the ledger is not asked again while a test runs. */
const never = 600_000;
let fixture: Fixture;
/** Neither sold nor recorded by this one: what it knows, it was told. */
let far: Instance;
beforeAll(async () => {
  fixture = await startFixture('results', { resultCheckMs: never });
  far = await startAnother(fixture, { role: 'api', resultStreamLimit: 3, resultHeartbeatMs: 100 });
}, 60_000);
afterAll(async () => {
  await far.stop();
  await fixture.stop();
});

const streams: TestEventStream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.leave();
  await eventually(async () => (await far.metric('http_event_streams')) === 0);
});
async function follow(at: Instance, bought: Bought, user: number, headers?: Record<string, string>) {
  const stream = await at.events(bought.reservation_id, buyer(user), headers);
  streams.push(stream);
  return stream;
}

async function bought(user: number, changes: Record<string, unknown> = {}) {
  const activityId = await fixture.openActivity(changes);
  const { status, body } = await buyAt(fixture, { activityId, user: buyer(user) });
  if (status !== 202) throw new Error(`not bought: ${JSON.stringify(body)}`);
  return { ...body.data, activityId, userId: String(user) };
}
const statusInLedger = async ({ reservation_id }: Bought) =>
  (
    await fixture.db.query<{ status: string }[]>('SELECT status FROM reservations WHERE id = ?', [
      reservation_id,
    ])
  )[0]?.status;
const recorded = (one: Bought) => eventually(async () => (await statusInLedger(one)) !== undefined);
const idsOf = ({ events }: TestEventStream) => events.map(({ id }) => id);

test('the present state comes at once, then every change, and the stream ends with the last', async () => {
  const one = await bought(1);
  const stream = await follow(far, one, 1);
  await eventually(() => stream.events.length === 1);
  await recorded(one);

  await tellCreated(fixture, one);
  await eventually(() => stream.events.length === 2);
  expect(stream.isOver()).toBe(false);
  await tellCancelled(fixture, one, 'timeout');

  await eventually(stream.isOver);
  expect(stream.headers['content-type']).toBe('text/event-stream');
  const common = { id: one.reservation_id, activity_id: one.activityId, order_no: one.order_no, quantity: 1 };
  expect(stream.events).toMatchObject([
    { id: 'QUEUED', data: { ...common, status: 'QUEUED', order_id: null, reason: null } },
    { id: 'ORDERED', data: { ...common, status: 'ORDERED', order_id: one.order_no, reason: null } },
    { id: 'RELEASED', data: { ...common, status: 'RELEASED', reason: 'timeout' } },
  ]);
});

test('what the ledger refuses is told as REJECTED, with the reason, and is over', async () => {
  const activityId = await fixture.openActivity({ total: 1 });
  const state = fixture.sales.streamOf(activityId).replace(':stream', ':state');
  await fixture.redis.redis.hset(state, 'stock', 2);
  // Nobody records anything before both streams are open.
  const holder = fixture.db.createQueryRunner();
  await holder.startTransaction();
  await holder.query('SELECT id FROM activities WHERE id = ? FOR UPDATE', [activityId]);
  const all = [2, 3].map(async (user) => {
    const { body } = await buyAt(fixture, { activityId, user: buyer(user) });
    return follow(far, body.data, user);
  });
  const opened = await Promise.all(all);
  // By their second comment they have long looked into the ledger for what they missed: the rest they are told.
  await eventually(() => opened.every((stream) => stream.events.length === 1 && stream.comments() >= 2));

  await holder.rollbackTransaction();
  await holder.release();

  const refused = await eventually(() => opened.find((stream) => stream.isOver()));
  expect(refused.events).toMatchObject([
    { id: 'QUEUED' },
    { id: 'REJECTED', data: { status: 'REJECTED', reason: 'sold-out', order_id: null } },
  ]);
});

test('who comes again is not told what they know; who knows the end is told to stay away', async () => {
  const one = await bought(4);
  await recorded(one);
  await tellCreated(fixture, one);
  await eventually(async () => (await statusInLedger(one)) === 'ORDERED');

  const again = await follow(far, one, 4, { 'last-event-id': 'ORDERED' });
  const behind = await follow(far, one, 4, { 'last-event-id': 'QUEUED' });
  const nonsense = await follow(far, one, 4, { 'last-event-id': 'x'.repeat(2_000) });
  await eventually(() => behind.events.length === 1 && nonsense.events.length === 1);
  await eventually(() => again.comments() > 0);
  expect(again.events).toEqual([]);
  await tellCancelled(fixture, one);
  await eventually(() => again.isOver() && behind.isOver() && nonsense.isOver());

  expect(idsOf(again)).toEqual(['RELEASED']);
  expect(idsOf(behind)).toEqual(['ORDERED', 'RELEASED']);
  expect((await follow(far, one, 4, { 'last-event-id': 'RELEASED' })).status).toBe(204);
  const late = await follow(far, one, 4);
  await eventually(late.isOver);
  expect(idsOf(late)).toEqual(['RELEASED']);
});

test('another’s reservation, and one that is none, are not there; nobody follows without a name', async () => {
  const one = await bought(5);

  const other = await follow(far, one, 6);
  const unknown = await follow(far, { ...one, reservation_id: '123' }, 5);
  const malformed = await follow(far, { ...one, reservation_id: '1e3' }, 5);

  expect([other.status, unknown.status, malformed.status]).toEqual([404, 404, 400]);
  expect(other.headers['content-type']).toContain('application/json');
  await eventually(() => JSON.parse(other.text()).code === 404402);
});

test('no more streams are open than may be', async () => {
  const one = await bought(7);
  for (let count = 0; count < 3; count += 1) expect((await follow(far, one, 7)).status).toBe(200);

  const refused = await follow(far, one, 7);

  expect(refused.status).toBe(503);
  // Nobody looks for what could not be followed.
  expect((await follow(far, { ...one, reservation_id: '123' }, 7)).status).toBe(503);
  expect(refused.headers['retry-after']).toBe('5');
  await eventually(() => JSON.parse(refused.text()).code === 503402);
});

test('streams end when their process stops', async () => {
  const leaving = await startAnother(fixture, { role: 'api' });
  const one = await bought(8);
  const stream = await leaving.events(one.reservation_id, buyer(8));
  await eventually(() => stream.events.length === 1);

  await leaving.stop();

  expect(stream.isOver()).toBe(true);
});

test('a message that was lost delays what it said, and no more', async () => {
  const careful = await startAnother(fixture, { role: 'api', resultCheckMs: 100 });
  const [one, other] = [await bought(9), await bought(10)];
  await recorded(one);
  await recorded(other);
  const [first, second] = [
    await careful.events(one.reservation_id, buyer(9)),
    await careful.events(other.reservation_id, buyer(10)),
  ];
  await eventually(() => first.events.length === 1 && second.events.length === 1);

  await fixture.db.query(`UPDATE reservations SET status = 'ORDERED' WHERE id = ?`, [one.reservation_id]);
  await eventually(() => first.events.length === 2);
  await fixture.db.query(`UPDATE reservations SET status = 'RELEASED', reason = 'x' WHERE id IN (?)`, [
    [one.reservation_id, other.reservation_id],
  ]);

  await eventually(() => first.isOver() && second.isOver());
  expect(idsOf(first)).toEqual(['QUEUED', 'ORDERED', 'RELEASED']);
  expect(idsOf(second)).toEqual(['QUEUED', 'RELEASED']);
  await careful.stop();
});

test('a state never goes back, whatever comes when', async () => {
  const one = await bought(11);
  await recorded(one);
  await tellCreated(fixture, one);
  await eventually(async () => (await statusInLedger(one)) === 'ORDERED');
  const stream = await follow(far, one, 11);
  await eventually(() => stream.events.length === 1);

  await tellCreated(fixture, one, one);
  await tellCancelled(fixture, one);
  await tellCreated(fixture, one);

  await eventually(stream.isOver);
  expect(idsOf(stream)).toEqual(['ORDERED', 'RELEASED']);
});
