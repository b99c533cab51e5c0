import { eventually } from '@onrush/chassis/testing/wait';
import { limitsSchema } from '../src/limits/limits';
import { startFixture, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  const read = { address: { rate: 1, burst: 40 }, without_redis: 'local' as const };
  fixture = await startFixture('pages', { rateLimits: { ...limitsSchema.parse({}), read } });
}, 60_000);
afterAll(() => fixture.stop());

const statusesOf = (paths: string[]) =>
  Promise.all(paths.map(async (path) => (await fixture.call(`GET ${path}`)).status));
const pages = ['/health', '/docs/', '/openapi.json'];
const probes = ['/livez', '/readyz'];

test('a blocked address gets no page; whoever probes is answered', async () => {
  expect(await statusesOf(pages)).toEqual([200, 200, 200]);

  fixture.auth.tellRules([{ id: '1', action: 'block', cidr: '127.0.0.0/8', expiresAt: '0' }]);

  await eventually(async () => (await fixture.call('GET /health')).body.code === 403001);
  expect(await statusesOf(pages)).toEqual([403, 403, 403]);
  expect(await statusesOf(probes)).toEqual([200, 200]);
  fixture.auth.tellRules([]);
  await eventually(async () => (await fixture.call('GET /health')).status === 200);
});

test('pages count as what an address reads; probes do not', async () => {
  const refused = await eventually(async () => {
    const answer = await fixture.call('GET /docs/');
    return answer.status === 429 && answer;
  });

  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await fixture.call('GET /api/v1/products/1/stock')).status).toBe(429);
  expect(await statusesOf(probes)).toEqual([200, 200]);
});
