import { paymentFailed, paymentRefunded, paymentSucceeded, type PaymentEvent } from '@onrush/proto';
import type { ReceivedEvent } from '@onrush/chassis/message-broker';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { reportOf, sign, startFixture, type CreatedPayment, type Fixture } from './fixture';

let fixture: Fixture;
let succeeded: ReceivedEvent<PaymentEvent>[];
let failed: ReceivedEvent<PaymentEvent>[];
let refunded: ReceivedEvent<PaymentEvent>[];
beforeAll(async () => {
  fixture = await startFixture('paycallback');
  succeeded = await fixture.kafka.collect(paymentSucceeded);
  failed = await fixture.kafka.collect(paymentFailed);
  refunded = await fixture.kafka.collect(paymentRefunded);
}, 60_000);
afterAll(() => fixture.stop());

const ofPayment = (events: ReceivedEvent<PaymentEvent>[], payment: CreatedPayment) =>
  events.filter(({ payload }) => payload.payment_id === payment.id);

const journalOf = (payment: CreatedPayment) =>
  fixture.rows<{ entry_id: string; account: string; debit: string; credit: string }>(
    'SELECT entry_id, account, debit, credit FROM journal_entries WHERE reference = ? ORDER BY id',
    [payment.payment_no],
  );

const anomaliesOf = async (paymentNo: string) =>
  (
    await fixture.rows<{ reason: string }>('SELECT reason FROM payment_anomalies WHERE payment_no = ?', [
      paymentNo,
    ])
  ).map((row) => row.reason);

/** Everything that a callback could change, but for the record of what was odd. */
const everything = async () => ({
  payments: await fixture.rows('SELECT * FROM payments ORDER BY id'),
  journal: await fixture.rows('SELECT * FROM journal_entries ORDER BY id'),
  refunds: await fixture.rows('SELECT * FROM refunds ORDER BY id'),
});

/** Resolves when all that was to be told has been told. */
const outboxEmpty = () =>
  eventually(async () => (await fixture.rows('SELECT id FROM outbox_batches LIMIT 1')).length === 0);

test('a signed success is booked, shown and told, with the time of the provider', async () => {
  const payment = await fixture.pending();

  const answer = await fixture.callback(reportOf(payment, { paid_at: '2026-05-01T20:00:00+08:00' }));

  expect(answer).toEqual({ status: 200, text: 'success' });
  expect(await fixture.status(payment)).toMatchObject({
    status: 'SUCCEEDED',
    refunded_amount: 0,
    paid_at: '2026-05-01T12:00:00.000Z',
  });
  expect(await journalOf(payment)).toEqual([
    { entry_id: `capture:${payment.payment_no}`, account: 'provider:mock', debit: '12800', credit: '0' },
    { entry_id: `capture:${payment.payment_no}`, account: 'customer-orders', debit: '0', credit: '12800' },
  ]);
  const [event] = await eventually(() => {
    const found = ofPayment(succeeded, payment);
    return found.length > 0 && found;
  });
  expect(event?.key).toBe(payment.order_id);
  expect(event?.payload).toEqual({
    payment_id: payment.id,
    payment_no: payment.payment_no,
    order_id: payment.order_id,
    user_id: '7',
    channel: 'mock',
    amount: 12_800,
    currency: 'CNY',
    at: '2026-05-01T12:00:00.000Z',
  });
});

test('a thousand callbacks at one moment have one effect, and all get success', async () => {
  const payment = await fixture.pending();
  const body = JSON.stringify(reportOf(payment));

  const answers = await releaseTogether(1_000, () => fixture.callback(body));

  const texts = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.text : answer.reason));
  expect(texts).toEqual(Array<string>(1_000).fill('success'));
  await outboxEmpty();
  await eventually(() => ofPayment(succeeded, payment).length > 0);
  expect(ofPayment(succeeded, payment)).toHaveLength(1);
  expect(await journalOf(payment)).toHaveLength(2);
  expect(await anomaliesOf(payment.payment_no)).toEqual([]);
});

test('a failure is shown and told once, and moves no money', async () => {
  const payment = await fixture.pending();
  const report = reportOf(payment, { status: 'FAILED' });

  const answers = [await fixture.callback(report), await fixture.callback(report)];

  expect(answers.map((answer) => answer.text)).toEqual(['success', 'success']);
  expect(await fixture.status(payment)).toMatchObject({ status: 'FAILED', paid_at: null });
  await eventually(() => ofPayment(failed, payment).length > 0);
  await outboxEmpty();
  expect(ofPayment(failed, payment)).toHaveLength(1);
  expect(await journalOf(payment)).toEqual([]);
});

test('a failure that arrives again does not end the next try', async () => {
  const payment = await fixture.pending();
  const report = reportOf(payment, { status: 'FAILED' });
  await fixture.callback(report);
  await fixture.create(payment.order_id, { key: `retry-${payment.id}` });

  const answer = await fixture.callback(report);

  expect(answer.text).toBe('success');
  expect(await fixture.status(payment)).toMatchObject({ status: 'PENDING' });
});

test('success after a failure is money that came: it is booked', async () => {
  const payment = await fixture.pending();
  await fixture.callback(reportOf(payment, { status: 'FAILED' }));

  const answer = await fixture.callback(reportOf(payment));

  expect(answer.text).toBe('success');
  expect(await fixture.status(payment)).toMatchObject({ status: 'SUCCEEDED' });
  expect(await journalOf(payment)).toHaveLength(2);
});

test('a failure after success changes nothing', async () => {
  const payment = await fixture.pending();
  await fixture.callback(reportOf(payment));

  const answer = await fixture.callback(reportOf(payment, { status: 'FAILED', trade_no: 'T-late' }));

  expect(answer.text).toBe('success');
  expect(await fixture.status(payment)).toMatchObject({ status: 'SUCCEEDED' });
});

test('a second payment of the same thing is kept for a person', async () => {
  const payment = await fixture.pending();
  await fixture.callback(reportOf(payment));

  const answer = await fixture.callback(reportOf(payment, { trade_no: 'T-second' }));

  expect(answer).toEqual({ status: 200, text: 'success' });
  expect(await anomaliesOf(payment.payment_no)).toEqual(['paid twice']);
  expect(await journalOf(payment)).toHaveLength(2);
});

test.each([
  ['another amount', { amount: 12_799 }],
  ['another currency', { currency: 'USD' }],
  ['unknown payment', { payment_no: 'P404' }],
])('%s gets fail, changes nothing, and is kept for a person', async (reason, changes) => {
  const payment = await fixture.pending();
  const report = reportOf(payment, changes);
  const before = await everything();
  const counted = () => fixture.metric('payment_anomalies_total', { reason: reason.replace(' ', '-') });
  expect(await counted()).toBe(0);

  const answer = await fixture.callback(report);

  expect(answer).toEqual({ status: 400, text: 'fail' });
  expect(await counted()).toBe(1);
  expect(await everything()).toEqual(before);
  expect(await anomaliesOf(report.payment_no)).toEqual([reason]);
});

test('a number in other letters is another number', async () => {
  const payment = await fixture.pending();

  const answer = await fixture.callback(reportOf(payment, { payment_no: payment.payment_no.toLowerCase() }));

  expect(answer).toEqual({ status: 400, text: 'fail' });
  expect(await fixture.status(payment)).toMatchObject({ status: 'PENDING' });
});

test.each([
  ['not JSON', () => '{'],
  ['a list', () => '[]'],
  ['nothing', () => ''],
  ['no amount', (report: object) => JSON.stringify({ ...report, amount: undefined })],
  ['an amount in text', (report: object) => JSON.stringify({ ...report, amount: '12800' })],
  ['half a fen', (report: object) => JSON.stringify({ ...report, amount: 12_800.5 })],
  ['a negative amount', (report: object) => JSON.stringify({ ...report, amount: -12_800 })],
  ['an unknown status', (report: object) => JSON.stringify({ ...report, status: 'MAYBE' })],
  ['a time that is none', (report: object) => JSON.stringify({ ...report, paid_at: 'yesterday' })],
  ['no trade number', (report: object) => JSON.stringify({ ...report, trade_no: '' })],
  ['a trade number too long', (report: object) => JSON.stringify({ ...report, trade_no: 'T'.repeat(65) })],
])('a signed body with %s gets fail and changes nothing', async (_name, bodyOf) => {
  const body = bodyOf(reportOf(await fixture.pending()));
  const before = await everything();

  const answer = await fixture.callback(body, sign(body));

  expect(answer).toEqual({ status: 400, text: 'fail' });
  expect(await everything()).toEqual(before);
});

test.each([
  ['none', () => ''],
  ['one of another secret', (body: string) => sign(body, 'another-secret-of-ours')],
  ['one of another body', (body: string) => sign(`${body} `)],
  ['half a one', (body: string) => sign(body).slice(0, 32)],
  ['one that is not hex', () => 'z'.repeat(64)],
  ['zeros', () => '0'.repeat(64)],
])('with a signature that is %s the answer is fail, and nothing changes', async (_name, signatureOf) => {
  const body = JSON.stringify(reportOf(await fixture.pending()));
  const before = await everything();

  const answer = await fixture.callback(body, signatureOf(body));

  expect(answer).toEqual({ status: 401, text: 'fail' });
  expect(await everything()).toEqual(before);
});

test('a callback without the signature header is refused', async () => {
  const payment = await fixture.pending();

  const answer = await fixture.http.call('POST /api/v1/payment/callback/mock', { body: reportOf(payment) });

  expect([answer.status, answer.body as unknown]).toEqual([401, 'fail']);
});

test('when the commit fails the provider gets no success, and the next delivery settles it', async () => {
  const payment = await fixture.pending();
  await fixture.rows('RENAME TABLE journal_entries TO journal_entries_away');
  const answer = await fixture
    .callback(reportOf(payment))
    .finally(() => fixture.rows('RENAME TABLE journal_entries_away TO journal_entries'));
  const between = await fixture.status(payment);

  const again = await fixture.callback(reportOf(payment));

  expect(answer).toEqual({ status: 500, text: 'fail' });
  expect(between).toMatchObject({ status: 'PENDING' });
  expect(again).toEqual({ status: 200, text: 'success' });
  expect(await journalOf(payment)).toHaveLength(2);
});

test('nothing of all this gave money back', () => {
  expect(refunded).toEqual([]);
});
