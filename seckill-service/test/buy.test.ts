import { seckillReserved } from '@onrush/proto';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';

interface Bought {
  order_no: string;
  reservation_id: string;
  status: string;
}

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('buy');
}, 60_000);
afterAll(() => fixture.stop());

const buy = (
  activityId: string,
  user: number,
  options: { body?: unknown; headers?: Record<string, string> } = {},
) =>
  fixture.http.call<Bought>(`POST /api/v1/seckill/activities/${activityId}/buy`, {
    user: buyer(user),
    body: {},
    ...options,
  });

const soldInLedger = async (activityId: string) => {
  const rows = await fixture.db.query<{ sold: number; units: string | null }[]>(
    'SELECT sold, (SELECT SUM(quantity) FROM reservations r WHERE r.activity_id = a.id) AS units FROM activities a WHERE id = ?',
    [activityId],
  );
  return rows[0];
};

test('a purchase gets its numbers at once, reaches the ledger, and is announced', async () => {
  const events = await fixture.kafka.collect(seckillReserved);
  const activityId = await fixture.openActivity();

  const answer = await buy(activityId, 1);

  expect(answer.status).toBe(202);
  expect(answer.body.data.status).toBe('QUEUED');
  await eventually(() =>
    events.some(({ payload }) => payload.reservation_id === answer.body.data.reservation_id),
  );
  expect(await soldInLedger(activityId)).toMatchObject({ sold: 1, units: '1' });
  const event = events.find(({ payload }) => payload.reservation_id === answer.body.data.reservation_id);
  expect(event?.payload).toMatchObject({
    user_id: '1',
    order_no: answer.body.data.order_no,
    price: 12_800,
    quantity: 1,
  });
});

test('purchases that are recorded together go on with their own traces', async () => {
  const events = await fixture.kafka.collect(seckillReserved);
  const activityId = await fixture.openActivity();
  const traceOf = ['a', 'b', undefined].map(
    (digit) => digit && `00-${digit.repeat(32)}-${digit.repeat(16)}-01`,
  );
  const purchases = traceOf.map((traceparent, index) => ({
    activityId,
    userId: String(31 + index),
    quantity: 1,
    idempotencyKey: '',
    tokenId: '',
    reservationId: String(810_000_000_000 + index),
    orderNo: String(820_000_000_000 + index),
    traceparent,
  }));

  await fixture.sales.buy(activityId, purchases);

  const ours = () =>
    purchases.map(({ reservationId }) =>
      events.find(({ payload }) => payload.reservation_id === reservationId),
    );
  await eventually(() => ours().every((event) => event));
  expect(ours().map((event) => event?.traceparent)).toEqual(traceOf);
});

test('1,000 parallel tries of one user make one purchase', async () => {
  const activityId = await fixture.openActivity();

  const answers = await releaseTogether(1_000, () => buy(activityId, 2));

  const statuses = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 0));
  expect(statuses.filter((status) => status === 202)).toHaveLength(1);
  expect(statuses.filter((status) => status === 409)).toHaveLength(999);
  await eventually(async () => (await soldInLedger(activityId))?.sold === 1);
});

test('5,000 buyers get exactly 100 tickets', async () => {
  const activityId = await fixture.openActivity({ total: 100 });

  // A busy machine tells some to come back, or loses a connection: the same key asks for the same purchase.
  const decided = async (user: number): Promise<number> => {
    const headers = { 'idempotency-key': `k${user}` };
    const answer = await buy(activityId, user, { headers }).catch(() => undefined);
    return answer && answer.status < 500 ? answer.body.code : decided(user);
  };

  const answers = await releaseTogether(5_000, (index) => decided(10_000 + index));

  const codes = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : -1));
  expect(codes.filter((code) => code === 0)).toHaveLength(100);
  expect(codes.filter((code) => code === 409_404)).toHaveLength(4_900);
  await eventually(async () => (await soldInLedger(activityId))?.units === '100');
  expect(await soldInLedger(activityId)).toMatchObject({ sold: 100 });
}, 60_000);
