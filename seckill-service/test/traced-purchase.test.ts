import { createKeys } from '@onrush/chassis/redis';
import { createLiveSales, type LiveSales } from '../src/data/live-sale';
import { fieldsOf, purchasesOf, sizeOf } from '../src/data/stream-entries';
import { startFixture, type Fixture } from './fixture';

let fixture: Fixture;
let sales: LiveSales;
/** Nobody takes the purchases out of the stream. */
beforeAll(async () => {
  fixture = await startFixture('traced', { role: 'api' });
  const { redis } = fixture.redis;
  sales = createLiveSales({ redis, hot: redis, keys: createKeys(fixture.namespace, 'seckill') });
}, 60_000);
afterAll(() => fixture.stop());

const traceparent = (digit: string, flags: '00' | '01') =>
  `00-${digit.repeat(32)}-${digit.repeat(16)}-${flags}`;

test('an accepted purchase that is traced takes its trace into the stream, with its neighbours untouched', async () => {
  const activityId = await fixture.openActivity({ per_user_limit: 1 });
  const purchase = (user: number, trace?: string) => ({
    activityId,
    userId: String(user),
    quantity: user === 5 ? 2 : 1,
    idempotencyKey: user === 1 ? 'k' : '',
    tokenId: '',
    // The one is the end of the other.
    reservationId: user === 2 ? '11' : `${user}11`,
    orderNo: String(9_000 + user),
    traceparent: trace,
  });
  const key = Buffer.from('k').toString('base64url');

  await sales.buy(activityId, [
    purchase(1, traceparent('a', '01')),
    purchase(2, traceparent('b', '01')),
    purchase(3, traceparent('c', '00')),
    purchase(4),
    // Over the limit: not accepted.
    purchase(5, traceparent('e', '01')),
  ]);

  const [[id = '', flat = []] = []] = await fixture.redis.redis.xrange(sales.streamOf(activityId), '-', '+');
  const fields = Object.fromEntries(
    Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index] ?? '', flat[2 * index + 1] ?? '']),
  );
  expect(fields).toEqual({
    epoch: '1',
    '111': `1:9001:1:${key}:${traceparent('a', '01')}`,
    '11': `2:9002:1::${traceparent('b', '01')}`,
    '311': '3:9003:1:',
    '411': '4:9004:1:',
  });
  const entry = { id, fields };
  expect(sizeOf(entry)).toBe(4);
  const purchases = purchasesOf(entry);
  expect(Object.fromEntries(purchases.map((each) => [each.userId, each.traceparent]))).toEqual({
    '1': traceparent('a', '01'),
    '2': traceparent('b', '01'),
    '3': undefined,
    '4': undefined,
  });
  // As the sale's rebuild writes them again.
  expect(new Set(fieldsOf(1, purchases))).toEqual(new Set(flat));
});
