import { releaseTogether } from '@onrush/chassis/testing/gate';
import { admin, buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { errors } from '../src/errors';
import { startAnother, type Instance } from './another-instance';
import { buckets, startBucketFixture, type BucketFixture } from './bucket-fixture';
import { tellCancelled } from './order-events';
import { usersFrom } from './reconcile-fixture';

const { soldOut, overLimit, paused, tokenRefused, notEnoughFreeUnits } = errors;
const codeOf = ({ definition }: typeof soldOut) => definition.code;

let fixture: BucketFixture;
beforeAll(async () => {
  // Nobody carries units on but buyers.
  fixture = await startBucketFixture('buckets', { guardMs: 60_000 });
}, 60_000);
afterAll(() => fixture.stop());

const control = (activityId: string, verb: string, body: object = {}) =>
  fixture.http.call(`POST /api/v1/admin/seckill/activities/${activityId}/${verb}`, { user: admin, body });
const viewOf = async (activityId: string) =>
  (
    await fixture.http.call<{ status: string; remaining: number; total: number }>(
      `GET /api/v1/seckill/activities/${activityId}`,
    )
  ).body.data;
const oneOfEach = (activityId: string) =>
  Array.from({ length: buckets }, (_, bucket) => fixture.usersOf(activityId, bucket, 1)[0] ?? 0);

test('the buckets of an activity are on different servers, and have as many units, give or take one', async () => {
  const activityId = await fixture.openActivity({ total: 10 });

  const numbers = [0, 1, 2];
  const servers = await Promise.all(
    numbers.map((bucket) => fixture.cluster.memberOf(fixture.keyOf(activityId, bucket))),
  );

  expect(new Set(servers).size).toBe(buckets);
  expect(await fixture.free(activityId)).toEqual([3, 3, 4]);
  expect(await viewOf(activityId)).toMatchObject({ status: 'OPEN', remaining: 10 });
});

test('300 units and 1,000 buyers at one moment: exactly 300 are sold, all others hear "sold out"', async () => {
  const activityId = await fixture.openActivity({ total: 300 });
  const users = usersFrom(100_000, 1_000);

  const settled = await releaseTogether(users.length, (index) => fixture.buy(activityId, users[index] ?? 0));
  const codes = settled.map((one) => (one.status === 'fulfilled' ? one.value.body.code : one.reason));

  expect(codes.filter((code) => code === 0)).toHaveLength(300);
  expect(new Set(codes)).toEqual(new Set([0, codeOf(soldOut)]));
  expect(await fixture.atRest(activityId)).toMatchObject({
    status: 'BALANCED',
    equation: { total: 300, free: 0, queued: 300 },
    differences: { stock: 0, ledger: 0, excess: 0 },
  });
  expect(await viewOf(activityId)).toMatchObject({ status: 'SOLD_OUT', remaining: 0 });
}, 30_000);

test('buyers of one bucket get the units of all, one after another, and then none', async () => {
  const activityId = await fixture.openActivity({ total: 8 });
  const codes: number[] = [];

  for (const user of fixture.usersOf(activityId, 0, 9))
    codes.push((await fixture.buy(activityId, user)).body.code);

  expect(codes).toEqual([...Array<number>(8).fill(0), codeOf(soldOut)]);
});

test('a purchase of several gets units that lie in several buckets, and is refused where all together have too few', async () => {
  const activityId = await fixture.openActivity({ total: 6, per_user_limit: 5 });
  const [first, second, third] = oneOfEach(activityId);

  expect(await fixture.codesOf(activityId, [first ?? 0], 5)).toEqual([0]);
  // So often that it would be remembered if it were sold out for everybody.
  for (let times = 0; times < 5; times += 1)
    expect(await fixture.codesOf(activityId, [second ?? 0], 2)).toEqual([codeOf(soldOut)]);
  expect(await fixture.codesOf(activityId, [second ?? 0], 1)).toEqual([0]);
  expect(await fixture.codesOf(activityId, [third ?? 0], 1)).toEqual([codeOf(soldOut)]);

  expect(await fixture.free(activityId)).toEqual([0, 0, 0]);
  expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED', equation: { queued: 6 } });
});

test('buyers of several units in two processes take from each other, and all units are sold', async () => {
  const activityId = await fixture.openActivity({ total: 60, per_user_limit: 3 });
  const other = await startAnother(fixture, { role: 'api' });
  const users = usersFrom(200_000, 90);

  const settled = await releaseTogether(users.length, async (index) => {
    const quantity = 1 + (index % 3);
    const { http } = index % 2 === 0 ? fixture : other;
    const answer = await http.call(`POST /api/v1/seckill/activities/${activityId}/buy`, {
      user: buyer(users[index] ?? 0),
      body: { quantity },
    });
    return answer.status === 202 ? quantity : 0;
  });
  await other.stop();

  const sold = settled.map((one) => (one.status === 'fulfilled' ? one.value : 0));
  const units = sold.reduce((sum, quantity) => sum + quantity, 0);
  // Whoever wanted three or two at the end may have been refused one or two that were left.
  const left = await fixture.free(activityId);
  expect(units + left.reduce((sum, free) => sum + free, 0)).toBe(60);
  expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED', equation: { queued: units } });
  const rest = await fixture.codesOf(activityId, usersFrom(201_000, 3));
  expect(rest.filter((code) => code === 0)).toHaveLength(Math.min(3, 60 - units));
});

test('nobody hears "sold out" while a unit moves from bucket to bucket', async () => {
  // Without a token nobody buys it; the stock is asked for before the token.
  const activityId = await fixture.openActivity({ total: 1, token_required: true });
  let isMoving = true;
  const mover = (async () => {
    for (let at = 2; isMoving; at = (at + 1) % buckets) {
      const to = (at + 1) % buckets;
      const sent = await fixture.take(activityId, at, to);
      if (sent > 0) await fixture.give(activityId, at, to, sent);
    }
  })();

  const codes: number[] = [];
  for (let round = 0; round < 60; round += 1)
    codes.push(...(await fixture.codesOf(activityId, oneOfEach(activityId))));
  isMoving = false;
  await mover;

  expect(codes).not.toContain(codeOf(soldOut));
  expect(codes.filter((code) => code === codeOf(tokenRefused)).length).toBeGreaterThan(90);
  expect((await fixture.reconciliation(activityId)).differences.stock).toBe(0);
}, 30_000);

test('units whose mover died are counted, and whoever needs them carries them on, once', async () => {
  const activityId = await fixture.openActivity({ total: 1 });
  const sent = await fixture.take(activityId, 2, 1);

  const between = await fixture.reconciliation(activityId);
  const seen = await viewOf(activityId);
  const [first, second] = fixture.usersOf(activityId, 0, 2);
  const bought = await fixture.codesOf(activityId, [first ?? 0]);
  const late = await fixture.give(activityId, 2, 1, sent);

  expect(between).toMatchObject({ status: 'BALANCED', equation: { free: 1 } });
  expect(seen).toMatchObject({ status: 'OPEN', remaining: 1 });
  expect(bought).toEqual([0]);
  expect(late).toBe(0);
  expect(await fixture.codesOf(activityId, [second ?? 0])).toEqual([codeOf(soldOut)]);
  expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED', equation: { free: 0 } });
});

test('nothing moves in another epoch than the one that was meant', async () => {
  const activityId = await fixture.openActivity({ total: 9 });

  expect(await fixture.moveInEpoch(activityId, 2)).toEqual([0, 0]);

  expect(await fixture.free(activityId)).toEqual([3, 3, 3]);
});

test('while a bucket is lost its buyers hear that the sale is paused, and so does who would need its units', async () => {
  const activityId = await fixture.openActivity({ total: 3 });
  await fixture.redis.redis.del(fixture.keyOf(activityId, 1));
  const [first, second] = fixture.usersOf(activityId, 0, 2);
  const [third] = fixture.usersOf(activityId, 1, 1);

  const codes = await fixture.codesOf(activityId, [first ?? 0]);
  codes.push(...(await fixture.codesOf(activityId, [second ?? 0, third ?? 0])));

  expect(codes).toEqual([0, codeOf(paused), codeOf(paused)]);
  expect(await viewOf(activityId)).toMatchObject({ status: 'PAUSED' });
});

test('the limit per person and the Idempotency-Key hold in the bucket of their user', async () => {
  const activityId = await fixture.openActivity({ total: 30, per_user_limit: 1 });
  const [user = 0] = fixture.usersOf(activityId, 1, 1);

  const answers = await releaseTogether(20, (index) =>
    fixture.buy(activityId, user, { key: `try-${index % 2}` }),
  );
  const bodies = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.body] : []));

  const accepted = bodies.filter(({ code }) => code === 0);
  expect(accepted).toHaveLength(10);
  expect(new Set(accepted.map(({ data }) => data.order_no)).size).toBe(1);
  expect(new Set(bodies.map(({ code }) => code))).toEqual(new Set([0, codeOf(overLimit)]));
});

test('operations hold in all buckets: pause, resume, units that come and that go', async () => {
  const activityId = await fixture.openActivity({ total: 9 });
  await control(activityId, 'pause');
  expect(await fixture.codesOf(activityId, oneOfEach(activityId))).toEqual(
    Array(buckets).fill(codeOf(paused)),
  );
  expect((await control(activityId, 'resume')).status).toBe(200);
  expect(await fixture.codesOf(activityId, oneOfEach(activityId))).toEqual([0, 0, 0]);

  expect((await control(activityId, 'stock', { delta: 7, reason: 'more' })).status).toBe(200);
  expect(await viewOf(activityId)).toMatchObject({ total: 16, remaining: 13 });
  expect(await fixture.came(activityId)).toEqual([2, 2, 3]);
  expect((await control(activityId, 'stock', { delta: -11, reason: 'fewer' })).status).toBe(200);
  expect(await viewOf(activityId)).toMatchObject({ total: 5, remaining: 2 });
  const tooMany = await control(activityId, 'stock', { delta: -3, reason: 'too many' });

  expect(tooMany.body.code).toBe(codeOf(notEnoughFreeUnits));
  expect(await viewOf(activityId)).toMatchObject({ total: 5, remaining: 2 });
  expect(await fixture.codesOf(activityId, fixture.usersOf(activityId, 1, 2))).toEqual([0, 0]);
  expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED', equation: { total: 5 } });
});

describe('a sale that is sold out in all buckets', () => {
  let far: Instance;
  beforeAll(async () => {
    // It remembers for as long as nobody tells it otherwise.
    far = await startAnother(fixture, { role: 'api', soldOutTtlMs: 600_000 });
  });
  afterAll(() => far.stop());
  const buyFar = (activityId: string, user: number, key = `key-${user}`) =>
    far.http.call(`POST /api/v1/seckill/activities/${activityId}/buy`, {
      user: buyer(user),
      body: { quantity: 1 },
      headers: { 'idempotency-key': key },
    });
  const remembered = () => far.metric('seckill_fail_reason', { reason: 'sold-out-remembered' });

  test('is answered from memory; who bought gets their answer, and a unit that comes back is anybody’s at once', async () => {
    const activityId = await fixture.openActivity({ total: 3 });
    const [owner = 0] = fixture.usersOf(activityId, 0, 1);
    const bought = (await fixture.buy(activityId, owner)).body.data;
    await fixture.codesOf(activityId, fixture.usersOf(activityId, 1, 2));
    await eventually(async () => {
      const before = await remembered();
      for (const user of oneOfEach(activityId))
        expect((await buyFar(activityId, user)).body.code).toBe(codeOf(soldOut));
      return (await remembered()) >= before + buckets;
    });

    expect((await buyFar(activityId, owner)).body.data).toEqual({ ...bought, status: 'QUEUED' });
    await fixture.atRest(activityId);
    await tellCancelled(fixture, { ...bought, activityId, userId: String(owner) });
    const [other = 0] = fixture.usersOf(activityId, 2, 1);
    await eventually(async () => (await buyFar(activityId, other)).status === 202);
    expect(await fixture.came(activityId)).toEqual([1, 0, 0]);
    expect(await fixture.atRest(activityId)).toMatchObject({ status: 'BALANCED', equation: { free: 0 } });
  });
});

test('what all buckets have not sold goes back to product-service once the sale is over', async () => {
  const activityId = await fixture.openActivity({ total: 10 });
  expect(await fixture.codesOf(activityId, oneOfEach(activityId))).toEqual([0, 0, 0]);
  await control(activityId, 'close');
  await eventually(async () => (await fixture.activity(activityId)).drainedAt !== null);
  const longAgo = new Date(Date.now() - 120_000);
  await fixture.db.query('UPDATE activities SET drained_at = ? WHERE id = ?', [longAgo, activityId]);

  await fixture.startWorker({ reconcileSeconds: 1 });

  await eventually(() => fixture.products.reserved.get(activityId) === 3, { timeoutMs: 20_000 });
  expect(await fixture.free(activityId)).toEqual([0, 0, 0]);
  expect(await viewOf(activityId)).toMatchObject({ status: 'ENDED', total: 3, remaining: 0 });
});
