import * as grpc from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { context, propagation } from '@opentelemetry/api';
import {
  circuitBreaker,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhen,
  isBrokenCircuitError,
  retry,
  wrap,
  type IPolicy,
} from 'cockatiel';
import { createBalancer, type Outcome } from './balancer';
import type { Discovery, Instance } from './discovery';
import { AppError, type CommonErrors } from './errors';
import { createChannels } from './grpc-channels';
import type { Methods } from './grpc-server';
import { fromGrpcError } from './grpc-errors';
import { internalTokenHeader, type InternalTokens } from './internal-tokens';
import type { Component } from './lifecycle';
import type { Metrics } from './metrics';
import { currentContext, remainingMs, traceparentOf } from './request-context';

type Input<M> = M extends MethodDefinition<infer I, infer _R, infer _Q, infer _O> ? I : never;
type Output<M> = M extends MethodDefinition<infer _I, infer _R, infer _Q, infer O> ? O : never;

export interface CallOptions {
  timeoutMs?: number;
  /** Only a call marked idempotent is tried again, and only when the callee was unavailable. */
  idempotent?: boolean;
}

export interface GrpcClient<D extends grpc.ServiceDefinition> extends Component {
  /** Throws the callee's AppError, or our own `unavailable` / `deadlineExceeded`. */
  call<M extends keyof Methods<D> & string>(
    method: M,
    request: Input<Methods<D>[M]>,
    options?: CallOptions,
  ): Promise<Output<Methods<D>[M]>>;
  /** A long-lived stream to one named instance, once it is connected; throws `unavailable` after a second without. */
  openStream<M extends keyof Methods<D> & string>(
    method: M,
    instance: Instance,
  ): Promise<grpc.ClientDuplexStream<Input<Methods<D>[M]>, Output<Methods<D>[M]>>>;
  /** What one named instance tells, for as long as it does; `cancel()` ends it. It breaks with a gRPC error as an `error` event. */
  openServerStream<M extends keyof Methods<D> & string>(
    method: M,
    request: Input<Methods<D>[M]>,
    instance: Instance,
  ): Promise<grpc.ClientReadableStream<Output<Methods<D>[M]>>>;
}

export interface GrpcClientOptions<D> {
  service: string;
  definition: D;
  discovery: Discovery;
  tokens: InternalTokens;
  errors: CommonErrors;
  metrics: Metrics;
  timeoutMs?: number;
}

const connectMs = 1_000;

/** A client of one service: discovered instances, least pending of two, deadline, circuit breaker, retry where it is safe. */
export function createGrpcClient<D extends grpc.ServiceDefinition>(
  options: GrpcClientOptions<D>,
): GrpcClient<D> {
  const { service, definition, discovery, tokens, errors } = options;
  const channels = createChannels(discovery, service);
  const balancer = createBalancer(discovery, service);
  const duration = options.metrics.histogram('grpc_client_duration_seconds', 'gRPC calls made', [
    'callee',
    'method',
    'code',
  ]);
  const guarded = createPolicies(showBreaker(options.metrics, service));

  async function callOnce(method: string, request: object, timeoutMs: number): Promise<object> {
    const left = remainingMs(timeoutMs);
    if (left <= 0) throw errors.deadlineExceeded({ meta: { service, method } });
    const metadata = await outgoingMetadata(tokens, service);
    const pick = balancer.pick((instance) => !instance.canary) ?? balancer.pick();
    if (!pick) throw errors.unavailable({ meta: { service }, retryAfterSeconds: 1 });
    const end = duration.startTimer({ callee: service, method });
    const channel = channels.take(pick.instance);
    try {
      const reply = await unary({
        channel: channel.client,
        method: methodOf(definition, method),
        request,
        metadata,
        deadline: Date.now() + left,
      });
      pick.done('ok');
      end({ code: 'OK' });
      return reply;
    } catch (error) {
      const failure = error as grpc.ServiceError;
      pick.done(outcomeOf(failure));
      end({ code: grpc.status[failure.code] ?? 'UNKNOWN' });
      throw fromGrpcError(failure, errors);
    } finally {
      channel.release();
    }
  }

  return {
    name: `client of ${service}`,
    start: async () => {
      discovery.instances(service);
      return Promise.resolve();
    },
    stop: () => {
      channels.close();
      return Promise.resolve();
    },
    async call(method, request, call = {}) {
      const policy = call.idempotent ? guarded.retried : guarded.once;
      const attempt = () => callOnce(method, request, call.timeoutMs ?? options.timeoutMs ?? 3_000);
      const reply = await policy.execute(attempt).catch((error: unknown) => {
        throw isBrokenCircuitError(error)
          ? errors.unavailable({ meta: { service, breaker: 'open' }, retryAfterSeconds: 1, cause: error })
          : error;
      });
      return reply as never;
    },
    async openStream(method, instance) {
      const metadata = await outgoingMetadata(tokens, service);
      const { path, requestSerialize, responseDeserialize } = methodOf(definition, method);
      const channel = channels.take(instance);
      try {
        await connected(channel.client);
      } catch (cause) {
        channel.release();
        throw errors.unavailable({ meta: { service, instance: instance.id }, cause });
      }
      const { client } = channel;
      const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
      stream.once('status', channel.release);
      return stream as never;
    },
    async openServerStream(method, request, instance) {
      const metadata = await outgoingMetadata(tokens, service);
      const { path, requestSerialize, responseDeserialize } = methodOf(definition, method);
      const channel = channels.take(instance);
      const stream = channel.client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
      );
      stream.once('status', channel.release);
      return stream as never;
    },
  };
}

const connected = (client: grpc.Client): Promise<void> =>
  new Promise((resolve, reject) =>
    client.waitForReady(Date.now() + connectMs, (error) => (error ? reject(error) : resolve())),
  );

/** Ten failures in a row that are not the request's fault open the breaker for two seconds. */
function createPolicies(show: (isOpen: boolean) => void): { once: IPolicy; retried: IPolicy } {
  const isCalleesFault = (error: unknown) =>
    error instanceof AppError && ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL'].includes(error.status);
  const isWorthRetrying = (error: unknown) => error instanceof AppError && error.status === 'UNAVAILABLE';
  const breaker = circuitBreaker(handleWhen(isCalleesFault), {
    halfOpenAfter: 2_000,
    breaker: new ConsecutiveBreaker(10),
  });
  breaker.onBreak(() => show(true));
  breaker.onReset(() => show(false));
  const backoff = new ExponentialBackoff({ initialDelay: 50, maxDelay: 500 });
  return {
    once: breaker,
    retried: wrap(retry(handleWhen(isWorthRetrying), { maxAttempts: 2, backoff }), breaker),
  };
}

/** One gauge for all clients of a callee that a process has: it breaks again when a trial fails, and was open all the time. */
function showBreaker(metrics: Metrics, callee: string): (isOpen: boolean) => void {
  const gauge = metrics.gauge(
    'grpc_client_breaker_open',
    'Clients whose calls fail at once, because ten in a row failed',
    ['callee'],
    { ofWorkers: 'max' },
  );
  let wasOpen = false;
  gauge.inc({ callee }, 0);
  return (isOpen) => {
    if (isOpen !== wasOpen) gauge.inc({ callee }, isOpen ? 1 : -1);
    wasOpen = isOpen;
  };
}

const methodOf = (definition: grpc.ServiceDefinition, name: string) =>
  definition[name] as grpc.MethodDefinition<object, object>;

async function outgoingMetadata(tokens: InternalTokens, service: string): Promise<grpc.Metadata> {
  const metadata = new grpc.Metadata();
  const request = currentContext();
  metadata.set(internalTokenHeader, await tokens.issue(service, request?.user));
  if (request) metadata.set('x-request-id', request.requestId);
  propagation.inject(context.active(), metadata, {
    set: (carrier, key, value: string) => carrier.set(key, value),
  });
  if (request && metadata.get('traceparent').length === 0)
    metadata.set('traceparent', traceparentOf(request));
  return metadata;
}

interface UnaryCall {
  channel: grpc.Client;
  method: grpc.MethodDefinition<object, object>;
  request: object;
  metadata: grpc.Metadata;
  deadline: number;
}

function unary({ channel, method, request, metadata, deadline }: UnaryCall): Promise<object> {
  return new Promise((resolve, reject) => {
    const answered = (error: grpc.ServiceError | null, reply?: object) =>
      error ? reject(error) : resolve(reply ?? {});
    channel.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline },
      answered,
    );
  });
}

/** Only a call that never reached the instance counts as unreachable: its answer, even a refusal, shows that it lives. */
function outcomeOf(error: grpc.ServiceError): Outcome {
  if (error.code === grpc.status.CANCELLED) return 'abandoned';
  if (error.code === grpc.status.UNAVAILABLE && !error.metadata?.get('error-reason').length)
    return 'unreachable';
  if (error.code === grpc.status.DEADLINE_EXCEEDED || error.code === grpc.status.INTERNAL) return 'failed';
  return 'ok';
}
