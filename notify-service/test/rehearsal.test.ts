import { newEvent } from '@onrush/chassis/message-broker';
import { startServiceFixture, type ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { eventually } from '@onrush/chassis/testing/wait';
import { markForRehearsal, notificationSent, orderCreated, seckillRejected } from '@onrush/proto';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { errors } from '../src/errors';
import { migrations } from '../src/migrations';

let fixture: ServiceFixture<Config>;
beforeAll(async () => {
  fixture = await startServiceFixture<Config>({
    service: 'notify-service',
    label: 'notifyrehearsal',
    createApp,
    migrations,
    errors,
    config: {},
  });
}, 60_000);
afterAll(() => fixture.stop());

const at = '2027-01-01T00:00:00.000Z';
const created = (userId: string) =>
  newEvent(orderCreated, '7', {
    order_id: '7',
    order_no: '7',
    user_id: userId,
    kind: 'SECKILL',
    total_amount: 12_850,
    currency: 'CNY',
    reservation_id: '8',
    activity_id: '9',
    items: [{ product_id: '1', name: 'Night Ferry', price: 12_850, quantity: 1 }],
    reason: null,
    at,
  });
const rejected = (userId: string) =>
  newEvent(seckillRejected, '7', {
    reservation_id: '8',
    activity_id: '9',
    user_id: userId,
    order_no: '7',
    quantity: 1,
    reason: 'sold-out',
    at,
  });

test('nothing is written for synthetic users, and everything for those who come after them', async () => {
  const sent = await fixture.kafka.collect(notificationSent);
  const synthetic = markForRehearsal('41');

  // One partition: what comes last has all the others before it.
  await fixture.kafka.broker.publish([created(synthetic), rejected(synthetic)]);
  await fixture.kafka.broker.publish([created(synthetic), created('50'), rejected('50')]);
  await eventually(() => sent.length === 2);

  const rows = await fixture.db.query<{ user_id: string }[]>('SELECT user_id FROM notifications');
  expect(rows).toEqual([{ user_id: '50' }, { user_id: '50' }]);
  expect(sent.map(({ payload }) => payload.user_id)).toEqual(['50', '50']);
});
