import { paymentService } from '@onrush/proto';
import { captureCall } from '@onrush/chassis/testing/captured-call';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { reportOf, startFixture, waitingForLock, type CreatedPayment, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('paycreate');
}, 60_000);
afterAll(() => fixture.stop());

const paymentsOf = (orderId: string) =>
  fixture.rows<{ id: string; status: string }>('SELECT * FROM payments WHERE order_id = ?', [orderId]);

test('a buyer gets a pending payment of an open order, and can see how it stands', async () => {
  const orderId = fixture.placeOrder();

  const answer = await fixture.create(orderId);

  expect(answer.status).toBe(201);
  const payment = answer.body.data;
  expect(payment).toEqual({
    id: expect.stringMatching(/^\d+$/),
    payment_no: `P${payment.id}`,
    order_id: orderId,
    channel: 'mock',
    amount: 12_800,
    currency: 'CNY',
    status: 'PENDING',
    pay_url: `http://shop.test/api/v1/payment/mock/P${payment.id}`,
    qr_code: `mockpay://P${payment.id}`,
    expires_at: fixture.orders.get(orderId)?.expiresAt.toISOString(),
  });
  expect(await fixture.status(payment)).toEqual({
    id: payment.id,
    payment_no: payment.payment_no,
    order_id: orderId,
    status: 'PENDING',
    amount: 12_800,
    currency: 'CNY',
    refunded_amount: 0,
    paid_at: null,
  });
});

test('the same order again gets the same payment, under the same key and under another', async () => {
  const orderId = fixture.placeOrder();
  const first = await fixture.create(orderId, { key: 'first' });

  const same = await fixture.create(orderId, { key: 'first' });
  const other = await fixture.create(orderId, { key: '"quoted"' });

  expect([same.status, other.status]).toEqual([201, 201]);
  expect(same.body.data).toEqual(first.body.data);
  expect(other.body.data).toEqual(first.body.data);
});

test('fifty creates at one moment make one payment', async () => {
  const orderId = fixture.placeOrder();

  const answers = await releaseTogether(50, (index) => fixture.create(orderId, { key: `gate-${index}` }));

  const data = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined));
  expect(data.map((answer) => answer?.status)).toEqual(Array<number>(50).fill(201));
  expect(new Set(data.map((answer) => answer?.body.data.id)).size).toBe(1);
  expect(await paymentsOf(orderId)).toHaveLength(1);
});

test('a key of another request is refused, also when both come at one moment', async () => {
  const [one, two, three] = [fixture.placeOrder(), fixture.placeOrder(), fixture.placeOrder()];
  await fixture.create(one, { key: 'mine' });

  const reused = await fixture.create(two, { key: 'mine' });
  const atOnce = await releaseTogether(2, (index) =>
    fixture.create([two, three][index] ?? '', { key: 'at-once' }),
  );

  expect([reused.status, reused.body.code]).toEqual([422, 422602]);
  const statuses = atOnce.map((each) => (each.status === 'fulfilled' ? each.value.status : 0));
  expect(statuses.sort()).toEqual([201, 422]);
  expect([...(await paymentsOf(two)), ...(await paymentsOf(three))]).toHaveLength(1);
});

test('the same key of another user is another key', async () => {
  const theirs = fixture.placeOrder({ userId: '8' });
  await fixture.create(fixture.placeOrder(), { key: 'everybodys' });

  const answer = await fixture.create(theirs, { key: 'everybodys', user: 8 });

  expect(answer.status).toBe(201);
});

test('an answer that was lost is found again by its key after the order was paid', async () => {
  const orderId = fixture.placeOrder();
  const first = await fixture.create(orderId, { key: 'lost' });
  await fixture.callback(reportOf(first.body.data));
  Object.assign(fixture.orders.get(orderId) ?? {}, { status: 'PAID' });

  const again = await fixture.create(orderId, { key: 'lost' });
  const anew = await fixture.create(orderId, { key: 'new' });

  expect([again.status, again.body.data.id]).toEqual([201, first.body.data.id]);
  expect([anew.status, anew.body.code]).toEqual([409, 409601]);
});

test('an order of somebody else is not there, and an unknown one neither', async () => {
  const theirs = fixture.placeOrder({ userId: '8' });

  const answers = [await fixture.create(theirs), await fixture.create('999999')];

  for (const answer of answers) expect([answer.status, answer.body.code]).toEqual([404, 404602]);
  expect(await paymentsOf(theirs)).toHaveLength(0);
});

test.each([
  ['paid', { status: 'PAID' }],
  ['cancelled', { status: 'CANCELLED' }],
  ['out of time', { expiresAt: new Date(Date.now() - 1) }],
])('an order that is %s gets no payment', async (_name, changes) => {
  const orderId = fixture.placeOrder(changes);

  const answer = await fixture.create(orderId);

  expect([answer.status, answer.body.code]).toEqual([409, 409601]);
  expect(await paymentsOf(orderId)).toHaveLength(0);
});

test.each(['alipay', 'wechat'])('the channel %s is not configured', async (channel) => {
  const orderId = fixture.placeOrder();

  const answer = await fixture.http.call('POST /api/v1/payment/create', {
    user: buyer(7),
    body: { order_id: orderId, channel },
    headers: { 'idempotency-key': `key-${channel}` },
  });

  expect([answer.status, answer.body.code]).toEqual([422, 422601]);
  expect(await paymentsOf(orderId)).toHaveLength(0);
});

test('a payment waits for a cancellation that is being carried out, and is refused then', async () => {
  const orderId = fixture.placeOrder();
  const cancelling = fixture.db.createQueryRunner();
  await cancelling.startTransaction();
  await cancelling.query('INSERT INTO closed_orders (order_id, closed_at) VALUES (?, NOW())', [orderId]);
  const creating = fixture.create(orderId);
  await eventually(async () => (await fixture.rows(waitingForLock)).length > 0, { everyMs: 150 });
  await cancelling.commitTransaction();
  await cancelling.release();

  const answer = await creating;

  expect([answer.status, answer.body.code]).toEqual([409, 409601]);
  expect(await paymentsOf(orderId)).toHaveLength(0);
});

test('a payment of an order whose cancellation came first is refused', async () => {
  const orderId = fixture.placeOrder();
  await fixture.cancelOrder(orderId);
  await eventually(
    async () =>
      (await fixture.rows('SELECT 1 FROM closed_orders WHERE order_id = ?', [orderId])).length === 1,
  );

  const answer = await fixture.create(orderId);

  expect([answer.status, answer.body.code]).toEqual([409, 409601]);
  expect(await paymentsOf(orderId)).toHaveLength(0);
});

test('a status is for its owner only', async () => {
  const payment = await fixture.pending();

  const answer = await fixture.http.call(`GET /api/v1/payment/${payment.id}/status`, { user: buyer(8) });

  expect([answer.status, answer.body.code]).toEqual([404, 404601]);
});

test('a failed payment may be tried again under its number', async () => {
  const payment = await fixture.pending();
  await fixture.callback(reportOf(payment, { status: 'FAILED' }));
  expect(await fixture.status(payment)).toMatchObject({ status: 'FAILED' });

  const again = await fixture.create(payment.order_id, { key: `again-${payment.id}` });

  expect(again.body.data).toEqual<CreatedPayment>({ ...payment, status: 'PENDING' });
  expect(await fixture.status(payment)).toMatchObject({ status: 'PENDING' });
});

test('order-service gets the same payment over gRPC, and nobody else gets anything', async () => {
  const orderId = fixture.placeOrder();
  const mine = fixture.clientAs('order-service', paymentService);
  const foreign = fixture.clientAs('notify-service', paymentService);

  const created = await mine.call('CreatePayment', { orderId, userId: '7', channel: 'mock' });
  const found = await mine.call('GetPayment', { paymentId: created.id });
  const overHttp = await fixture.create(orderId);

  expect(found).toEqual(created);
  expect(created).toMatchObject({
    orderId,
    userId: '7',
    amount: '12800',
    currency: 'CNY',
    status: 'PENDING',
  });
  expect(overHttp.body.data.id).toBe(created.id);
  await expect(mine.call('GetPayment', { paymentId: '404' })).rejects.toMatchObject({ status: 'NOT_FOUND' });
  for (const call of [
    () => foreign.call('GetPayment', { paymentId: created.id }),
    () => foreign.call('CreatePayment', { orderId, userId: '7', channel: 'mock' }),
  ])
    await expect(call()).rejects.toMatchObject({ status: 'PERMISSION_DENIED' });
});

test('a captured CreatePayment, sent again with its token, is the same payment', async () => {
  const orderId = fixture.placeOrder();
  const captured = captureCall({
    port: fixture.config.grpcPort,
    method: paymentService.CreatePayment,
    token: await fixture.tokens.of('order-service').issue('payment-service'),
    request: { orderId, userId: '7', channel: 'mock' },
  });

  const first = await captured.send();
  const again = await releaseTogether(10, () => captured.send());

  captured.close();
  expect(again).toEqual(Array(10).fill({ status: 'fulfilled', value: first }));
  expect(await paymentsOf(orderId)).toHaveLength(1);
});
