import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { markForRehearsal } from '@onrush/proto';
import { reportOf, startFixture, type CreatedPayment, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('rehearsal');
}, 60_000);
afterAll(() => fixture.stop());

const synthetic = markForRehearsal('41');

const create = (user: string, channel: string) => {
  const orderId = fixture.placeOrder({ userId: user });
  return fixture.http.call<CreatedPayment>('POST /api/v1/payment/create', {
    user: buyer(user),
    body: { order_id: orderId, channel },
    headers: { 'idempotency-key': `key-${orderId}` },
  });
};
const balances = () =>
  fixture.rows<{ account: string; balance: string }>(
    'SELECT account, SUM(debit) - SUM(credit) AS balance FROM journal_entries GROUP BY account ORDER BY account',
  );

test('whatever channel a synthetic user names, the mock provider has it', async () => {
  const rehearsed = await create(synthetic, 'alipay');
  const real = await create('7', 'alipay');

  expect([rehearsed.status, rehearsed.body.data.channel]).toEqual([201, 'mock']);
  expect(real.status).toBe(422);
});

test('what a rehearsal pays, and gets back, is booked in accounts of its own, and sums to zero', async () => {
  const real = (await create('7', 'mock')).body.data;
  const rehearsed = (await create(synthetic, 'mock')).body.data;
  await fixture.callback(reportOf(real));
  await fixture.callback(reportOf(rehearsed));

  expect(await balances()).toEqual([
    { account: 'customer-orders', balance: '-12800' },
    { account: 'provider:mock', balance: '12800' },
    { account: 'rehearsal:customer-orders', balance: '-12800' },
    { account: 'rehearsal:provider:mock', balance: '12800' },
  ]);

  await fixture.cancelOrder(rehearsed.order_id);
  await eventually(async () => (await fixture.rows('SELECT 1 FROM refunds')).length === 1);

  expect((await balances()).map(({ balance }) => balance)).toEqual(['-12800', '12800', '0', '0']);
});
