import {
  orderCancelled,
  paymentRefunded,
  paymentSucceeded,
  type OrderEvent,
  type PaymentEvent,
} from '@onrush/proto';
import type { ReceivedEvent } from '@onrush/chassis/message-broker';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import {
  cancelledEvent,
  reportOf,
  startFixture,
  waitingForLock,
  type CreatedPayment,
  type Fixture,
} from './fixture';

let fixture: Fixture;
let refunded: ReceivedEvent<PaymentEvent>[];
let succeeded: ReceivedEvent<PaymentEvent>[];
let deadLetters: ReceivedEvent<OrderEvent>[];
beforeAll(async () => {
  fixture = await startFixture('paycancel');
  refunded = await fixture.kafka.collect(paymentRefunded);
  succeeded = await fixture.kafka.collect(paymentSucceeded);
  deadLetters = await fixture.kafka.collect({ ...orderCancelled, type: 'order.cancelled.dlq' });
}, 60_000);
afterAll(() => fixture.stop());

const statusBecomes = (payment: CreatedPayment, wanted: Record<string, unknown>) =>
  eventually(async () => {
    expect(await fixture.status(payment)).toMatchObject(wanted);
    return true;
  });

const ofPayment = (events: ReceivedEvent<PaymentEvent>[], payment: CreatedPayment) =>
  events.filter(({ payload }) => payload.payment_id === payment.id);

const linesOf = (payment: CreatedPayment) =>
  fixture.rows('SELECT * FROM journal_entries WHERE reference = ?', [payment.payment_no]);

/** Entries whose debits are not their credits. */
const unbalanced = () =>
  fixture.rows(
    'SELECT entry_id, SUM(debit) AS debit, SUM(credit) AS credit FROM journal_entries GROUP BY entry_id HAVING SUM(debit) <> SUM(credit)',
  );

const refundsOf = (payment: CreatedPayment) =>
  fixture.rows('SELECT refund_no, amount, reason, status FROM refunds WHERE payment_id = ?', [payment.id]);

/** Resolves when the cancellation has been handled. */
async function cancelAndWait(orderId: string, key = orderId): Promise<void> {
  await fixture.kafka.broker.publish([cancelledEvent(orderId, key)]);
  await eventually(
    async () =>
      (await fixture.rows('SELECT 1 FROM closed_orders WHERE order_id = ?', [orderId])).length === 1,
  );
}

/** Resolves when all that was sent before with this key has been handled, one way or the other. */
const allHandled = (key: string) => cancelAndWait(fixture.placeOrder(), key);

test('a pending payment of a cancelled order is closed, and cannot be begun again', async () => {
  const payment = await fixture.pending();

  await fixture.cancelOrder(payment.order_id);

  await statusBecomes(payment, { status: 'CLOSED', refunded_amount: 0 });
  const again = await fixture.create(payment.order_id, { key: `again-${payment.id}` });
  expect([again.status, again.body.code]).toEqual([409, 409601]);
  expect(await linesOf(payment)).toEqual([]);
});

test('a captured payment of a cancelled order is refunded in full, once, and that is told', async () => {
  const payment = await fixture.pending();
  await fixture.callback(reportOf(payment));
  const event = cancelledEvent(payment.order_id);

  await fixture.kafka.broker.publish([event]);
  await fixture.kafka.broker.publish([event, cancelledEvent(payment.order_id)]);

  await statusBecomes(payment, { status: 'SUCCEEDED', refunded_amount: 12_800 });
  await eventually(() => ofPayment(refunded, payment).length > 0);
  await allHandled(payment.order_id);
  expect(await refundsOf(payment)).toEqual([
    { refund_no: `R${payment.id}`, amount: '12800', reason: 'order-cancelled', status: 'SUCCEEDED' },
  ]);
  expect(await linesOf(payment)).toHaveLength(4);
  expect(await unbalanced()).toEqual([]);
  expect(ofPayment(refunded, payment)).toHaveLength(1);
  expect(ofPayment(refunded, payment)[0]).toMatchObject({
    key: payment.order_id,
    payload: { order_id: payment.order_id, amount: 12_800 },
  });
});

test('money for a closed payment is booked, and goes back at once', async () => {
  const payment = await fixture.pending();
  await cancelAndWait(payment.order_id);

  const answers = await releaseTogether(20, () => fixture.callback(reportOf(payment)));

  for (const answer of answers) expect(answer).toMatchObject({ value: { status: 200, text: 'success' } });
  expect(await fixture.status(payment)).toMatchObject({ status: 'SUCCEEDED', refunded_amount: 12_800 });
  await eventually(() => ofPayment(refunded, payment).length > 0);
  expect(ofPayment(succeeded, payment)).toHaveLength(1);
  expect(await refundsOf(payment)).toHaveLength(1);
  expect(await linesOf(payment)).toHaveLength(4);
});

test('money for a failed payment of a cancelled order goes back as well', async () => {
  const payment = await fixture.pending();
  await fixture.callback(reportOf(payment, { status: 'FAILED' }));
  await cancelAndWait(payment.order_id);
  await statusBecomes(payment, { status: 'CLOSED' });

  await fixture.callback(reportOf(payment, { trade_no: 'T-late' }));

  expect(await fixture.status(payment)).toMatchObject({ status: 'SUCCEEDED', refunded_amount: 12_800 });
  expect(await refundsOf(payment)).toHaveLength(1);
});

test('a free order that was cancelled twice is refunded once', async () => {
  const orderId = fixture.placeOrder({ totalAmount: 0 });
  const payment = (await fixture.create(orderId)).body.data;
  await fixture.callback(reportOf(payment));

  await fixture.kafka.broker.publish([cancelledEvent(orderId), cancelledEvent(orderId)]);

  await eventually(() => ofPayment(refunded, payment).length > 0);
  await allHandled(orderId);
  expect(await refundsOf(payment)).toHaveLength(1);
});

test('200 callbacks against 200 cancellations: all money that came for a cancelled order went back', async () => {
  const payments = await Promise.all(Array.from({ length: 200 }, () => fixture.pending()));

  const answers = await releaseTogether(400, async (index) => {
    const payment = payments[index >> 1] as CreatedPayment;
    if (index % 2 === 1) return fixture.cancelOrder(payment.order_id);
    return (await fixture.callback(reportOf(payment))).text;
  });

  const texts = answers
    .filter((_answer, index) => index % 2 === 0)
    .map((answer) => (answer.status === 'fulfilled' ? answer.value : answer.reason));
  expect(texts).toEqual(Array<string>(200).fill('success'));
  for (const payment of payments)
    await statusBecomes(payment, { status: 'SUCCEEDED', refunded_amount: 12_800 });
  for (const payment of payments) {
    expect(await refundsOf(payment)).toHaveLength(1);
    expect(await linesOf(payment)).toHaveLength(4);
  }
  expect(await unbalanced()).toEqual([]);
  await eventually(() => payments.every((payment) => ofPayment(refunded, payment).length > 0));
  for (const payment of payments) {
    expect(ofPayment(refunded, payment)).toHaveLength(1);
    expect(ofPayment(succeeded, payment)).toHaveLength(1);
  }
});

test('a payment that begins while its order is being cancelled does not stay open', async () => {
  const orderId = fixture.placeOrder();
  const holder = fixture.db.createQueryRunner();
  await holder.startTransaction('REPEATABLE READ');
  // Locks the gap in which the payment will be: its insert waits, and the cancellation goes by.
  await holder.query('SELECT id FROM payments WHERE order_id = ? FOR UPDATE', [orderId]);
  const creating = fixture.create(orderId);
  await eventually(async () => (await fixture.rows(waitingForLock)).length > 0, { everyMs: 150 });
  await cancelAndWait(orderId);
  await holder.commitTransaction();
  await holder.release();

  const answer = await creating;

  expect([answer.status, answer.body.code]).toEqual([409, 409601]);
  expect(await fixture.rows('SELECT id FROM payments WHERE order_id = ?', [orderId])).toEqual([]);
});

test('100 new payments against 100 cancellations: none stays open', async () => {
  const orderIds = Array.from({ length: 100 }, () => fixture.placeOrder());

  const answers = await releaseTogether(200, async (index) => {
    const orderId = orderIds[index >> 1] ?? '';
    if (index % 2 === 1) return fixture.cancelOrder(orderId);
    return (await fixture.create(orderId)).status;
  });

  const statuses = answers
    .filter((_answer, index) => index % 2 === 0)
    .map((answer) => (answer.status === 'fulfilled' ? answer.value : answer.reason));
  for (const status of statuses) expect([201, 409]).toContain(status);
  await eventually(
    async () =>
      (await fixture.rows('SELECT 1 FROM closed_orders WHERE order_id IN (?)', [orderIds])).length === 100,
  );
  expect(
    await fixture.rows(`SELECT id FROM payments WHERE order_id IN (?) AND status <> 'CLOSED'`, [orderIds]),
  ).toEqual([]);
});

test('no cancellation was dead-lettered', () => {
  expect(deadLetters).toEqual([]);
});
