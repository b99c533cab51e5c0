import { spawn } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { freePort } from '../src/testing/service';
import { eventually } from '../src/testing/wait';

/** Groups of processes that a test may have left behind. */
jest.setTimeout(60_000);

const groups: number[] = [];
afterEach(() => {
  for (const group of groups.splice(0)) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // All of them have ended.
    }
  }
});

/** workers-child.cjs in a group of its own. */
async function run(environment: Record<string, string> = {}) {
  const port = await freePort();
  const managementPort = await freePort();
  const child = spawn(process.execPath, [path.join(__dirname, 'workers-child.cjs')], {
    detached: true,
    env: {
      PATH: process.env['PATH'],
      WORKERS: '2',
      RESTART_AFTER_MS: '50',
      HTTP_PORT: String(port),
      MANAGEMENT_PORT: String(managementPort),
      INTERNAL_JWKS: 'a',
      INTERNAL_PRIVATE_KEY: 'b',
      ...environment,
    },
  });
  if (child.pid) groups.push(child.pid);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const get = async (url: string) => (await fetch(url)).text();
  const service = {
    child,
    ended,
    url: `http://127.0.0.1:${port}`,
    output: () => output,
    /** The pids that the service was created in, in order. */
    created: () => [...output.matchAll(/created in (\d+)/g)].map((match) => Number(match[1])),
    whoAnswers: async () => Number.parseInt(await get(`http://127.0.0.1:${port}/`), 10),
    readiness: async () => (await fetch(`http://127.0.0.1:${managementPort}/readyz`)).status,
    liveness: async () => (await fetch(`http://127.0.0.1:${managementPort}/livez`)).status,
    /** The value of the first series of a metric whose labels contain that. */
    metric: async (name: string, labels = '') => {
      const page = await get(`http://127.0.0.1:${managementPort}/metrics`);
      const line = page.split('\n').find((one) => one.startsWith(name) && one.includes(labels));
      return Number(line?.split(' ').at(-1));
    },
  };
  return service;
}

type Running = Awaited<ReturnType<typeof run>>;
/** Two Nodes start, on a machine that may have other work. */
const isReady = (service: Running) =>
  eventually(async () => (await service.readiness()) === 200, { timeoutMs: 40_000 });

/** A request whose body is not complete yet, and which a worker has begun to answer. */
async function inFlight(service: Running) {
  const request = http.request(`${service.url}/slow`, { method: 'POST' });
  request.on('error', () => undefined);
  request.write('begun');
  const response = await new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve));
  let body = '';
  response.on('data', (chunk: Buffer) => (body += chunk.toString()));
  await eventually(() => body.includes(' '));
  const closed = new Promise<string>((resolve) => response.once('close', () => resolve(body)));
  return { pid: Number.parseInt(body, 10), end: () => request.end(), closed };
}

test('two workers answer on one port, and what they count is added up', async () => {
  const service = await run();
  await isReady(service);
  const seen = new Set<number>();
  let requests = 0;
  await eventually(async () => {
    seen.add(await service.whoAnswers());
    requests += 1;
    return seen.size === 2;
  });

  expect([...seen].toSorted()).toEqual(service.created().toSorted());
  expect(seen).not.toContain(service.child.pid);
  expect(await service.metric('answered_total', 'path="/"')).toBe(requests);
  expect(await service.metric('answered_total', 'service="test-service"')).toBe(requests);
  expect(await service.metric('added_up')).toBe(14);
  expect(await service.metric('known_to_all')).toBe(7);
  expect(await service.liveness()).toBe(200);
});

test('with one there are no others: the process itself answers, and its management port', async () => {
  const service = await run({ WORKERS: '1' });
  await isReady(service);

  expect(await service.whoAnswers()).toBe(service.child.pid);
  expect(await service.metric('answered_total')).toBe(1);
  service.child.kill('SIGTERM');
  expect(await service.ended).toBe(0);
  expect(service.created()).toEqual([service.child.pid]);
});

test('a worker that is killed comes back, the others go on answering, and nothing that was counted is lost', async () => {
  const service = await run();
  await isReady(service);
  const [first = 0, second = 0] = service.created();
  const seen: number[] = [];
  await eventually(async () => {
    seen.push(await service.whoAnswers());
    return seen.includes(first) && seen.includes(second);
  });
  expect(await service.metric('answered_total')).toBe(seen.length);

  process.kill(first, 'SIGKILL');
  await eventually(() => service.output().includes('worker died'));
  await eventually(async () => {
    const answers = await service.whoAnswers();
    expect(answers).not.toBe(first);
    seen.push(answers);
    return answers !== second;
  });

  await isReady(service);
  expect(service.created()).toHaveLength(3);
  expect(await service.metric('answered_total')).toBe(seen.length);
  expect(await service.metric('worker_restarts_total')).toBe(1);
});

test('while a worker is missing it is not ready', async () => {
  const service = await run({ RESTART_AFTER_MS: '60000' });
  await isReady(service);

  process.kill(service.created()[0] ?? 0, 'SIGKILL');

  await eventually(async () => (await service.readiness()) === 503);
});

test('a worker that hangs does not take the metrics away', async () => {
  const service = await run();
  await isReady(service);
  const seen: number[] = [];
  await eventually(async () => {
    seen.push(await service.whoAnswers());
    return new Set(seen).size === 2;
  });
  expect(await service.metric('answered_total')).toBe(seen.length);

  const hung = fetch(`${service.url}/hang`).catch(() => undefined);
  await eventually(() => service.output().includes('hanging'));

  expect(await service.metric('answered_total')).toBe(seen.length);
  process.kill(-(service.child.pid ?? 0), 'SIGKILL');
  await hung;
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s lets a request in flight come to its end, and ends with 0',
  async (signal) => {
    const service = await run();
    await isReady(service);
    const request = await inFlight(service);

    service.child.kill(signal);
    await eventually(() => service.output().includes(`leaving ${request.pid}`));
    expect(await service.readiness()).toBe(503);
    request.end();

    expect(await request.closed).toBe(`${request.pid} whole`);
    expect(await service.ended).toBe(0);
    expect(service.created()).toHaveLength(2);
  },
);

test.each(['SIGTERM', 'SIGINT'] as const)('%s to the whole group drains as well', async (signal) => {
  const service = await run();
  await isReady(service);
  const request = await inFlight(service);

  process.kill(-(service.child.pid ?? 0), signal);
  await eventually(() => service.output().includes(`leaving ${request.pid}`));
  request.end();

  expect(await request.closed).toBe(`${request.pid} whole`);
  expect(await service.ended).toBe(0);
});

test('a second signal ends everything at once', async () => {
  const service = await run();
  await isReady(service);
  const request = await inFlight(service);
  service.child.kill('SIGTERM');
  await eventually(async () => (await service.readiness()) === 503);

  service.child.kill('SIGTERM');

  expect(await service.ended).toBe(1);
  expect(await request.closed).not.toContain('whole');
});

test('what is not drained at the limit is killed, and the end is not a good one', async () => {
  const service = await run({ DRAIN_LIMIT_MS: '100' });
  await isReady(service);
  const request = await inFlight(service);

  service.child.kill('SIGTERM');

  expect(await service.ended).toBe(1);
  expect(await request.closed).not.toContain('whole');
  expect(service.output()).toContain('worker did not end well');
});

test('workers that do not come up end it with 1, after five times each at most', async () => {
  const service = await run({ FAILS: 'yes', RESTART_AFTER_MS: '1' });

  expect(await service.ended).toBe(1);
  expect(service.output()).toContain('workers do not start');
  expect(service.output()).not.toContain('Warning');
  const starts = service.created().length;
  expect(starts).toBeGreaterThanOrEqual(5);
  expect(starts).toBeLessThanOrEqual(10);
});

test('a bad configuration ends it with 1 and all of its problems, and no worker is made', async () => {
  const service = await run({ WORKERS: '65', HTTP_PORT: 'x', INTERNAL_JWKS: '' });

  expect(await service.ended).toBe(1);
  expect(service.output()).toContain('3 problem(s)');
  for (const key of ['WORKERS', 'HTTP_PORT', 'INTERNAL_JWKS']) expect(service.output()).toContain(key);
  expect(service.output().match(/cannot start/g)).toHaveLength(1);
  expect(service.created()).toEqual([]);
});

test('with several, too, a bad configuration is found before any worker', async () => {
  const service = await run({ HTTP_PORT: 'x' });

  expect(await service.ended).toBe(1);
  expect(service.output().match(/cannot start/g)).toHaveLength(1);
});

test('workers end with a primary that is killed', async () => {
  const service = await run();
  await isReady(service);

  service.child.kill('SIGKILL');

  await service.ended;
  await eventually(() =>
    service.created().every((pid) => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    }),
  );
});
