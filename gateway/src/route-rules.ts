import { z } from 'zod';
import { limitsSchema } from './limits/limits';
import { longestTimeoutMs, upstreams, type GatewayRoute, type Method } from './routes';

const methods = ['GET', 'POST', 'PUT', 'DELETE'] as const;

/** What an operator may say of a route; what is not said stays as it is in routes.ts. */
const routeRule = z.strictObject({
  enabled: z.boolean().optional(),
  upstream: z.enum(upstreams as [string, ...string[]]).optional(),
  /** `public`, `user`, or `permission:product.write`. */
  auth: z
    .string()
    .regex(
      /^(public|user|permission:[a-z]+\.[a-z*]+)$/,
      'expected public, user or permission:<area>.<action>',
    )
    .optional(),
  rate: z.enum(limitsSchema.keyof().options).optional(),
  priority: z.enum(['crowd', 'normal', 'winner']).optional(),
  timeout_ms: z.int().min(50).max(longestTimeoutMs).optional(),
  body_limit_bytes: z.int().min(0).max(1_048_576).optional(),
  body: z.enum(['json', 'raw']).optional(),
  idempotency_key: z.enum(['off', 'accepted', 'required']).optional(),
  idempotency_keep_hours: z.int().min(24).max(720).optional(),
  cache: z
    .union([
      z.literal(false),
      z.strictObject({
        ttl_ms: z.int().min(50).max(86_400_000),
        stale_ms: z.int().min(0).max(86_400_000).default(0),
        tag: z.string().min(1).max(64).default('operator'),
      }),
    ])
    .optional(),
  canary: z.boolean().optional(),
  kind: z.enum(['call', 'sse', 'websocket']).optional(),
});

type RouteRule = z.output<typeof routeRule>;

/** By `METHOD /path`: those of the table change, others are new and have to name their upstream and who may. */
export const routeRules = z.record(z.string(), routeRule);
export type RouteRules = z.output<typeof routeRules>;

/** The table with the operators' rules over it, or every problem of these. */
export function applyRouteRules(
  table: GatewayRoute[],
  rules: RouteRules,
): { routes: GatewayRoute[]; problems: string[] } {
  const single = table.flatMap((route) => route.methods.map((method) => ({ ...route, methods: [method] })));
  const byKey = new Map(single.map((route) => [`${route.methods[0]} ${route.path}`, route]));
  const problems: string[] = [];
  for (const [key, rule] of Object.entries(rules)) {
    if (rule.enabled === false) {
      if (!byKey.delete(key)) problems.push(`${key}: is no route, so it cannot be disabled`);
      continue;
    }
    const known = byKey.get(key);
    const route = withRule(known ?? newRoute(key), rule);
    problems.push(...problemsOf(key, route, rule, known));
    byKey.set(key, route);
  }
  problems.push(...twiceNamed([...byKey.keys()]));
  return { routes: [...byKey.values()], problems };
}

/** `/orders/:x` is where `/orders/:id` is: the router would serve the later of the two, and nobody would see the other go. */
function twiceNamed(keys: string[]): string[] {
  const keyOf = new Map<string, string>();
  return keys.flatMap((key) => {
    const place = key.replace(/:[^/]+/g, ':');
    const before = keyOf.get(place);
    keyOf.set(place, key);
    return before === undefined ? [] : [`${key}: is where ${before} is, so it has to be called that`];
  });
}

function newRoute(key: string): GatewayRoute {
  const [method = '', path = ''] = key.split(' ');
  return {
    methods: [method as Method],
    path,
    upstream: '',
    auth: 'user',
    rate: method === 'GET' ? 'read' : 'write',
    priority: 'normal',
    timeoutMs: 5_000,
    bodyLimitBytes: 65_536,
    body: 'json',
    idempotencyKey: { use: 'accepted', keepHours: 24, dedupes: false },
    canary: true,
    kind: 'call',
  };
}

function withRule(route: GatewayRoute, rule: RouteRule): GatewayRoute {
  const { idempotencyKey } = route;
  return {
    ...route,
    upstream: rule.upstream ?? route.upstream,
    auth: rule.auth === undefined ? route.auth : authOf(rule.auth),
    rate: rule.rate ?? route.rate,
    priority: rule.priority ?? route.priority,
    timeoutMs: rule.timeout_ms ?? route.timeoutMs,
    bodyLimitBytes: rule.body_limit_bytes ?? route.bodyLimitBytes,
    body: rule.body ?? route.body,
    idempotencyKey: {
      ...idempotencyKey,
      use: rule.idempotency_key ?? idempotencyKey.use,
      keepHours: rule.idempotency_keep_hours ?? Math.max(idempotencyKey.keepHours, 24),
    },
    cache: rule.cache === undefined ? route.cache : cacheOf(rule.cache),
    canary: rule.canary ?? route.canary,
    kind: rule.kind ?? route.kind,
  };
}

const authOf = (text: string): GatewayRoute['auth'] =>
  text === 'public' || text === 'user' ? text : { permission: text.slice('permission:'.length) };

const cacheOf = (cache: Exclude<RouteRule['cache'], undefined>): GatewayRoute['cache'] =>
  cache === false ? undefined : { ttlMs: cache.ttl_ms, staleMs: cache.stale_ms, tag: cache.tag };

const keyForm = new RegExp(`^(${methods.join('|')}) (/(:?[A-Za-z0-9._~-]+))+$`);

function problemsOf(
  key: string,
  route: GatewayRoute,
  rule: RouteRule,
  known: GatewayRoute | undefined,
): string[] {
  const problems: string[] = [];
  const complain = (text: string) => problems.push(`${key}: ${text}`);
  if (!keyForm.test(key)) complain('expected "METHOD /path", such as "GET /api/v1/products/:id"');
  if (!known && (!rule.upstream || !rule.auth))
    complain('is not in the table, so it has to name its upstream and auth');
  const isRead = route.methods[0] === 'GET';
  if (route.cache && (!isRead || route.auth !== 'public' || route.kind !== 'call'))
    complain('only what anybody may GET can be cached');
  if (rule.idempotency_key === 'required' && isRead) complain('a GET needs no Idempotency-Key');
  if (known?.kind === 'buy' && (rule.kind || rule.upstream || rule.auth || rule.idempotency_key || rule.body))
    complain('the purchase keeps its kind, its upstream, its body, its key rule and who may');
  if (route.kind !== 'call' && route.kind !== 'buy' && !isRead)
    complain(`a ${route.kind} is opened with GET`);
  return problems;
}
