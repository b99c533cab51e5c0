import { decodeProtectedHeader } from 'jose';
import { createTestDatabase, type TestDatabase } from '@onrush/chassis/testing/database';
import { createMetrics } from '@onrush/chassis/metrics';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createSigningKeys } from '../src/data/signing-keys';
import { migrations } from '../src/migrations';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase('signingkeys', { entities: [], migrations });
}, 60_000);
afterAll(() => database.drop());

const minute = 60_000;
const day = 1_440 * minute;

/** What an instance that starts now publishes, and signs with. */
async function startInstance() {
  const secret = Buffer.alloc(32, 7).toString('base64');
  const metrics = createMetrics({ service: 'auth-service' });
  const keys = createSigningKeys({
    db: database.db,
    secret,
    lifeSeconds: 600,
    logger: silentLogger,
    metrics,
  });
  await keys.start();
  const claims = { userId: '1', sessionId: '1', username: 'mei', roles: [], permissions: [] };
  const token = await keys.sign(claims);
  await keys.stop();
  const { values } =
    (await metrics.registry.getSingleMetric('auth_signing_key_created_seconds')?.get()) ?? {};
  return {
    published: keys.jwks().keys.map(({ kid }) => kid),
    signsWith: decodeProtectedHeader(token).kid,
    ageMinutes: Math.round((Date.now() - (values?.[0]?.value ?? 0) * 1_000) / minute),
  };
}

const setAge = (kid: string | undefined, ageMs: number) =>
  database.db.query('UPDATE signing_keys SET created_at = ? WHERE kid = ?', [
    new Date(Date.now() - ageMs),
    kid,
  ]);

test('a key is published before it signs, and after it last signed', async () => {
  const { signsWith: first, published: alone } = await startInstance();
  await setAge(first, 31 * day);

  const rotated = await startInstance();
  const second = rotated.published.find((kid) => kid !== first);
  await setAge(second, 4 * minute);
  const before = await startInstance();
  await setAge(second, 6 * minute);
  const inUse = await startInstance();
  await setAge(second, 24 * minute);
  const late = await startInstance();
  await setAge(second, 26 * minute);
  const over = await startInstance();

  expect(alone).toEqual([first]);
  const old = { published: [second, first], signsWith: first, ageMinutes: (31 * day) / minute };
  expect(rotated).toEqual(old);
  expect(before).toEqual(old);
  expect(inUse).toEqual({ published: [second, first], signsWith: second, ageMinutes: 6 });
  expect(late).toEqual({ published: [second, first], signsWith: second, ageMinutes: 24 });
  expect(over).toEqual({ published: [second], signsWith: second, ageMinutes: 26 });
});
