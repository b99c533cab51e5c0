import net from 'node:net';
import type { AddressInfo } from 'node:net';
import Consul from 'consul';
import { z } from 'zod';
import { createDynamicConfig, type DynamicConfig } from '../src/config-center';
import { createConsulDiscovery } from '../src/consul-discovery';
import { createLogLevel } from '../src/log-level';
import type { Discovery, Instance } from '../src/discovery';
import { infrastructure, testNamespace } from '../src/testing/infrastructure';
import { recordingLogger } from '../src/testing/logger';
import { eventually } from '../src/testing/wait';

const { consulAddress } = infrastructure();
const [host = '', port = ''] = consulAddress.split(':');
const consul = new Consul({ host, port: Number(port) });
const namespace = testNamespace('consul');
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => consul.destroy());

async function startDiscovery(
  address = consulAddress,
  logger = recordingLogger().logger,
): Promise<Discovery> {
  const discovery = createConsulDiscovery({ address, namespace, logger });
  await discovery.start();
  closers.push(discovery.stop);
  return discovery;
}

const instance = (service: string, number: number, changes: Partial<Instance> = {}): Instance => ({
  id: `${namespace}-${service}-${number}`,
  service,
  address: '127.0.0.1',
  httpPort: 1_000 + number,
  grpcPort: 2_000 + number,
  version: '1.2.3',
  canary: false,
  ...changes,
});

/** A way to Consul that can be cut. */
async function cuttableWay() {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const upstream = net.connect(Number(port), host);
    for (const end of [socket, upstream]) {
      open.add(end);
      end.on('error', () => undefined);
      end.on('close', () => open.delete(end));
    }
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  closers.push(cut);
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, cut };
}

test('who registers is found with all that is told of it, and who deregisters is gone', async () => {
  const discovery = await startDiscovery();
  const seen: string[][] = [];
  discovery.onChange('a-service', (instances) => seen.push(instances.map(({ id }) => id).sort()));
  const one = instance('a-service', 1);
  const two = instance('a-service', 2, { canary: true, version: '2.0.0' });

  await discovery.register(one);
  await discovery.waitFor('a-service');
  await discovery.register(two);
  await eventually(() => discovery.instances('a-service').length === 2);
  expect([...discovery.instances('a-service')].sort((a, b) => a.httpPort - b.httpPort)).toEqual([one, two]);

  await discovery.deregister(two.id);
  await eventually(() => discovery.instances('a-service').length === 1);
  expect(seen.at(-1)).toEqual([one.id]);
  await discovery.deregister(one.id);
});

test('fleets of different namespaces do not see each other', async () => {
  const ours = await startDiscovery();
  const theirs = createConsulDiscovery({
    address: consulAddress,
    namespace: `${namespace}x`,
    logger: recordingLogger().logger,
  });
  closers.push(theirs.stop);

  await ours.register(instance('b-service', 1));
  await ours.waitFor('b-service');
  await expect(theirs.waitFor('b-service', 300)).rejects.toThrow(/no instance of b-service/);
  await ours.deregister(instance('b-service', 1).id);
});

test('the last good list survives a Consul that is away, and one answer without anybody', async () => {
  const way = await cuttableWay();
  const discovery = await startDiscovery(way.address);
  const direct = await startDiscovery();
  await direct.register(instance('c-service', 1));
  await discovery.waitFor('c-service');

  await direct.deregister(instance('c-service', 1).id);
  await eventually(async () => {
    const rows = (await consul.health.service({
      service: `${namespace}-c-service`,
      passing: true,
    })) as unknown[];
    return rows.length === 0;
  });
  expect(discovery.instances('c-service')).toHaveLength(1);

  way.cut();
  expect(discovery.instances('c-service')).toHaveLength(1);
});

test('what is no instance of ours is left out', async () => {
  const { logger, lines } = recordingLogger();
  const discovery = await startDiscovery(consulAddress, logger);
  await consul.agent.service.register({
    id: `${namespace}-foreign`,
    name: `${namespace}-d-service`,
    port: 1,
  });
  closers.push(() => consul.agent.service.deregister(`${namespace}-foreign`).then(() => undefined));
  await discovery.register(instance('d-service', 1));
  await discovery.waitFor('d-service');

  expect(discovery.instances('d-service')).toEqual([instance('d-service', 1)]);
  await eventually(() => JSON.stringify(lines).includes('no instance of ours'));
  await discovery.deregister(instance('d-service', 1).id);
});

describe('dynamic configuration', () => {
  const key = `onrush/config/${namespace}`;
  const schema = z.strictObject({ limit: z.int().positive() });
  let dynamic: DynamicConfig<z.output<typeof schema>>;
  const { logger, lines } = recordingLogger();
  const rejected = jest.fn();
  beforeAll(async () => {
    dynamic = createDynamicConfig({
      consulHttpAddr: consulAddress,
      key,
      schema,
      initial: { limit: 1 },
      logger,
      onRejected: rejected,
    });
    await dynamic.start();
  });
  afterAll(async () => {
    await dynamic.stop();
    await consul.kv.del(key);
  });

  test('a valid value is taken over, and told', async () => {
    const heard: number[] = [];
    dynamic.onChange(({ limit }) => heard.push(limit));
    expect(dynamic.current()).toEqual({ limit: 1 });

    await consul.kv.set(key, '{"limit":5}');

    await eventually(() => dynamic.current().limit === 5);
    expect(heard).toEqual([5]);
  });

  test.each(['{"limit":0}', '{"limit":7,"more":1}', 'limit: 7', '[]'])(
    '%s keeps the old one, and says why',
    async (bad) => {
      const before = rejected.mock.calls.length;

      await consul.kv.set(key, bad);

      await eventually(() => rejected.mock.calls.length > before);
      expect(dynamic.current()).toEqual({ limit: 5 });
      expect(lines.at(-1)).toMatchObject({ level: 'warn', key });
    },
  );
});

test('the level of a log changes while the process runs, and comes back when nothing is said', async () => {
  const { logger, lines } = recordingLogger('a-service');
  const child = logger.child({ of: 'a component' });
  const key = `onrush/log-level/${namespace}-a-service`;
  logger.setLevel('warn');
  const level = createLogLevel(
    'a-service',
    { namespace, consulHttpAddr: consulAddress, level: 'warn' },
    logger,
  );
  await level.start();
  closers.push(level.stop, () => consul.kv.del(key).then(() => undefined));
  const said = (message: string) => lines.some(({ msg }) => msg === message);
  child.debug('before');
  expect(said('before')).toBe(false);

  await consul.kv.set(key, '{"level":"debug"}');
  await eventually(() => (child.debug('in between'), said('in between')));

  for (const bad of ['{"level":"loud"}', '{"level":"error","more":1}', 'debug']) {
    const refusals = lines.filter(({ level: of }) => of === 'warn').length;
    await consul.kv.set(key, bad);
    await eventually(() => lines.filter(({ level: of }) => of === 'warn').length > refusals);
    expect(lines.at(-1)).toMatchObject({ msg: expect.stringContaining('refused') as string, key });
    child.debug(`after ${bad}`);
    expect(said(`after ${bad}`)).toBe(true);
  }

  await consul.kv.del(key);
  await eventually(() => {
    const mark = `gone ${lines.length}`;
    child.debug(mark);
    return !said(mark);
  });
});
