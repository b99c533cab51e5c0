import { createSharedReads } from '@onrush/chassis/shared-reads';
import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import type { Activity } from '../src/domain/activity';
import { findReservation } from '../src/use-cases/find-reservations';
import { buyAt, startAnother, type Instance } from './another-instance';
import { startFixture, type Fixture } from './fixture';

/** Nobody records what is bought here: all there is of it is in Redis. */
let fixture: Fixture;
let far: Instance;
beforeAll(async () => {
  fixture = await startFixture('queued', { role: 'api' });
  far = await startAnother(fixture, { role: 'api' });
}, 60_000);
afterAll(async () => {
  await far.stop();
  await fixture.stop();
});

const find = (reservationId: string, user: number) =>
  far.http.call<{ status: string }>(`GET /api/v1/seckill/reservations/${reservationId}`, {
    user: buyer(user),
  });

test('what was bought a moment ago is QUEUED on every instance, also in a sale that is younger than what they know', async () => {
  // Now it knows which sales there are.
  expect((await find('123', 1)).status).toBe(404);
  const activityId = await fixture.openActivity();
  const { body } = await buyAt(fixture, { activityId, user: buyer(1) });

  const found = await find(body.data.reservation_id, 1);

  expect(found.body.data).toMatchObject({ status: 'QUEUED', id: body.data.reservation_id });
  expect((await find(body.data.reservation_id, 2)).status).toBe(404);
  expect(await fixture.db.query('SELECT 1 FROM reservations')).toEqual([]);
});

test('it can be followed, until somebody records it', async () => {
  const activityId = await fixture.openActivity();
  const { body } = await buyAt(fixture, { activityId, user: buyer(3) });

  const stream = await far.events(body.data.reservation_id, buyer(3));

  await eventually(() => stream.events.length === 1);
  expect(stream.events[0]).toMatchObject({ id: 'QUEUED', data: { status: 'QUEUED' } });
  stream.leave();
});

test('those who ask again and again do not ask MySQL for the sales each time; who asks for what nobody knows, does', async () => {
  let lists = 0;
  const undrained = createSharedReads({
    read: () => Promise.resolve([{ id: String((lists += 1)), epoch: 1 } as Activity]),
    ttlMs: 500,
    limit: 1,
    now: () => 0,
  });
  const held = { id: '10', activityId: '1', userId: '5', status: 'QUEUED' };
  const sales = {
    reservationsOf: (id: string) => Promise.resolve(id === '1' ? [held] : []),
    read: () => Promise.resolve({ epoch: 1, isRebuilding: false }),
  };
  const deps = { db: { manager: { query: () => Promise.resolve([]) } }, undrained, sales } as never;

  for (let times = 0; times < 3; times += 1)
    expect(await findReservation(deps, '10', '5')).toMatchObject({ status: 'QUEUED' });
  expect(lists).toBe(1);
  await expect(findReservation(deps, '11', '5')).rejects.toMatchObject({ code: 404402 });

  expect(lists).toBe(2);
});
