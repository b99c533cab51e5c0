import { applyRouteRules, routeRules, type RouteRules } from '../src/route-rules';
import { createRouter } from '../src/router';
import { routes } from '../src/routes';

const routeAt = (rules: RouteRules, method: string, path: string) => {
  const { routes: changed, problems } = applyRouteRules(routes, rules);
  expect(problems).toEqual([]);
  const found = createRouter(changed).match(method, path);
  return found && 'route' in found ? found.route : undefined;
};

test('a rule changes what it names, on its method alone', () => {
  const rules = { 'GET /api/v1/orders': { timeout_ms: 900, rate: 'read' as const } };

  expect(routeAt(rules, 'GET', '/api/v1/orders')).toMatchObject({
    timeoutMs: 900,
    rate: 'read',
    auth: 'user',
  });
  expect(routeAt(rules, 'POST', '/api/v1/orders')).toMatchObject({ timeoutMs: 5_000, rate: 'write' });
});

test('a rule makes a new route, and takes one away', () => {
  const rules = {
    'GET /api/v1/news/:id': {
      upstream: 'notify-service',
      auth: 'permission:news.read',
      cache: { ttl_ms: 500, stale_ms: 0, tag: 'news' },
    },
    'POST /api/v1/register': { enabled: false },
  };

  expect(
    routeAt({ 'POST /api/v1/register': { enabled: false } }, 'POST', '/api/v1/register'),
  ).toBeUndefined();
  expect(applyRouteRules(routes, rules).problems).toEqual([
    'GET /api/v1/news/:id: only what anybody may GET can be cached',
  ]);
  const open = { 'GET /api/v1/news/:id': { upstream: 'notify-service', auth: 'permission:news.read' } };
  expect(routeAt(open, 'GET', '/api/v1/news/7')).toMatchObject({
    upstream: 'notify-service',
    auth: { permission: 'news.read' },
    kind: 'call',
  });
});

test.each<[string, RouteRules, string]>([
  [
    'a key without a method',
    { '/api/v1/x': { upstream: 'auth-service', auth: 'user' } },
    'expected "METHOD /path"',
  ],
  [
    'a method that there is not',
    { 'PATCH /api/v1/x': { upstream: 'auth-service', auth: 'user' } },
    'expected "METHOD /path"',
  ],
  [
    'a new route without an upstream',
    { 'GET /api/v1/x': { auth: 'user' } },
    'has to name its upstream and auth',
  ],
  [
    'a cached write',
    { 'POST /api/v1/register': { cache: { ttl_ms: 500, stale_ms: 0, tag: 'x' } } },
    'only what anybody may GET',
  ],
  [
    'a purchase for everybody',
    { 'POST /api/v1/seckill/activities/:id/buy': { auth: 'public' } },
    'the purchase keeps',
  ],
  ['a WebSocket that is posted', { 'POST /api/v1/orders': { kind: 'websocket' } }, 'is opened with GET'],
  ['a required key on a GET', { 'GET /api/v1/orders': { idempotency_key: 'required' } }, 'a GET needs no'],
  [
    'a second name of a place',
    { 'GET /api/v1/orders/:x': { upstream: 'order-service', auth: 'public' } },
    'GET /api/v1/orders/:x: is where GET /api/v1/orders/:id is',
  ],
  [
    'one new place under two names',
    {
      'GET /api/v1/news/:id/:part': { upstream: 'notify-service', auth: 'public' },
      'GET /api/v1/news/:day/:hour': { upstream: 'notify-service', auth: 'user' },
    },
    'GET /api/v1/news/:day/:hour: is where GET /api/v1/news/:id/:part is',
  ],
  ['the end of a route that is none', { 'GET /api/v1/x': { enabled: false } }, 'cannot be disabled'],
])('%s is a problem', (_name, rules, text) => {
  expect(applyRouteRules(routes, rules).problems.join()).toContain(text);
});

test('a place may get another name when the one before is taken away', () => {
  const rules = {
    'GET /api/v1/orders/:id': { enabled: false },
    'GET /api/v1/orders/:number': { upstream: 'order-service', auth: 'user' },
  };

  expect(routeAt(rules, 'GET', '/api/v1/orders/7')?.path).toBe('/api/v1/orders/:number');
});

test('a look counts as a read, whoever looks', () => {
  const looks = routes.filter(({ methods }) => methods.includes('GET'));

  expect(looks.filter(({ rate }) => rate !== 'read').map(({ path }) => path)).toEqual([]);
  expect(looks.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['/api/v1/orders', '/api/v1/notifications', '/api/v1/user/profile']),
  );
  expect(routes.filter(({ methods, rate }) => methods[0] !== 'GET' && rate === 'read')).toEqual([]);
});

test.each<[string, object]>([
  ['an unknown upstream', { upstream: 'evil-service' }],
  ['an unknown rate class', { rate: 'fast' }],
  ['a timeout of a day', { timeout_ms: 86_400_000 }],
  ['an unknown key', { time_out: 5 }],
  ['a permission without an action', { auth: 'permission:all' }],
  ['keys kept for an hour', { idempotency_keep_hours: 1 }],
])('%s does not pass the schema', (_name, rule) => {
  expect(routeRules.safeParse({ 'GET /api/v1/orders': rule }).success).toBe(false);
});
