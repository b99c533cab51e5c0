import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';

let canary: Server;
let fixture: Fixture;
let canaryStatus = 200;
let canaryServed = 0;

beforeAll(async () => {
  canary = createServer((request, response) => {
    canaryServed += 1;
    request.resume().on('end', () => response.writeHead(canaryStatus).end('{"code":0}'));
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  const { port: http_port } = canary.address() as AddressInfo;
  const version = { http_port, grpc_port: 1, address: '127.0.0.1', version: '2.0.0', canary: true };
  const stable = createServer(
    (request, response) => void request.resume().on('end', () => response.end('{}')),
  );
  await new Promise<void>((resolve) => stable.listen(0, '127.0.0.1', resolve));
  const { port } = stable.address() as AddressInfo;
  stable.unref();
  fixture = await startFixture(
    'canary',
    {
      canaries: {
        'order-service': canaryOf({ users: ['7'], percent: 20 }),
        'notify-service': canaryOf({ percent: 100 }),
      },
    },
    Object.fromEntries(
      ['order-service', 'notify-service'].map((name) => [
        name,
        [version, { http_port: port, grpc_port: 2, address: '127.0.0.1', version: '1.0.0' }],
      ]),
    ),
  );
}, 60_000);
afterAll(async () => {
  await fixture.stop();
  canary.closeAllConnections();
  canary.close();
});
beforeEach(() => {
  canaryStatus = 200;
  canaryServed = 0;
});

function canaryOf(entry: { users?: string[]; percent?: number }) {
  const rollback = { error_rate: 0.05, window_seconds: 10, min_requests: 20 };
  return { header: 'staff' as const, users: [], percent: 0, weight: 0, rollback, ...entry };
}

async function versionFor(sub: string, permissions: string[] = [], headers: Record<string, string> = {}) {
  const token = await fixture.accessToken({ sub, permissions });
  const answer = await fixture.call('GET /api/v1/orders', { token, headers });
  expect(answer).toMatchObject({ status: 200 });
  return answer.headers.get('x-served-version');
}

test('X-Canary of an outsider counts for nothing, that of staff for the whole request', async () => {
  const outsiders = Array.from({ length: 40 }, (_, index) => String(1_000 + index));
  const without = await Promise.all(outsiders.map((id) => versionFor(id)));
  const asking = await Promise.all(outsiders.map((id) => versionFor(id, [], { 'x-canary': 'true' })));

  expect(asking).toEqual(without);
  expect(await versionFor('1', ['gateway.canary'], { 'x-canary': 'true' })).toBe('2.0.0');
  expect(await versionFor('7', ['gateway.canary'], { 'x-canary': 'stable' })).toBe('1.0.0');
});

test('a listed user gets the canary, others a fifth of the time, and each the same every time', async () => {
  const users = Array.from({ length: 150 }, (_, index) => String(20_000 + index * 7));
  const first = await Promise.all(users.map((id) => versionFor(id)));
  const second = await Promise.all(users.map((id) => versionFor(id)));

  expect(await versionFor('7')).toBe('2.0.0');
  expect(second).toEqual(first);
  const share = first.filter((version) => version === '2.0.0').length / users.length;
  expect(share).toBeGreaterThan(0.08);
  expect(share).toBeLessThan(0.35);
});

test('a canary that fails is rolled back after a handful of its users, and then hurts nobody', async () => {
  canaryStatus = 500;
  const token = await fixture.accessToken();
  const ask = () => fixture.call('GET /api/v1/notifications', { token });

  await eventually(async () => (await ask()).status === 200);

  const hurt = canaryServed;
  expect(hurt).toBeLessThan(30);
  for (let request = 0; request < 20; request += 1)
    expect((await ask()).headers.get('x-served-version')).toBe('1.0.0');
  expect(canaryServed).toBe(hurt);
  expect(await fixture.metrics.registry.metrics()).toMatch(
    /gateway_canary_rolled_back{upstream="notify-service",service="[\w-]+"} 1/,
  );
});
