import type { Priority } from './limits/concurrency-limit';
import type { RateClass } from './limits/limits';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** No route may take longer, whatever operators say. */
export const longestTimeoutMs = 60_000;

/** What the gateway does with one path and its methods. Operators change it in `config/gateway.yaml` and Consul KV (route-rules.ts). */
export interface GatewayRoute {
  methods: Method[];
  /** Segments, of which those with a colon stand for anything: `/api/v1/orders/:id`. */
  path: string;
  upstream: string;
  /** Nobody, a valid access token, or one that carries this permission. */
  auth: 'public' | 'user' | { permission: string };
  rate: RateClass;
  /** Who is let in first when not all can be: those who have won, before the others, before the crowd. */
  priority: Priority;
  /** The whole of the request, retries included; what is left of it goes along as `x-deadline-ms`. */
  timeoutMs: number;
  bodyLimitBytes: number;
  /** JSON of which there are no two readings, or whatever comes: what a provider signed is for its service alone to read. */
  body: 'json' | 'raw';
  idempotencyKey: IdempotencyRule;
  /** Answers are kept: fresh for `ttlMs`, then shown for `staleMs` more while one request renews them. */
  cache?: { ttlMs: number; staleMs: number; tag: string } | undefined;
  /** A successful write makes the kept answers of this tag untrue. */
  purges?: string | undefined;
  /** Whether the canary rules of the upstream apply. */
  canary: boolean;
  kind: 'call' | 'buy' | 'sse' | 'websocket';
}

export interface IdempotencyRule {
  use: 'off' | 'accepted' | 'required';
  keepHours: number;
  /** The service recognises the key itself: when the outcome is unknown, asking it again is safe and finds out. */
  dedupes: boolean;
}

const kilobyte = 1_024;
const day = 24;

const off: IdempotencyRule = { use: 'off', keepHours: 0, dedupes: false };
const accepted: IdempotencyRule = { use: 'accepted', keepHours: day, dedupes: false };
const money: IdempotencyRule = { use: 'required', keepHours: 7 * day, dedupes: true };

type Preset = Omit<GatewayRoute, 'methods' | 'path' | 'upstream'>;

const base: Preset = {
  auth: 'user',
  rate: 'write',
  priority: 'normal',
  timeoutMs: 5_000,
  bodyLimitBytes: 64 * kilobyte,
  body: 'json',
  idempotencyKey: accepted,
  canary: true,
  kind: 'call',
};
const crowd: Preset = { ...base, auth: 'public', rate: 'read', priority: 'crowd', timeoutMs: 3_000 };
const secret: Preset = { ...base, auth: 'public', timeoutMs: 10_000, idempotencyKey: off };

const to = (upstream: string) => {
  const preset =
    (preset: Preset) =>
    (method: Method, path: string, more: Partial<GatewayRoute> = {}): GatewayRoute => ({
      ...preset,
      // Whoever looks at their orders must not use up what they may still buy.
      rate: method === 'GET' && preset.rate === 'write' ? 'read' : preset.rate,
      methods: [method],
      path: `/api/v1${path}`,
      upstream,
      ...more,
    });
  return {
    /** Anybody may read, and at 10:00:00 everybody does. */
    read: preset(crowd),
    user: preset(base),
    /** Of those who have won: order, pay, result. */
    winner: preset({ ...base, priority: 'winner' }),
    staff: (permission: string) => preset({ ...base, auth: { permission } }),
    /** Answers carry tokens, which are kept nowhere. */
    login: preset({ ...secret, rate: 'login' }),
    session: preset({ ...secret, rate: 'session' }),
    register: preset({ ...base, auth: 'public', rate: 'register', timeoutMs: 10_000 }),
    callback: preset({
      ...secret,
      body: 'raw',
      rate: 'callback',
      priority: 'winner',
      timeoutMs: 5_000,
      canary: false,
    }),
  };
};

const user = to('user-service');
const auth = to('auth-service');
const product = to('product-service');
const seckill = to('seckill-service');
const order = to('order-service');
const payment = to('payment-service');
const notify = to('notify-service');

const products = { cache: { ttlMs: 5_000, staleMs: 30_000, tag: 'product' } };
const activities = { cache: { ttlMs: 1_000, staleMs: 1_000, tag: 'activity' } };
const status = { cache: { ttlMs: 250, staleMs: 250, tag: 'activity' } };
/** seckill-service writes the key down with the operation. */
const operation = { purges: 'activity', idempotencyKey: { ...accepted, dedupes: true } };
/** All that the ledger has of a sale is counted. */
const counting = { timeoutMs: 30_000 };

/** The whole public API, on one page. */
export const routes: GatewayRoute[] = [
  user.register('POST', '/user/register'),
  user.register('POST', '/register'),
  user.user('GET', '/user/profile'),
  user.user('PUT', '/user/profile'),

  auth.login('POST', '/user/login'),
  auth.login('POST', '/login'),
  auth.session('POST', '/auth/refresh'),
  auth.user('POST', '/user/logout', { idempotencyKey: off }),
  auth.staff('security.read')('GET', '/admin/ip-rules'),
  auth.staff('security.write')('POST', '/admin/ip-rules'),
  auth.staff('security.write')('DELETE', '/admin/ip-rules/:id'),
  // Answers carry tokens, which are kept nowhere.
  auth.staff('rehearsal.run')('POST', '/admin/rehearsal/users', { timeoutMs: 10_000, idempotencyKey: off }),
  auth.read('GET', '', { path: '/.well-known/jwks.json' }),

  product.read('GET', '/products', products),
  product.read('GET', '/products/:id', products),
  product.read('GET', '/products/:id/stock'),
  product.staff('product.write')('POST', '/admin/products', { purges: 'product' }),
  product.staff('product.write')('PUT', '/admin/products/:id', { purges: 'product' }),
  product.staff('product.write')('POST', '/admin/products/:id/stock', { purges: 'product' }),

  seckill.read('GET', '/seckill/activities', activities),
  seckill.read('GET', '/seckill/activities/:id', activities),
  seckill.read('GET', '/seckill/activities/:id/status', status),
  seckill.user('POST', '/seckill/activities/:id/token', { priority: 'crowd', idempotencyKey: off }),
  // Entering again is the same place.
  seckill.user('POST', '/seckill/activities/:id/queue', { priority: 'crowd', idempotencyKey: off }),
  seckill.user('GET', '/seckill/activities/:id/queue', { priority: 'crowd' }),
  seckill.user('GET', '/seckill/activities/:id/queue/events', { priority: 'crowd', kind: 'sse' }),
  seckill.user('POST', '/seckill/activities/:id/buy', {
    kind: 'buy',
    rate: 'buy',
    priority: 'crowd',
    timeoutMs: 2_000,
    bodyLimitBytes: kilobyte,
    // seckill-service keeps the key with the buyer's mark, in the same step as the purchase.
    idempotencyKey: { ...off, dedupes: true },
  }),
  seckill.winner('GET', '/seckill/activities/:id/reservations'),
  seckill.winner('GET', '/seckill/reservations/:id'),
  seckill.winner('GET', '/seckill/reservations/:id/events', { kind: 'sse' }),
  seckill.staff('seckill.write')('POST', '/admin/seckill/activities', { purges: 'activity' }),
  seckill.staff('seckill.read')('GET', '/admin/seckill/activities/:id'),
  seckill.staff('seckill.write')('PUT', '/admin/seckill/activities/:id', { purges: 'activity' }),
  seckill.staff('seckill.write')('POST', '/admin/seckill/warmup/:id', { purges: 'activity' }),
  seckill.staff('seckill.write')('POST', '/admin/seckill/activities/:id/pause', operation),
  seckill.staff('seckill.write')('POST', '/admin/seckill/activities/:id/resume', operation),
  seckill.staff('seckill.write')('POST', '/admin/seckill/activities/:id/close', operation),
  seckill.staff('seckill.write')('POST', '/admin/seckill/activities/:id/stock', operation),
  seckill.staff('seckill.write')('GET', '/admin/seckill/activities/:id/operations'),
  seckill.staff('seckill.read')('GET', '/admin/seckill/activities/:id/reconciliation', counting),
  seckill.staff('seckill.write')('POST', '/admin/seckill/activities/:id/repair', {
    ...counting,
    purges: 'activity',
  }),

  order.winner('GET', '/orders'),
  order.winner('POST', '/orders', { idempotencyKey: money }),
  order.winner('GET', '/orders/:id'),
  order.winner('POST', '/orders/:id/cancel'),
  order.winner('POST', '/orders/:id/pay', { idempotencyKey: money }),
  order.staff('order.read')('GET', '/admin/orders'),

  payment.winner('POST', '/payment/create', { idempotencyKey: money }),
  payment.winner('GET', '/payment/:id/status'),
  payment.callback('POST', '/payment/callback/mock'),

  notify.user('GET', '/notifications'),
  notify.user('GET', '/notifications/unread-count'),
  notify.user('POST', '/notifications/:id/read'),
  notify.user('POST', '/notifications/read-all'),
  notify.staff('alert.read')('GET', '/admin/alerts'),
];

/** The services that a route may lead to. */
export const upstreams = [...new Set(routes.map((route) => route.upstream))];
