import type { Instance } from '@onrush/chassis/discovery';
import { createMetrics } from '@onrush/chassis/metrics';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import { createResponseCache } from '../src/cache/response-cache';
import { pickPreferred } from '../src/canary/canary';
import { createCanaryChoice } from '../src/canary/canary-choice';
import type { CanaryGuard } from '../src/canary/canary-guard';
import { createCachedRead } from '../src/ends/cached-read';
import { createAsk } from '../src/ends/call';
import type { Exchange } from '../src/exchange';
import { routes, type GatewayRoute } from '../src/routes';
import type { Onward } from '../src/upstream/onward';
import type { UpstreamCall } from '../src/upstream/upstream-call';
import type { Upstreams } from '../src/upstream/upstream';
import { canary, rulesOf, stable } from './canary-fixture';

const route = routes.find(({ path }) => path === '/api/v1/seckill/activities') as GatewayRoute;

/** What `createAsk` needs of an exchange, and where its answer goes. */
function newExchange() {
  let body: string | undefined;
  const response = {
    headersSent: false,
    destroyed: false,
    req: { method: 'GET' },
    writeHead: () => undefined,
    end: (text: string) => (body = text),
  };
  const exchange = {
    request: { method: 'GET', headers: {} },
    response,
    isReady: () => true,
    path: route.path,
    search: '',
    address: '192.0.2.7',
    headers: [],
    requestId: 'r',
  } as unknown as Exchange;
  return { exchange, body: () => body };
}

test('what was chosen before a wait holds after it: an answer of the canary is never kept for the stable version', async () => {
  const choice = { isClosed: true };
  const guard = { isClosed: () => choice.isClosed } as unknown as CanaryGuard;
  const rules = rulesOf({ weight: 100 });
  const gate = Promise.withResolvers<void>();
  const onward = { sharedRequestHeaders: () => gate.promise.then(() => []) } as unknown as Onward;
  const asked: Instance[] = [];
  const upstreams = {
    forward: ({ preference = [] }: UpstreamCall) => {
      const instance = pickPreferred(preference, (accepts) => [stable, canary].find(accepts)) as Instance;
      asked.push(instance);
      const collect = () => Promise.resolve(Buffer.from(instance.version));
      return Promise.resolve({ status: 200, headers: [], instance, collect });
    },
  } as unknown as Upstreams;
  const choose = createCanaryChoice({ rules: () => rules, guard });
  const ask = createAsk({ upstreams, onward, canary: choose, logger: silentLogger });
  const metrics = createMetrics({ service: 'test' });
  const cache = createResponseCache({ maxBytes: 100_000, logger: silentLogger, metrics });
  const cachedRead = createCachedRead({ cache, ask, canary: choose });
  const first = newExchange();

  const answered = cachedRead(first.exchange, route);
  choice.isClosed = false;
  gate.resolve();
  await answered;
  const second = newExchange();
  await cachedRead(second.exchange, route);

  await eventually(() => first.body() !== undefined && second.body() !== undefined);
  expect(asked).toEqual([stable, canary]);
  expect([first.body(), second.body()]).toEqual([stable.version, canary.version]);
});
