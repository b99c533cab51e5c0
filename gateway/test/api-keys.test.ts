import { createHash } from 'node:crypto';
import { startFixture, type Fixture } from './fixture';
import { limitsSchema } from '../src/limits/limits';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('apikeys', {
    apiKeys: { shop: sha256('key of the shop'), partner: sha256('key of a partner') },
    rateLimits: limitsSchema.parse({ read: { api_key: { quota: 3, window_seconds: 3_600 } } }),
  });
}, 60_000);
afterAll(() => fixture.stop());

const ask = (key?: string, token?: string) =>
  fixture.call('GET /api/v1/products/1/stock', {
    ...(token && { token }),
    headers: key === undefined ? {} : { 'x-api-key': key },
  });

test('a program with a key passes, until the limit of that key: 429, and which limit it was', async () => {
  const statuses: number[] = [];
  for (let count = 0; count < 3; count += 1) statuses.push((await ask('key of the shop')).status);

  const refused = await ask('key of the shop');

  expect(statuses).toEqual([200, 200, 200]);
  expect(refused.body.code).toBe(429000);
  expect(refused.headers.get('ratelimit-policy')).toBe('"read-api-key";q=3;w=3600');
  expect(refused.headers.get('ratelimit')).toMatch(/^"read-api-key";r=0;t=\d+$/);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(fixture.upstream.seen).toHaveLength(3);
  expect(fixture.upstream.seen[0]?.headers).not.toHaveProperty('x-api-key');
});

test('another key has a limit of its own, and who has none is not limited by it', async () => {
  const [partner, nobody] = [await ask('key of a partner'), await ask()];

  expect([partner.status, nobody.status]).toEqual([200, 200]);
  expect(partner.headers.get('ratelimit')).toMatch(/^"read-api-key";r=2;/);
  expect(nobody.headers.get('ratelimit-policy')).not.toContain('api-key');
});

test('a key is no log-in', async () => {
  const orders = await fixture.call('GET /api/v1/orders', { headers: { 'x-api-key': 'key of a partner' } });

  expect(orders.body.code).toBe(401000);
});
