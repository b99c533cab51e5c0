import { processNames, services as allServices } from '../../deploy/local/fleet';
import { observersUp, watch, type Observed } from '../../deploy/local/observers';
import { openActivity, until } from '../src/activity';
import { registerBuyers, type Buyer } from '../src/buyers';
import { newHistory, pay, tryToBuy, waitForOrder } from '../src/sale-client';
import { startTestFleet, type TestFleet } from './fleet';

const silent = { step: <T>(_name: string, work: () => Promise<T>): Promise<T> => work() };

let observed: Observed;
let world: TestFleet;
let unwatch: () => void;
// Jaeger may have to be built.
beforeAll(async () => {
  observed = await observersUp(silent);
  world = await startTestFleet('observe', {}, observed.env);
  unwatch = watch(world.fleet);
  const { api, adminToken, fleet } = world;
  const [buyer] = (await registerBuyers(api, 1)) as [Buyer];
  const activity = await openActivity(api, adminToken, {
    title: 'Observed',
    total: 1,
    perUserLimit: 1,
    paymentTimeoutSeconds: 900,
  });
  const history = newHistory();
  const ticket = await tryToBuy(api, activity.id, { buyer, history });
  if (!ticket) throw new Error('nobody got the ticket');
  await waitForOrder(api, ticket);
  await pay(api, ticket, { history, secret: fleet.mockPaymentSecret });
}, 600_000);
afterAll(async () => {
  unwatch?.();
  await world?.stop();
  await observed?.down();
}, 120_000);

const ask = async <T>(url: string): Promise<T> => {
  const answer = await fetch(url);
  return ((await answer.json()) as { data: T }).data;
};

interface Span {
  spanID: string;
  processID: string;
  references: { spanID: string }[];
}
interface Trace {
  spans: Span[];
  processes: Record<string, { serviceName: string }>;
}

const servicesOf = ({ processes }: Trace) =>
  new Set(Object.values(processes).map(({ serviceName }) => serviceName));

test('every service sends its spans to Jaeger', async () => {
  const services = () => ask<string[] | null>(`${observed.urls.jaeger}/api/services`);

  await until(async () => (await services())?.length === allServices.length, 20_000);

  expect((await services())?.toSorted()).toEqual(allServices.toSorted());
});

test('a payment is one trace: from the gateway to the order that is paid, and to the message about it', async () => {
  let payment: Trace | undefined;
  await until(async () => {
    const traces = await ask<Trace[]>(`${observed.urls.jaeger}/api/traces?service=notify-service&limit=100`);
    payment = traces.find((trace) => servicesOf(trace).has('payment-service'));
    return payment !== undefined && servicesOf(payment).size === 4;
  }, 20_000);
  if (!payment) throw new Error('there is none');
  const { spans, processes } = payment;
  const serviceOf = ({ processID }: Span) => processes[processID]?.serviceName;
  const callersOf = (service: string) =>
    new Set(
      spans
        .filter((span) => serviceOf(span) === service)
        .flatMap(({ references }) => references)
        .map(({ spanID }) => spans.find((span) => span.spanID === spanID))
        .map((caller) => caller && serviceOf(caller)),
    );

  expect(spans.filter(({ references }) => references.length === 0).map(serviceOf)).toEqual(['gateway']);
  expect(callersOf('payment-service')).toContain('gateway');
  expect(callersOf('order-service')).toEqual(new Set(['payment-service']));
  expect([...servicesOf(payment)].toSorted()).toEqual([
    'gateway',
    'notify-service',
    'order-service',
    'payment-service',
  ]);
});

test('Prometheus asks every process, and sees what was sold', async () => {
  const { prometheus } = observed.urls;
  const { namespace } = world.fleet;
  interface Targets {
    activeTargets: { health: string; labels: { process: string; namespace: string } }[];
  }
  const up = async () => {
    const { activeTargets } = await ask<Targets>(`${prometheus}/api/v1/targets`);
    return activeTargets
      .filter(({ health, labels }) => health === 'up' && labels.namespace === namespace)
      .map(({ labels }) => labels.process);
  };
  const published = async (type: string) => {
    const query = encodeURIComponent(`sum(events_published_total{type="${type}",namespace="${namespace}"})`);
    const { result } = await ask<{ result: { value: [number, string] }[] }>(
      `${prometheus}/api/v1/query?query=${query}`,
    );
    return Number(result[0]?.value[1]);
  };

  await until(async () => (await up()).length === processNames.length, 30_000);
  expect((await up()).toSorted()).toEqual(processNames.toSorted());
  await until(async () => (await published('order.paid')) === 1, 30_000);
  expect(await published('order.paid')).toBe(1);
  expect(await published('seckill.reserved')).toBe(1);
});
