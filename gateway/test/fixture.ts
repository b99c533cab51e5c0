import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { status } from '@grpc/grpc-js';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { createGrpcServer, serve, type GrpcServer } from '@onrush/chassis/grpc-server';
import { createMetrics, type Metrics } from '@onrush/chassis/metrics';
import { infrastructure, testNamespace } from '@onrush/chassis/testing/infrastructure';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createTestRedis, type TestRedis } from '@onrush/chassis/testing/redis';
import { freePort, startTestService } from '@onrush/chassis/testing/service';
import { createTestTokens, type TestTokens } from '@onrush/chassis/testing/tokens';
import { seckillService } from '@onrush/proto';
import type { BuyReply } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { BuyRequest__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { errors } from '../src/errors';
import { upstreams } from '../src/routes';

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

export interface FakeSeckill {
  server: GrpcServer;
  batches: BuyRequest__Output[][];
  decide: (request: BuyRequest__Output) => BuyReply | undefined;
  /** Breaks every open stream. */
  breakStreams(): void;
}

/** The real gateway on a real Redis; auth-service's keys, the upstreams and the purchase stream are played. */
export async function startFixture(label: string, changes: Partial<Config> = {}): Promise<Fixture> {
  const namespace = testNamespace(label);
  const tokens = createTestTokens();
  const keys = await generateKeyPair('EdDSA', { extractable: true });
  const upstream = await playUpstream({ ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'EdDSA' });
  const seckill = await playSeckill(tokens);
  const redis = await createTestRedis(namespace);
  const httpPort = await freePort();
  const { port: upstreamPort } = upstream.server.address() as AddressInfo;
  const instance = { address: '127.0.0.1', http_port: upstreamPort, grpc_port: seckill.server.port() };
  const limit = { rate: 1_000, burst: 10_000 };
  const config: Config = {
    namespace,
    host: '127.0.0.1',
    httpPort,
    grpcPort: 0,
    managementPort: 0,
    advertiseAddress: '127.0.0.1',
    dnsSuffix: '',
    dnsHttpPort: 8_080,
    dnsGrpcPort: 9_090,
    dnsRefreshMs: 2_000,
    dnsServers: [],
    serviceVersion: '0.1.0',
    canary: false,
    logLevel: 'silent',
    drainDelayMs: 0,
    discovery: 'static',
    consulHttpAddr: '127.0.0.1:1',
    staticServices: Object.fromEntries(upstreams.map((name) => [name, [instance]])),
    ...tokens.files('gateway'),
    redisUrl: infrastructure().redisUrl,
    rateLimits: {
      login: { rate: 0.2, burst: 8 },
      register: limit,
      session: limit,
      read: limit,
      write: limit,
      buy: { rate: 1, burst: 40 },
      callback: limit,
    },
    trustedHops: 0,
    corsOrigins: ['https://shop.example'],
    canaryHeaderEnabled: true,
    bodyLimitBytes: 65_536,
    buyTimeoutMs: 500,
    ...changes,
  };
  const running = await startTestService(createApp, config);
  const url = `http://127.0.0.1:${httpPort}`;
  return {
    url,
    port: httpPort,
    config,
    tokens,
    redis,
    metrics: running.metrics,
    upstream,
    seckill,
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
    async stop() {
      await running.stop();
      await seckill.server.stop();
      upstream.server.closeAllConnections();
      upstream.server.close();
      await redis.cleanup();
    },
  };
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

async function playSeckill(tokens: TestTokens): Promise<FakeSeckill> {
  const open = new Set<{ emit(event: 'error', error: object): unknown }>();
  let nextNumber = 1;
  const state: Omit<FakeSeckill, 'server'> = {
    batches: [],
    decide: () => ({ orderNo: String(nextNumber++), reservationId: String(nextNumber++) }),
    breakStreams: () =>
      open.forEach((stream) => stream.emit('error', { code: status.UNAVAILABLE, details: 'gone' })),
  };
  const service = serve(seckillService, {
    BuyStream: {
      allow: ['gateway'],
      duplex: (stream) => {
        open.add(stream);
        stream.on('error', () => undefined);
        stream.on('data', ({ requests }: { requests: BuyRequest__Output[] }) => {
          state.batches.push(requests);
          const replies = requests.flatMap((request) => {
            const reply = state.decide(request);
            return reply ? [{ ...reply, callId: request.callId }] : [];
          });
          if (replies.length > 0) stream.write({ replies });
        });
      },
    },
  });
  const server = createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [service],
    tokens: tokens.of('seckill-service'),
    errors,
    logger: silentLogger,
    metrics: createMetrics({ service: 'seckill' }),
  });
  await server.start();
  return Object.assign(state, { server });
}
