import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createKafkaBroker } from '@onrush/chassis/kafka-broker';
import type { Component } from '@onrush/chassis/lifecycle';
import { newEvent } from '@onrush/chassis/message-broker';
import { createMetrics } from '@onrush/chassis/metrics';
import { createTestBroker, type TestBroker } from '@onrush/chassis/testing/broker';
import { infrastructure, testNamespace } from '@onrush/chassis/testing/infrastructure';
import { recordingLogger, silentLogger } from '@onrush/chassis/testing/logger';
import { freePort } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { productChanged } from '@onrush/proto';
import { createCachePurge, productsTag, productTag } from '../src/cache/cache-purge';
import { createResponseCache, type Hit } from '../src/cache/response-cache';

const namespace = testNamespace('purge');
const rule = { route: 'GET /products/:id', ttlMs: 3_600_000, staleMs: 0 };

let kafka: TestBroker;
const started: Component[] = [];
beforeAll(async () => {
  kafka = await createTestBroker(namespace);
}, 60_000);
afterEach(async () => {
  await Promise.all(started.splice(0).map((component) => component.stop()));
});
afterAll(() => kafka.cleanup());

/** The cache of one gateway, and what purges it. */
async function startGateway(brokers = infrastructure().kafkaBrokers) {
  const { logger, lines } = recordingLogger();
  const metrics = createMetrics({ service: 'gateway' });
  const cache = createResponseCache({ maxBytes: 1_048_576, logger: silentLogger, metrics });
  const options = { brokers, clientId: 'gateway', namespace, logger: silentLogger, metrics };
  const purgeAll = jest.spyOn(cache, 'purgeAll');
  const purge = createCachePurge({ broker: createKafkaBroker(options), cache, logger, retryMs: 50 });
  started.push(purge);
  await purge.start();
  let loads = 0;
  const load = (tags: string[]) => () =>
    Promise.resolve({ status: 200, headers: [], body: Buffer.from(String((loads += 1))), tags });
  return {
    lines,
    isListening: () => purgeAll.mock.calls.length > 0,
    /** How often the service was asked by now, with this request. */
    async read(key: string, ...tags: string[]) {
      const hit: Hit = await cache.get(key, rule, load(tags));
      return hit.outcome;
    },
  };
}

const change = (id: string) =>
  kafka.broker.publish([
    newEvent(productChanged, id, { product_id: id, version: 2, at: new Date().toISOString() }),
  ]);

test('a changed product is gone from every gateway, with the lists; another product stays', async () => {
  await change('1');
  const gateways = await Promise.all([startGateway(), startGateway()]);
  await eventually(() => gateways.every(({ isListening }) => isListening()), { timeoutMs: 25_000 });
  for (const { read } of gateways) {
    await read('one', productTag('1'));
    await read('two', productTag('2'));
    await read('list', productsTag);
  }

  await change('1');

  for (const { read } of gateways) {
    await eventually(async () => (await read('one', productTag('1'))) === 'miss');
    expect(await read('list', productsTag)).toBe('miss');
    expect(await read('two', productTag('2'))).toBe('hit');
  }
}, 60_000);

describe('where Kafka is away', () => {
  let server: Server | undefined;
  const sockets: Socket[] = [];
  afterEach(() => {
    server?.close();
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  /** Passes on to the real Kafka. */
  async function openKafka(port: number): Promise<void> {
    const [host = '', realPort = ''] = infrastructure().kafkaBrokers[0]?.split(':') ?? [];
    server = createServer((client) => {
      const real = connect(Number(realPort), host);
      client.pipe(real).pipe(client);
      for (const socket of [client, real]) sockets.push(socket.on('error', () => socket.destroy()));
    });
    await once(server.listen(port, '127.0.0.1'), 'listening');
  }

  test('the gateway starts and serves; once Kafka is there, all that is old goes, and purges begin', async () => {
    const port = await freePort();
    const { read, lines, isListening } = await startGateway([`127.0.0.1:${port}`]);
    await read('one', productTag('1'));
    await eventually(() => lines.length > 0, { timeoutMs: 25_000 });
    const whileAway = await read('one', productTag('1'));

    await openKafka(port);
    await eventually(isListening, { timeoutMs: 25_000 });
    const afterwards = await read('one', productTag('1'));
    await change('1');

    await eventually(async () => (await read('one', productTag('1'))) === 'miss');
    expect(whileAway).toBe('hit');
    expect(afterwards).toBe('miss');
    expect(lines).toMatchObject([
      { level: 'warn', msg: 'cached answers are not purged, Kafka is away' },
      { level: 'info', msg: 'cached answers are purged again' },
    ]);
  }, 90_000);

  const brokerThat = (start: () => Promise<void>) => {
    const nothing = () => Promise.resolve();
    const broker = { name: 'kafka', start, stop: nothing, publish: nothing, ensureTopics: nothing };
    return { ...broker, subscribe: () => ({ name: 'consumer', start: nothing, stop: nothing }) };
  };
  const cache = { purge: () => undefined, purgeAll: () => undefined };

  test('it is told of once, however often Kafka is tried', async () => {
    const { logger, lines } = recordingLogger();
    const start = jest.fn(() => Promise.reject(new Error('ECONNREFUSED')));
    const purge = createCachePurge({ broker: brokerThat(start), cache, logger, retryMs: 1 });
    started.push(purge);

    await purge.start();
    await eventually(() => start.mock.calls.length >= 3);

    expect(lines).toHaveLength(1);
  });

  test('the gateway stops, even while Kafka does not answer at all', async () => {
    const { logger, lines } = recordingLogger();
    const broker = brokerThat(() => new Promise(() => undefined));
    const purge = createCachePurge({ broker, cache, logger });
    await purge.start();

    await purge.stop();

    expect(lines).toEqual([]);
  });
});
