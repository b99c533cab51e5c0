import type { Discovery } from './discovery';
import { type CommonErrors, type serviceDigits } from './errors';
import { createGrpcServer, type ServedService } from './grpc-server';
import type { Route } from './http-routes';
import { createHttpServer } from './http-server';
import type { InternalTokens } from './internal-tokens';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { Metrics } from './metrics';
import { openApiDocument } from './openapi';

export interface EdgeOptions {
  service: keyof typeof serviceDigits;
  config: {
    host: string;
    httpPort: number;
    grpcPort: number;
    advertiseAddress: string;
    serviceVersion: string;
    canary: boolean;
  };
  errors: CommonErrors;
  routes: Route[];
  grpc: ServedService[];
  tokens: InternalTokens;
  discovery: Discovery;
  /** The bearer tokens of programs that some routes are for. */
  programs?: Record<string, string>;
  logger: Logger;
  metrics: Metrics;
}

export interface Edge {
  /** HTTP server, gRPC server and the registration, in start order: nobody is sent here before it listens. */
  components: Component[];
  openApi: () => unknown;
  httpPort(): number;
  grpcPort(): number;
}

/** How a service is reached: one HTTP port (for the gateway), one gRPC port (for the fleet), announced to the registry. */
export function createEdge(options: EdgeOptions): Edge {
  const { config, service, discovery } = options;
  const openApi = () =>
    openApiDocument({
      title: service,
      version: config.serviceVersion,
      routes: options.routes,
      errors: options.errors.all,
    });
  const http = createHttpServer({ ...options, host: config.host, port: config.httpPort, openApi });
  const grpc = createGrpcServer({
    ...options,
    host: config.host,
    port: config.grpcPort,
    services: options.grpc,
  });
  const idOf = () => `${service}-${config.advertiseAddress}:${grpc.port()}`;
  const registration: Component = {
    name: 'registration',
    announces: true,
    start: () =>
      discovery.register({
        id: idOf(),
        service,
        address: config.advertiseAddress,
        httpPort: http.port(),
        grpcPort: grpc.port(),
        version: config.serviceVersion,
        canary: config.canary,
      }),
    stop: () => discovery.deregister(idOf()),
  };
  return {
    components: [http, grpc, registration],
    openApi,
    httpPort: http.port,
    grpcPort: grpc.port,
  };
}
