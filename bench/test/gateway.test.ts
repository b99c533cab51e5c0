import net, { type AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { configShape } from '../../gateway/src/config';
import { routes } from '../../gateway/src/routes';
import { createBareProxy } from '../src/gateway/bare-proxy';
import { askedRoutes, gatewayEnvironment } from '../src/gateway/gateway-environment';
import { latencyMetrics } from '../src/gateway/latency';
import { memoryMetrics, valueOf } from '../src/gateway/memory';
import { nginxConfig } from '../src/gateway/nginx-config';
import { inTurn, ofTargets, targets } from '../src/gateway/targets';
import { halfLoadOf, throughputMetrics, type Throughput } from '../src/gateway/throughput';
import { createUpstream, seenPath } from '../src/gateway/upstream';
import { httpRequest } from '../src/http-wire';
import { withConnections } from '../src/connections';
import { countsOf, runLoad } from '../src/load';

const sockets = new Set<net.Socket>();
afterEach(() => sockets.forEach((socket) => socket.destroy()));

const listen = async (server: net.Server): Promise<number> => {
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

const ports = { http: 1, grpc: 2, management: 3, upstream: 4 };
const fleetServices = Object.fromEntries(
  ['auth-service', 'seckill-service', 'notify-service', 'product-service'].map((name) => [
    name,
    [{ address: '127.0.0.1', http_port: 100, grpc_port: 101 }],
  ]),
);
const environment = gatewayEnvironment(
  {
    NAMESPACE: 'bench_x',
    REDIS_URL: 'redis://h:1',
    DISCOVERY: 'consul',
    STATIC_SERVICES: JSON.stringify(fleetServices),
  },
  ports,
);

describe('nginx', () => {
  test('keeps its connections, writes nothing outside its folder, and has a server for each site', () => {
    const config = nginxConfig({
      folder: '/x/nginx',
      workers: 1,
      sites: [
        { port: 1001, upstreamPort: 2001, keepalive: 64 },
        { port: 1002, upstreamPort: 2002, keepalive: 256 },
      ],
    });

    expect(config).toMatch(/^worker_processes 1;\ndaemon off;\n/);
    expect(config).toContain('access_log off;');
    expect(
      [...config.matchAll(/_temp_path (\S+);|pid (\S+);/g)].map((match) => match[1] ?? match[2]),
    ).toEqual([
      '/x/nginx/nginx.pid',
      ...['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `/x/nginx/${name}`),
    ]);
    expect(
      [...config.matchAll(/listen (\S+)|server (\S+);|keepalive (\d+);|proxy_pass (\S+);/g)].map(
        ([text]) => text,
      ),
    ).toEqual([
      'server 127.0.0.1:2001;',
      'keepalive 64;',
      'listen 127.0.0.1:1001',
      'proxy_pass http://behind_1001;',
      'server 127.0.0.1:2002;',
      'keepalive 256;',
      'listen 127.0.0.1:1002',
      'proxy_pass http://behind_1002;',
    ]);
    expect(config.match(/proxy_http_version 1\.1;\n\s+proxy_set_header Connection "";/g)).toHaveLength(2);
    expect(config.match(/keepalive_requests 100000000;/g)).toHaveLength(3);
    expect(config.split('{')).toHaveLength(config.split('}').length);
  });

  test('may have a worker for each core', () => {
    expect(nginxConfig({ folder: '/x', workers: 'auto', sites: [] })).toContain('worker_processes auto;');
  });
});

describe('the gateway under test', () => {
  test.each(Object.entries(askedRoutes))(
    'asks a route of its table that leads to the upstream: %s',
    (kind, at) => {
      const [method, path] = at.split(' ');
      const route = routes.find(
        (one) => one.path === path && one.methods.some((allowed) => allowed === method),
      );
      const services = JSON.parse(environment['STATIC_SERVICES'] ?? '') as Record<
        string,
        { http_port: number }[]
      >;

      expect(route?.auth).toBe(kind === 'proxied' ? 'user' : 'public');
      expect(services[route?.upstream ?? '']?.map((instance) => instance.http_port)).toEqual([4, 4]);
    },
  );

  test('has its own ports, a canary, and the fleet’s servers and other services', () => {
    const services = JSON.parse(environment['STATIC_SERVICES'] ?? '') as Record<
      string,
      { canary?: boolean }[]
    >;

    expect(environment).toMatchObject({
      NAMESPACE: 'bench_x',
      REDIS_URL: 'redis://h:1',
      DISCOVERY: 'static',
      HTTP_PORT: '1',
      GRPC_PORT: '2',
      MANAGEMENT_PORT: '3',
    });
    expect(services['seckill-service']).toEqual(fleetServices['seckill-service']);
    expect(services['product-service']?.map(({ canary }) => canary)).toEqual([undefined, true]);
  });

  test('has limits of every class, which its configuration takes', () => {
    const parsed = configShape.rateLimits.parse(environment['RATE_LIMITS']);

    const { code: _code, ...asked } = parsed;
    for (const { address, user, global } of Object.values(asked))
      expect([address, user, global]).toEqual(Array(3).fill({ rate: 100_000, burst: 200_000 }));
    expect(configShape.canaries.safeParse(environment['CANARIES']).success).toBe(true);
    expect(configShape.staticServices.safeParse(environment['STATIC_SERVICES']).success).toBe(true);
  });
});

test('the upstream answers each request, and counts them, behind a bare proxy too', async () => {
  const upstream = createUpstream();
  const upstreamPort = await listen(upstream);
  const proxy = createServer(createBareProxy(`http://127.0.0.1:${upstreamPort}`));
  const requests = Array.from({ length: 50 }, () => httpRequest('GET /api/x', {}));
  const loadOn = (port: number) =>
    withConnections({ host: '127.0.0.1', port }, 4, (connections) => runLoad({ connections, requests }));

  const direct = await loadOn(upstreamPort);
  const proxied = await loadOn(await listen(proxy));

  const seen: unknown = await (await fetch(`http://127.0.0.1:${upstreamPort}${seenPath}`)).json();
  const body = await (await fetch(`http://127.0.0.1:${upstreamPort}/`)).text();
  proxy.close();
  upstream.close();
  expect(countsOf(direct, 200)).toEqual({ all: 50, answered: 50, failed: 0 });
  expect(countsOf(proxied, 200)).toEqual({ all: 50, answered: 50, failed: 0 });
  expect(seen).toEqual({ seen: 100 });
  expect(JSON.parse(body)).toMatchObject({ code: 0, message: 'success' });
  expect(body.length).toBeGreaterThan(450);
  expect(body.length).toBeLessThan(550);
});

test('the upstream puts a request together that comes in pieces, and takes two that come at once', async () => {
  const upstream = createUpstream();
  const socket = net.connect(await listen(upstream), '127.0.0.1');
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  const answers = () => received.split('HTTP/1.1 200 OK').length - 1;
  const answersAre = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => (answers() >= count ? resolve() : socket.once('data', look));
      look();
    });

  const firstPieceCame = new Promise<void>((resolve) =>
    upstream.once('connection', (accepted) => accepted.once('data', () => resolve())),
  );

  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r');
  await firstPieceCame;
  socket.write('\nGET / HTTP/1.1\r\n\r\n');
  await answersAre(2);

  socket.destroy();
  upstream.close();
  expect(answers()).toBe(2);
});

test('every target begins a round in its turn', () => {
  const rounds = targets.map((_target, number) => inTurn(number));

  expect(new Set(rounds.map(([first]) => first))).toEqual(new Set(targets));
  for (const round of rounds) expect(new Set(round)).toEqual(new Set(targets));
});

const throughput = (perSecond: Partial<Record<(typeof targets)[number], number[]>>): Throughput =>
  ofTargets((target) =>
    (perSecond[target] ?? [100, 200]).map((value) => ({
      perSecond: value,
      failed: 0,
      upstreamShare: target === 'gateway_cached' ? 0.25 : 1,
      processorTime: new Map([
        ['gateway-under-test', 50],
        ['upstream', 10],
      ]),
    })),
  );

test('ratios are those of the rounds, and processor time is that of the target’s own process', () => {
  const metrics = throughputMetrics(throughput({ gateway: [90, 400], bare_hpm: [100, 200] }));

  expect(metrics['gateway_to_bare_hpm_ratio']).toEqual({ median: 1.45, min: 0.9, max: 2 });
  expect(metrics['gateway_cpu_us_per_request']).toMatchObject({ median: 50 });
  expect(metrics['gateway_upstream_cpu_us_per_request']).toMatchObject({ median: 10 });
  expect(metrics['gateway_cached_upstream_share']).toMatchObject({ median: 0.25 });
});

test('half load is half of what the slowest target answers', () => {
  expect(halfLoadOf(throughput({ bare_hpm: [61, 61], gateway: [99, 20_000] }))).toBe(30);
});

test('added latency is what a target has above the upstream alone, in the same round', () => {
  const round = (p50: number, p99: number) => ({ p50, p99, failed: 0 });
  const measured = ofTargets((target) =>
    target === 'direct' ? [round(0.1, 1), round(0.2, 5)] : [round(0.4, 2), round(0.9, 6)],
  );

  const metrics = latencyMetrics(measured, 4_000);

  expect(metrics['half_load_requests_per_second']).toBe(4_000);
  expect(metrics['gateway_added_p50_ms']).toEqual({ median: 0.5, min: 0.3, max: 0.7 });
  expect(metrics['gateway_added_p99_ms']).toEqual({ median: 1, min: 1, max: 1 });
  expect(metrics['direct_added_p50_ms']).toBeUndefined();
});

test('memory is judged by its last third against the middle one, and its slope over both', () => {
  const rss = [50, 90, 95, 100, 100, 100, 110, 110, 110];
  const samples = rss.map((rssMib, index) => ({ minute: index, rssMib, heapMib: 40 }));

  const metrics = memoryMetrics({ minutes: 9, samples, perSecond: 1_234.567, failed: 0 });

  expect(metrics).toMatchObject({
    memory_rss_first_third_mib: { median: 90, min: 50, max: 95 },
    memory_rss_middle_third_mib: { median: 100, min: 100, max: 100 },
    memory_rss_last_to_middle_third: 1.1,
    memory_heap_last_to_middle_third: 1,
    memory_heap_slope_mib_per_minute: 0,
    memory_requests_per_second: 1_234.57,
  });
  expect(metrics['memory_rss_slope_mib_per_minute']).toBeCloseTo(2.57, 2);
});

test('a metric is found by its whole name, with labels and without', () => {
  const text = '# HELP heap_bytes x\nheap_bytes_total 9\nheap_bytes{service="gateway"} 1.5e3\nrss 7\n';

  expect(valueOf(text, 'heap_bytes')).toBe(1_500);
  expect(valueOf(text, 'rss')).toBe(7);
  expect(() => valueOf(text, 'heap')).toThrow('no metric heap');
});
