import type { RateClass } from './config';

export interface GatewayRoute {
  methods: ('GET' | 'POST' | 'PUT' | 'DELETE')[];
  /** Express form. */
  path: string;
  upstream: string;
  /** `user`: a valid access token. Permissions are checked by the service that owns the resource. */
  auth: 'public' | 'user';
  rate: RateClass;
  timeoutMs: number;
}

const to = (upstream: string) => {
  const route =
    (auth: 'public' | 'user', rate: RateClass, timeoutMs: number) =>
    (methods: string, path: string): GatewayRoute => ({
      methods: methods.split(' ') as GatewayRoute['methods'],
      path: `/api/v1${path}`,
      upstream,
      auth,
      rate,
      timeoutMs,
    });
  return {
    open: route('public', 'read', 3_000),
    user: route('user', 'write', 5_000),
    login: route('public', 'login', 10_000),
    register: route('public', 'register', 10_000),
    session: route('public', 'session', 5_000),
    callback: route('public', 'callback', 5_000),
    buy: route('user', 'buy', 3_000),
  };
};

const user = to('user-service');
const auth = to('auth-service');
const product = to('product-service');
const seckill = to('seckill-service');
const order = to('order-service');
const payment = to('payment-service');
const notify = to('notify-service');

/** The whole public API, on one page. */
export const routes: GatewayRoute[] = [
  user.register('POST', '/user/register'),
  user.register('POST', '/register'),
  user.user('GET PUT', '/user/profile'),

  auth.login('POST', '/user/login'),
  auth.login('POST', '/login'),
  auth.session('POST', '/auth/refresh'),
  auth.user('POST', '/user/logout'),
  { ...auth.open('GET', ''), path: '/.well-known/jwks.json' },

  product.open('GET', '/products'),
  product.open('GET', '/products/:id'),
  product.open('GET', '/products/:id/stock'),
  product.user('POST', '/admin/products'),
  product.user('PUT', '/admin/products/:id'),
  product.user('POST', '/admin/products/:id/stock'),

  seckill.open('GET', '/seckill/activities'),
  seckill.open('GET', '/seckill/activities/:id'),
  seckill.open('GET', '/seckill/activities/:id/status'),
  // Purchases do not pass the proxy: hot-buy.ts takes them before Express sees them.
  seckill.buy('POST', '/seckill/activities/:id/buy'),
  seckill.user('GET', '/seckill/activities/:id/reservations'),
  seckill.user('GET', '/seckill/reservations/:id'),
  seckill.user('POST', '/admin/seckill/activities'),
  seckill.user('PUT', '/admin/seckill/activities/:id'),
  seckill.user('POST', '/admin/seckill/warmup/:id'),

  order.user('GET POST', '/orders'),
  order.user('GET', '/orders/:id'),
  order.user('POST', '/orders/:id/cancel'),
  order.user('POST', '/orders/:id/pay'),
  order.user('GET', '/admin/orders'),

  payment.user('POST', '/payment/create'),
  payment.user('GET', '/payment/:id/status'),
  payment.callback('POST', '/payment/callback/mock'),

  notify.user('GET', '/notifications'),
  notify.user('GET', '/notifications/unread-count'),
  notify.user('POST', '/notifications/:id/read'),
  notify.user('POST', '/notifications/read-all'),
];

export const upstreams = [...new Set(routes.map((route) => route.upstream))];
