import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('ended');
}, 60_000);
afterAll(() => fixture.stop());

/** What is promised of a log-out. */
const withinASecond = { timeoutMs: 1_000, everyMs: 10 };

const orders = (token: string) => fixture.call('GET /api/v1/orders', { token });
const buy = (token: string) => fixture.call('POST /api/v1/seckill/activities/77/buy', { token, body: {} });

test('a session that ends is refused within a second, for reads and purchases; another one of the same user goes on', async () => {
  const [ending, other] = [await fixture.accessToken({ sid: '1' }), await fixture.accessToken({ sid: '2' })];
  const before = [await orders(ending), await buy(ending), await orders(other)];

  fixture.auth.revoke('1');

  await eventually(async () => (await orders(ending)).body.code === 401001, withinASecond);
  expect(before.map(({ status }) => status)).toEqual([200, 202, 200]);
  expect((await buy(ending)).body.code).toBe(401001);
  expect((await orders(other)).status).toBe(200);
});

test('one that ended while the stream was broken is refused when there is a stream again, and the others never', async () => {
  const [ending, other] = [await fixture.accessToken({ sid: '3' }), await fixture.accessToken({ sid: '4' })];
  const before = [await orders(ending), await orders(other)];

  fixture.auth.breakStreams();
  fixture.auth.revoked.set('3', Date.now() + 60_000);

  await eventually(async () => (await orders(ending)).body.code === 401001);
  expect(before.map(({ status }) => status)).toEqual([200, 200]);
  expect((await orders(other)).status).toBe(200);
  // A session of an earlier test is in the snapshot, too.
  expect((await orders(await fixture.accessToken({ sid: '1' }))).body.code).toBe(401001);
});
