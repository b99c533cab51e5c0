import { Agent, fetch, type Headers } from 'undici';
import { freePorts } from '../../../deploy/local/ports';
import { createLifecycle } from '../lifecycle';
import { createMetrics, type Metrics } from '../metrics';
import type { App, Runtime } from '../service';
import { silentLogger } from './logger';
import type { TestTokens } from './tokens';
import type { User } from '../request-context';

export interface TestService<C> {
  config: C;
  metrics: Metrics;
  stop(): Promise<void>;
}

/** The real app, started in this process; it stops when the test says so. */
export async function startTestService<C>(
  createApp: (config: C, runtime: Runtime) => App,
  config: C,
  runtime: Partial<Runtime> = {},
): Promise<TestService<C>> {
  const metrics = runtime.metrics ?? createMetrics({ service: 'test' });
  const logger = runtime.logger ?? silentLogger;
  const isReady = (): boolean => lifecycle.isReady();
  const app = createApp(config, { logger, metrics, isReady });
  const lifecycle = createLifecycle({
    logger,
    components: app.components,
    drainLimitMs: 10_000,
  });
  await lifecycle.start();
  return { config, metrics, stop: lifecycle.stop };
}

export interface Answer<T = unknown> {
  status: number;
  headers: Headers;
  body: {
    code: number;
    message: string;
    data: T;
    trace_id: string;
    errors?: { field: string; message: string }[];
  };
}

export interface TestHttpClient {
  /** As that user (or nobody), the way the gateway would forward it. */
  call<T = unknown>(
    at: string,
    options?: { user?: User; body?: unknown; headers?: Record<string, string>; rawBody?: string },
  ): Promise<Answer<T>>;
}

/** Five thousand at once share these: more connections than the system's backlog would wait for each other's time-outs. */
const dispatcher = new Agent({ connections: 256 });

/** Speaks to a service's HTTP port as the gateway does: with an internal token. `at` is `POST /path`. */
export function createTestHttpClient(options: {
  port: number;
  service: string;
  tokens: TestTokens;
}): TestHttpClient {
  const gateway = options.tokens.of('gateway');
  return {
    async call<T>(
      at: string,
      { user, body, headers = {}, rawBody }: Parameters<TestHttpClient['call']>[1] = {},
    ) {
      const [method = 'GET', path = '/'] = at.split(' ');
      const text = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await fetch(`http://127.0.0.1:${options.port}${path}`, {
        dispatcher,
        method,
        headers: {
          'x-internal-token': await gateway.issue(options.service, user),
          ...(text !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(text !== undefined && { body: text }),
      });
      const answer = await response.text();
      const parsed = answer.startsWith('{') ? (JSON.parse(answer) as Answer<T>['body']) : (answer as never);
      return { status: response.status, headers: response.headers, body: parsed };
    },
  };
}

/** A port that is free now: a service has to know its port before it starts to be in a static list. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

export const admin: User = { id: '1', username: 'admin', roles: ['admin'], permissions: ['*'] };
export const buyer = (id: number | string): User => ({
  id: String(id),
  username: `buyer-${id}`,
  roles: ['user'],
  permissions: [],
});
