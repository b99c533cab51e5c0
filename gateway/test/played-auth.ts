import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { createStaticDiscovery, type StaticInstance } from '@onrush/chassis/discovery';
import { createGrpcClient, type GrpcClient } from '@onrush/chassis/grpc-client';
import { createGrpcServer, serve } from '@onrush/chassis/grpc-server';
import { createMetrics } from '@onrush/chassis/metrics';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createTestTokens, type TestTokens } from '@onrush/chassis/testing/tokens';
import { authService } from '@onrush/proto';
import type { IpRule } from '@onrush/proto/gen/onrush/auth/v1/IpRule';
import { errors } from '../src/errors';

interface Stream {
  write(message: object): unknown;
  emit(event: 'error', error: object): unknown;
}

/** auth-service, played: its two streams and its keys, with knobs. */
export interface PlayedAuth {
  instance: StaticInstance;
  /** What its JWKS says. */
  published: JWK[];
  /** Requests for the keys so far. */
  fetches: number;
  /** How it answers those; as `published` says unless a test has other plans. */
  jwksStatus: number;
  /** Ended sessions, by id: when they may be forgotten. A new stream gets all of them. */
  revoked: Map<string, number>;
  rules: IpRule[];
  /** Streams open now. */
  streams: Set<Stream>;
  /** Whether new streams get their snapshot. */
  isSilent: boolean;
  revoke(sessionId: string, forgetAt?: number): void;
  tellRules(rules: IpRule[]): void;
  heartbeat(): void;
  breakStreams(): void;
  stop(): Promise<void>;
}

export async function playAuth(tokens: TestTokens = createTestTokens()): Promise<PlayedAuth> {
  const revocations = new Set<Stream>();
  const ipRules = new Set<Stream>();
  const http = createServer((request: IncomingMessage, response) => {
    state.fetches += 1;
    response.statusCode = request.url === '/.well-known/jwks.json' ? state.jwksStatus : 404;
    response.end(JSON.stringify({ keys: state.published }));
  });
  const toAll = (streams: Set<Stream>, message: object) => streams.forEach((stream) => stream.write(message));
  const opened = (of: Set<Stream>, stream: Stream & { on(event: string, listener: () => void): unknown }) => {
    for (const set of [of, state.streams]) set.add(stream);
    const gone = () => [of, state.streams].forEach((set) => set.delete(stream));
    for (const event of ['cancelled', 'error']) stream.on(event, gone);
  };
  const batch = (ids: Iterable<[string, number]>, isSnapshot: boolean) => ({
    revocations: [...ids].map(([sessionId, forgetAt]) => ({ sessionId, revokedAt: Date.now(), forgetAt })),
    snapshot: isSnapshot,
    snapshotComplete: isSnapshot,
  });
  const state: Omit<PlayedAuth, 'instance' | 'stop'> = {
    published: [],
    fetches: 0,
    jwksStatus: 200,
    revoked: new Map(),
    rules: [],
    streams: new Set(),
    isSilent: false,
    revoke(sessionId, forgetAt = Date.now() + 660_000) {
      state.revoked.set(sessionId, forgetAt);
      toAll(revocations, batch([[sessionId, forgetAt]], false));
    },
    tellRules(rules) {
      state.rules = rules;
      toAll(ipRules, { whole: true, rules });
    },
    heartbeat: () => toAll(state.streams, {}),
    breakStreams: () =>
      [...state.streams].forEach((stream) => stream.emit('error', { code: 14, details: 'gone' })),
  };
  const service = serve(authService, {
    Revocations: {
      allow: ['gateway'],
      serverStream: (stream) => {
        opened(revocations, stream);
        if (!state.isSilent) stream.write(batch(state.revoked, true));
      },
    },
    IpRules: {
      allow: ['gateway'],
      serverStream: (stream) => {
        opened(ipRules, stream);
        if (!state.isSilent) stream.write({ whole: true, rules: state.rules });
      },
    },
  });
  const grpc = createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [service],
    tokens: tokens.of('auth-service'),
    errors,
    logger: silentLogger,
    metrics: createMetrics({ service: 'auth' }),
  });
  await Promise.all([grpc.start(), listen(http)]);
  const { port } = http.address() as AddressInfo;
  return Object.assign(state, {
    instance: { address: '127.0.0.1', http_port: port, grpc_port: grpc.port() },
    async stop() {
      state.breakStreams();
      http.closeAllConnections();
      http.close();
      await grpc.stop();
    },
  });
}

const listen = (server: Server) =>
  new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));

/** What a component of the gateway needs to find these instances. */
export function gatewayTo(instances: StaticInstance[], tokens: TestTokens) {
  const discovery = createStaticDiscovery({ 'auth-service': instances });
  const metrics = createMetrics({ service: 'gateway' });
  const client: GrpcClient<typeof authService> = createGrpcClient({
    service: 'auth-service',
    definition: authService,
    discovery,
    tokens: tokens.of('gateway'),
    errors,
    metrics,
  });
  return { discovery, metrics, client, tokens: tokens.of('gateway') };
}

export interface SigningKey {
  publicJwk: JWK;
  privateKey: CryptoKey;
  /** A good token of that session; claims and header may be bent. */
  sign(claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
}

export async function createSigningKey(kid: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  return {
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' },
    privateKey,
    sign(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000);
      const own = { sub: '42', sid: '7', username: 'mei', roles: ['user'], permissions: [] };
      const standard = { iss: 'onrush', aud: 'onrush-api', jti: 'j', iat: now, exp: now + 600 };
      return new SignJWT({ ...standard, ...own, ...claims })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid, ...header })
        .sign(privateKey);
    },
  };
}
