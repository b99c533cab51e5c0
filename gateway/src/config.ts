import {
  commaList,
  integer,
  jsonOr,
  loadConfig,
  processConfig,
  redisConfig,
  workersConfig,
} from '@onrush/chassis/config';
import { z } from 'zod';
import { unknownApiKey } from './identity/api-keys';
import { canarySchema } from './canary/canary-rules';
import { limitChangesSchema, limitsSchema } from './limits/limits';
import { applyRouteRules, routeRules, type RouteRules } from './route-rules';
import { routes as table } from './routes';

const apiKeys = z
  .record(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/), z.string().regex(/^[0-9a-f]{64}$/))
  .refine((keys) => !(unknownApiKey in keys), `no key can be called ${unknownApiKey}`)
  .refine((keys) => new Set(Object.values(keys)).size === Object.keys(keys).length, 'two names for one key');

/** Rules that, over those before, make a table without a contradiction. */
const rulesOver = (before: RouteRules) =>
  routeRules.superRefine((rules, context) => {
    const { problems } = applyRouteRules(table, { ...before, ...rules });
    for (const message of problems) context.addIssue({ code: 'custom', message });
  });

const schema = z.object({
  ...processConfig,
  ...redisConfig,
  ...workersConfig,
  /** Brokers that tell which kept answers are no longer true; without them an answer is kept for its time. */
  kafkaBrokers: commaList.default([]),
  /** By `METHOD /path`: what is to be otherwise than in the table of routes. */
  routes: jsonOr(rulesOver({})).default({}),
  /** By upstream: who is served by its canary, and when that ends by itself. */
  canaries: jsonOr(canarySchema).default({}),
  /** By rate class and scope: token buckets `{ rate, burst }`, sliding windows `{ quota, window_seconds }`, null for none. */
  rateLimits: jsonOr(limitsSchema).default(limitsSchema.parse({})),
  /** Names of API keys, and the SHA-256 of each in hex. */
  apiKeys: jsonOr(apiKeys).default({}),
  /** How many proxies in front of us add to X-Forwarded-For; 0: the peer is the client. */
  trustedHops: integer(0, 10).default(0),
  /** Names that are served, with or without port; any unless said. */
  allowedHosts: commaList.default([]),
  /** Origins of browsers that may call; none unless said. */
  corsOrigins: commaList.default([]),
  /** Memory for the answers that are kept, in each process. */
  cacheMaxBytes: integer(65_536, 1_073_741_824).default(67_108_864),
  /** Access tokens that were checked and are kept in each process until they expire, at about a kilobyte each; beyond, the oldest go. */
  verifiedTokensLimit: integer(1_000, 10_000_000).default(200_000),
  /** WebSockets and event streams that one process holds. */
  maxStreams: integer(1, 100_000).default(10_000),
  /** Connections of clients that one process holds. More files than these have to be allowed (`ulimit -n`): those to upstreams come on top. */
  maxConnections: integer(1, 1_000_000).default(16_000),
  /** Connections that one address has with one process: as many as may buy from it at once, since a carrier shows thousands as one. */
  maxConnectionsPerAddress: integer(1, 1_000_000).default(2_000),
});

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

/** What may change while the gateway runs (live-settings.ts), over what it was started with. */
export const dynamicSchemaOver = (config: Pick<Config, 'routes'>) =>
  z.strictObject({
    rate_limits: limitChangesSchema.optional(),
    canaries: canarySchema.optional(),
    routes: rulesOver(config.routes).optional(),
  });

export const readConfig = (): Config => loadConfig({ service: 'gateway', schema });
