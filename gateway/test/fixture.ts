import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { infrastructure, testNamespace } from '@onrush/chassis/testing/infrastructure';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createTestRedis, type TestRedis } from '@onrush/chassis/testing/redis';
import { freePort, startTestService } from '@onrush/chassis/testing/service';
import { createTestTokens, type TestTokens } from '@onrush/chassis/testing/tokens';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import type { ClassLimits } from '../src/limits/limits';
import { upstreams } from '../src/routes';
import { playAuth, type PlayedAuth } from './played-auth';
import { playSeckill, type FakeSeckill } from './played-seckill';

export interface Answer {
  status: number;
  headers: Headers;
  body: { code: number; message: string; data: never; trace_id: string; errors?: { field: string }[] };
}

/** What an upstream saw. */
export interface Seen {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Fixture {
  url: string;
  port: number;
  config: Config;
  tokens: TestTokens;
  redis: TestRedis;
  metrics: Metrics;
  upstream: FakeUpstream;
  seckill: FakeSeckill;
  auth: PlayedAuth;
  /** An access token; claims and header may be bent. */
  accessToken(claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  call(
    at: string,
    options?: { token?: string; body?: unknown; rawBody?: string; headers?: Record<string, string> },
  ): Promise<Answer>;
  stop(): Promise<void>;
}

export interface FakeUpstream {
  server: Server;
  seen: Seen[];
  /** How it answers; 200 and an empty envelope unless a test says otherwise. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface FixtureOptions {
  /** What has to be there before the gateway starts. */
  prepare?: (config: Config) => Promise<void>;
  /** Where the gateway's lines go; nowhere unless said. */
  logger?: Logger;
}

/** The real gateway on a real Redis; auth-service's keys, the upstreams and the purchase stream are played. */
export async function startFixture(
  label: string,
  changes: Partial<Config> = {},
  /** Instances of services that are to be others than the played ones. */
  others: Config['staticServices'] = {},
  { prepare, logger = silentLogger }: FixtureOptions = {},
): Promise<Fixture> {
  const namespace = testNamespace(label);
  const tokens = createTestTokens();
  const keys = await generateKeyPair('EdDSA', { extractable: true });
  const upstream = await playUpstream({ ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'EdDSA' });
  const auth = await playAuth(tokens);
  const seckill = await playSeckill(tokens);
  const redis = await createTestRedis(namespace);
  const httpPort = await freePort();
  const { port: upstreamPort } = upstream.server.address() as AddressInfo;
  const instance = { address: '127.0.0.1', http_port: upstreamPort, grpc_port: seckill.server.port() };
  const limit = { rate: 1_000, burst: 10_000 };
  const limits: ClassLimits = { user: limit, address: limit, without_redis: 'local' };
  const config: Config = {
    namespace,
    host: '127.0.0.1',
    httpPort,
    grpcPort: 0,
    managementPort: 0,
    advertiseAddress: '127.0.0.1',
    serviceVersion: '0.1.0',
    canary: false,
    logLevel: 'silent',
    drainDelayMs: 0,
    discovery: 'static',
    consulHttpAddr: '127.0.0.1:1',
    workers: 1,
    dnsSuffix: '',
    dnsHttpPort: 8_080,
    dnsGrpcPort: 9_090,
    dnsRefreshMs: 2_000,
    dnsServers: [],
    staticServices: {
      ...Object.fromEntries(upstreams.map((name) => [name, [instance]])),
      'auth-service': [{ ...instance, grpc_port: auth.instance.grpc_port }],
      ...others,
    },
    ...tokens.files('gateway'),
    redisUrl: infrastructure().redisUrl,
    rateLimits: {
      login: { address: { quota: 8, window_seconds: 40 }, without_redis: 'closed' },
      code: { address: { quota: 8, window_seconds: 40 }, without_redis: 'closed' },
      register: limits,
      session: limits,
      read: limits,
      write: limits,
      buy: { user: { rate: 1, burst: 40 }, address: limit, without_redis: 'local' },
      callback: limits,
    },
    apiKeys: {},
    trustedHops: 0,
    corsOrigins: ['https://shop.example'],
    kafkaBrokers: [],
    // Nothing is kept, unless a test is about that: each request is to be seen by its upstream.
    routes: {
      'POST /api/v1/seckill/activities/:id/buy': { timeout_ms: 500 },
      'GET /api/v1/products': { cache: false },
      'GET /api/v1/products/:id': { cache: false },
    },
    canaries: {},
    allowedHosts: [],
    cacheMaxBytes: 1_048_576,
    verifiedTokensLimit: 200_000,
    maxStreams: 100,
    maxConnections: 10_000,
    maxConnectionsPerAddress: 10_000,
    ...changes,
  };
  await prepare?.(config);
  const running = await startTestService(createApp, config, { logger });
  const url = `http://127.0.0.1:${httpPort}`;
  let stopping: Promise<void> | undefined;
  return {
    url,
    port: httpPort,
    config,
    tokens,
    redis,
    metrics: running.metrics,
    upstream,
    seckill,
    auth,
    accessToken: (claims, header) => sign(keys.privateKey, claims, header),
    async call(at, { token, body, rawBody, headers = {} } = {}) {
      const [method = 'GET', path = '/'] = at.split(' ');
      const text = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(text !== undefined && { 'content-type': 'application/json' }),
          ...(token && { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(text !== undefined && { body: text }),
      });
      const answer = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: (answer.startsWith('{') ? JSON.parse(answer) : answer) as Answer['body'],
      };
    },
    stop: () => (stopping ??= stop()),
  };

  async function stop(): Promise<void> {
    await running.stop();
    await auth.stop();
    await seckill.server.stop();
    upstream.server.closeAllConnections();
    upstream.server.close();
    await redis.cleanup();
  }
}

const sign = (
  key: CryptoKey,
  claims: JWTPayload = {},
  header: Record<string, unknown> = {},
): Promise<string> => {
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    iss: 'onrush',
    aud: 'onrush-api',
    sub: '42',
    jti: 'j',
    iat: now,
    exp: now + 600,
    username: 'mei',
    roles: ['user'],
    permissions: [],
    ...claims,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1', ...header })
    .sign(key);
};

async function playUpstream(publicKey: JWK): Promise<FakeUpstream> {
  const state: FakeUpstream = {
    seen: [],
    answer: (_request, response) =>
      response
        .setHeader('content-type', 'application/json')
        .end('{"code":0,"message":"success","data":null,"trace_id":"t"}'),
    server: createServer((request, response) => {
      if (request.url === '/.well-known/jwks.json')
        return response.end(JSON.stringify({ keys: [publicKey] }));
      if (request.url === '/openapi.json') return response.end(JSON.stringify(document));
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        state.seen.push({
          method: request.method ?? '',
          url: request.url ?? '',
          headers: request.headers,
          body,
        });
        state.answer(request, response);
      });
    }),
  };
  await new Promise<void>((resolve) => state.server.listen(0, '127.0.0.1', resolve));
  return state;
}

const document = {
  paths: {
    '/api/v1/products': { get: { responses: { default: { $ref: '#/components/schemas/Failure' } } } },
    '/secret': { get: {} },
  },
  components: { schemas: { Failure: { type: 'object' } } },
};
