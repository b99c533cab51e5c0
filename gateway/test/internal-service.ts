import { readFileSync } from 'node:fs';
import { importJWK, SignJWT, type JWK, type JWTPayload } from 'jose';
import { z } from 'zod';
import { createGrpcServer, serve, type GrpcServer } from '@onrush/chassis/grpc-server';
import { route } from '@onrush/chassis/http-routes';
import { createHttpServer, type HttpServer } from '@onrush/chassis/http-server';
import { createMetrics } from '@onrush/chassis/metrics';
import { currentContext } from '@onrush/chassis/request-context';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { createTestTokens } from '@onrush/chassis/testing/tokens';
import { userService } from '@onrush/proto';
import { errors } from '../src/errors';

export const user = { id: '471100815', username: 'mei', roles: ['user'], permissions: [] };
export const seconds = () => Math.floor(Date.now() / 1000);

export interface InternalService {
  http: HttpServer;
  grpc: GrpcServer;
  /** What it logged. */
  lines: ReturnType<typeof recordingLogger>['lines'];
  /** Of each gRPC call that was carried out. */
  deadlines: (number | undefined)[];
  /** Of each HTTP request that was carried out. */
  bodies: unknown[];
  /** A token signed with that service's key, in everything else as bent as a test wants it. */
  forge(signer: string, claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  forget(): void;
  stop(): Promise<unknown>;
}

/** A service as every one is: a gRPC port for one caller, an HTTP port for the gateway. A test calls it directly. */
export async function startInternalService(): Promise<InternalService> {
  const tokens = createTestTokens();
  const { logger, lines } = recordingLogger();
  const deadlines: InternalService['deadlines'] = [];
  const bodies: unknown[] = [];
  const common = { host: '127.0.0.1', port: 0, tokens: tokens.of('user-service'), errors, logger };
  const account = { id: '1', username: 'mei', roles: [], permissions: [] };
  const service = serve(userService, {
    GetUser: {
      allow: ['order-service'],
      unary: () => {
        deadlines.push(currentContext()?.deadline);
        return Promise.resolve(account);
      },
    },
  });
  const whoAmI = route(
    'POST /api/v1/whoami',
    { summary: 'Who', access: 'user', body: z.strictObject({}), reply: z.string() },
    ({ user: { id }, body }) => {
      bodies.push(body);
      return Promise.resolve(id);
    },
  );
  const metrics = () => createMetrics({ service: 'test' });
  const grpc = createGrpcServer({ ...common, services: [service], metrics: metrics() });
  const http = createHttpServer({ ...common, routes: [whoAmI], metrics: metrics() });
  await Promise.all([grpc.start(), http.start()]);
  return {
    http,
    grpc,
    lines,
    deadlines,
    bodies,
    async forge(signer, claims = {}, header = {}) {
      const jwk = JSON.parse(readFileSync(tokens.files(signer).internalPrivateKey, 'utf8')) as JWK;
      const standard = { iss: signer, aud: 'user-service', iat: seconds(), exp: seconds() + 60, user };
      return new SignJWT({ ...standard, ...claims })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'onrush-internal+jwt', kid: signer, ...header })
        .sign(await importJWK(jwk, 'EdDSA'));
    },
    forget() {
      for (const list of [lines, deadlines, bodies]) list.length = 0;
    },
    stop: () => Promise.all([grpc.stop(), http.stop()]),
  };
}
