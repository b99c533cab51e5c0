import * as grpc from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { HealthImplementation } from 'grpc-health-check';
import { randomUUID } from 'node:crypto';
import type { CommonErrors } from './errors';
import { toGrpcError } from './grpc-errors';
import { internalTokenHeader, type InternalTokens, type VerifiedCaller } from './internal-tokens';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { Metrics } from './metrics';
import { runInContext, traceIdOf, type RequestContext } from './request-context';
import { asAppError } from './transient';

type AnyMethod = MethodDefinition<object, object, object, object>;
type Request<M> = M extends MethodDefinition<infer _I, infer _R, infer Output, infer _O> ? Output : never;
type Response<M> = M extends MethodDefinition<infer _I, infer R, infer _Q, infer _O> ? R : never;

/** What a method is served by: unary methods return a promise, streaming methods own their stream. */
export type UnaryHandler<M> = (request: Request<M>, caller: VerifiedCaller) => Promise<Response<M>>;
export type StreamHandler<M> = (
  stream: grpc.ServerDuplexStream<Request<M>, Response<M>>,
  caller: VerifiedCaller,
) => void;

export type ServerStreamHandler<M> = (
  stream: grpc.ServerWritableStream<Request<M>, Response<M>>,
  caller: VerifiedCaller,
) => void;

export interface ServedMethod<M = AnyMethod> {
  /** The services that may call it; everybody else gets PERMISSION_DENIED. */
  allow: string[];
  unary?: UnaryHandler<M>;
  duplex?: StreamHandler<M>;
  /** One request, many answers. */
  serverStream?: ServerStreamHandler<M>;
}

export interface ServedService {
  definition: grpc.ServiceDefinition;
  methods: Record<string, ServedMethod>;
}

/** The methods a definition names, without the index signature that generated definitions inherit. */
export type Methods<D> = { [K in keyof D as string extends K ? never : number extends K ? never : K]: D[K] };

/** Binds handlers to a service definition; a method without a handler answers UNIMPLEMENTED. */
export function serve<D extends grpc.ServiceDefinition>(
  definition: D,
  methods: { [M in keyof Methods<D>]?: ServedMethod<Methods<D>[M]> },
): ServedService {
  return { definition, methods: methods as unknown as Record<string, ServedMethod> };
}

export interface GrpcServerOptions {
  host: string;
  port: number;
  services: ServedService[];
  tokens: InternalTokens;
  errors: CommonErrors;
  logger: Logger;
  metrics: Metrics;
  /** For calls that come without a deadline; longer ones are cut to it. */
  maxDeadlineMs?: number;
}

export interface GrpcServer extends Component {
  /** The port it listens on, known after start. */
  port(): number;
}

const maxMessageBytes = 4 * 1024 * 1024;

/** Serves gRPC with health (grpc.health.v1); every handler runs with a verified caller, a deadline and a request context. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_metadata_size': 16 * 1024,
  });
  const health = new HealthImplementation({ '': 'NOT_SERVING' });
  const wrap = createWrapper(options);
  let boundPort = 0;

  for (const service of options.services) {
    const handlers: grpc.UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(service.methods)) {
      const path = service.definition[name]?.path ?? name;
      if (method.unary) handlers[name] = wrap.unary(path, method, method.unary);
      if (method.duplex) handlers[name] = wrap.duplex(path, method, method.duplex);
      if (method.serverStream) handlers[name] = wrap.serverStream(path, method, method.serverStream);
    }
    server.addService(service.definition, handlers);
  }
  health.addToServer(server);

  return {
    name: 'grpc server',
    port: () => boundPort,
    async start() {
      const address = `${options.host}:${options.port}`;
      boundPort = await new Promise<number>((resolve, reject) =>
        server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) =>
          error ? reject(error) : resolve(port),
        ),
      );
      health.setStatus('', 'SERVING');
    },
    async stop() {
      health.setStatus('', 'NOT_SERVING');
      const forced = setTimeout(() => server.forceShutdown(), 5_000);
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      clearTimeout(forced);
    },
  };
}

function createWrapper(options: GrpcServerOptions) {
  const { tokens, errors, logger } = options;
  const maxDeadlineMs = options.maxDeadlineMs ?? 10_000;
  const duration = options.metrics.histogram('grpc_server_duration_seconds', 'gRPC calls served', [
    'method',
    'code',
  ]);
  const streams = options.metrics.gauge('grpc_server_streams', 'gRPC streams that are open', ['method']);

  async function authenticate(metadata: grpc.Metadata, allow: string[]): Promise<VerifiedCaller> {
    const token = metadata.get(internalTokenHeader)[0];
    if (typeof token !== 'string') throw errors.unauthenticated();
    const caller = await tokens.verify(token).catch((cause: unknown) => {
      throw errors.unauthenticated({ cause });
    });
    if (!allow.includes(caller.service)) throw errors.permissionDenied({ meta: { caller: caller.service } });
    return caller;
  }

  function contextOf(call: grpc.ServerUnaryCall<object, object>, caller: VerifiedCaller): RequestContext {
    const latest = Date.now() + maxDeadlineMs;
    const asked = Number(call.getDeadline());
    return {
      requestId: String(call.metadata.get('x-request-id')[0] ?? randomUUID()),
      traceId: traceIdOf(call.metadata.get('traceparent')[0] as string | undefined),
      caller: caller.service,
      ...(caller.user && { user: caller.user }),
      deadline: Number.isFinite(asked) ? Math.min(asked, latest) : latest,
    };
  }

  function failed(path: string, error: unknown): Partial<grpc.StatusObject> {
    const known = asAppError(error, errors);
    if (known.status === 'INTERNAL')
      logger.error('grpc call failed', { method: path, error: known.cause ?? known });
    return toGrpcError(known);
  }

  /** Nothing is read until the caller is verified: messages wait in the stream's buffer. */
  function open<S extends Opened>(
    path: string,
    stream: S,
    begin: { allow: string[]; handle: (stream: S, caller: VerifiedCaller) => void },
  ): void {
    const end = duration.startTimer({ method: path });
    streams.inc({ method: path });
    stream.once('close', () => streams.dec({ method: path }));
    authenticate(stream.metadata, begin.allow)
      .then((caller) => {
        begin.handle(stream, caller);
        end({ code: 'OK' });
      })
      .catch((error: unknown) => {
        const answer = failed(path, error);
        end({ code: grpc.status[answer.code ?? grpc.status.INTERNAL] });
        stream.emit('error', answer);
      });
  }

  return {
    unary: (
      path: string,
      method: ServedMethod,
      handle: UnaryHandler<AnyMethod>,
    ): grpc.handleUnaryCall<object, object> => {
      return (call, callback) => {
        const end = duration.startTimer({ method: path });
        authenticate(call.metadata, method.allow)
          .then((caller) => runInContext(contextOf(call, caller), () => handle(call.request, caller)))
          .then((response) => {
            end({ code: 'OK' });
            callback(null, response);
          })
          .catch((error: unknown) => {
            const answer = failed(path, error);
            end({ code: grpc.status[answer.code ?? grpc.status.INTERNAL] });
            callback(answer);
          });
      };
    },
    duplex:
      (
        path: string,
        { allow }: ServedMethod,
        handle: StreamHandler<AnyMethod>,
      ): grpc.handleBidiStreamingCall<object, object> =>
      (stream) =>
        open(path, stream, { allow, handle }),
    serverStream:
      (
        path: string,
        { allow }: ServedMethod,
        handle: ServerStreamHandler<AnyMethod>,
      ): grpc.handleServerStreamingCall<object, object> =>
      (stream) =>
        open(path, stream, { allow, handle }),
  };
}

type Opened = grpc.ServerDuplexStream<object, object> | grpc.ServerWritableStream<object, object>;
