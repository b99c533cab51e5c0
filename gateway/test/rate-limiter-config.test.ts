import { createHash } from 'node:crypto';
import { type z } from 'zod';
import { createApiKeys } from '../src/identity/api-keys';
import { configShape, dynamicSchemaOver } from '../src/config';
import { limitsSchema, mergeLimits } from '../src/limits/limits';

const { rateLimits, apiKeys } = configShape;
const problemsOf = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
const hash = (key: string) => createHash('sha256').update(key).digest('hex');

test('RATE_LIMITS is JSON; what it does not name keeps its default, scope by scope', () => {
  const limits = rateLimits.parse('{"buy":{"address":{"rate":9,"burst":10},"global":null}}');

  expect(limits.buy).toEqual({
    user: { rate: 20, burst: 40 },
    address: { rate: 9, burst: 10 },
    api_key: { rate: 100, burst: 200 },
    global: null,
    without_redis: 'local',
  });
  expect(limits.login).toEqual({
    address: { quota: 20, window_seconds: 120 },
    global: { rate: 100, burst: 400 },
    without_redis: 'closed',
  });
});

test('without a word about it every class has its limits, and logins and codes are closed without Redis', () => {
  const limits = limitsSchema.parse({});

  for (const { address, global } of Object.values(limits)) expect([address, global]).not.toContain(undefined);
  const closed = Object.entries(limits).filter(([, { without_redis }]) => without_redis === 'closed');
  expect(closed.map(([name]) => name)).toEqual(['login', 'code']);
});

test.each([
  ['{', 'expected JSON'],
  ['[]', 'expected object'],
  ['{"sell":{}}', 'Unrecognized key: "sell"'],
  ['{"buy":{"rate":1,"burst":2}}', 'Unrecognized keys: "rate", "burst"'],
  ['{"buy":{"user":{"rate":0,"burst":2}}}', 'buy.user.rate: Too small'],
  ['{"buy":{"user":{"rate":-1,"burst":2}}}', 'buy.user.rate: Too small'],
  ['{"buy":{"user":{"rate":1,"burst":0}}}', 'buy.user.burst: Too small'],
  ['{"buy":{"user":{"rate":1,"burst":1.5}}}', 'buy.user: expected { rate, burst } or'],
  ['{"buy":{"user":{"rate":1e300,"burst":1}}}', 'buy.user.rate: Too big'],
  ['{"buy":{"user":{"rate":1,"burst":1,"quota":1}}}', 'buy.user: Unrecognized key: "quota"'],
  ['{"buy":{"user":{"quota":5}}}', 'buy.user: expected { rate, burst } or'],
  ['{"buy":{"user":{"quota":1000000,"window_seconds":1}}}', 'buy.user.quota: Too big'],
  ['{"buy":{"user":"20/s"}}', 'buy.user: expected { rate, burst } or'],
  ['{"buy":{"without_redis":"open"}}', 'buy.without_redis: Invalid option'],
])('limits like %s are refused, with the place', (text, problem) => {
  expect(problemsOf(rateLimits, text)?.join('\n')).toContain(problem);
});

test('a live change names scopes of classes; the others stay, and a bad one is refused whole', () => {
  const before = limitsSchema.parse({});
  const { rate_limits } = dynamicSchemaOver({ routes: {} }).parse({
    rate_limits: { buy: { user: { rate: 1, burst: 2 }, global: null }, login: { without_redis: 'local' } },
  });

  const after = mergeLimits(before, rate_limits);

  expect(after.buy).toEqual({ ...before.buy, user: { rate: 1, burst: 2 }, global: null });
  expect(after.login).toEqual({ ...before.login, without_redis: 'local' });
  expect(after.read).toBe(before.read);
  expect(
    problemsOf(dynamicSchemaOver({ routes: {} }), { rate_limits: { buy: { rate: 1, burst: 1 } } }),
  ).toHaveLength(1);
  expect(problemsOf(dynamicSchemaOver({ routes: {} }), { rate_limits: { sell: {} } })).toHaveLength(1);
});

test('an API key is known by its hash, and by its name from there on', () => {
  const keys = createApiKeys({ apiKeys: apiKeys.parse(JSON.stringify({ partner: hash('s3cret') })) });

  expect(keys.nameOf(undefined)).toBeUndefined();
  expect([keys.nameOf('s3cret'), keys.nameOf('s3cret')]).toEqual(['partner', 'partner']);
  expect(keys.nameOf('S3cret')).toBe('unknown');
  expect(keys.nameOf('')).toBe('unknown');
  expect(keys.nameOf(hash('s3cret'))).toBe('unknown');
  expect(keys.nameOf('x'.repeat(100_000))).toBe('unknown');
});

test.each([
  [{ Partner: hash('a') }],
  [{ 'a:b': hash('a') }],
  [{ unknown: hash('a') }],
  [{ partner: 'the key itself' }],
  [{ partner: hash('a').toUpperCase() }],
  [{ one: hash('a'), two: hash('a') }],
])('API keys like %j are refused', (keys) => {
  expect(problemsOf(apiKeys, JSON.stringify(keys))).toHaveLength(1);
});
