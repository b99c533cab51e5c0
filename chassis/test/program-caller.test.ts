import { z } from 'zod';
import { defineErrors } from '../src/errors';
import { route } from '../src/http-routes';
import { createHttpServer, type HttpServer } from '../src/http-server';
import { createMetrics } from '../src/metrics';
import { currentContext } from '../src/request-context';
import { silentLogger } from '../src/testing/logger';
import { createTestTokens } from '../src/testing/tokens';

const errors = defineErrors('notify-service', {});
const tokens = createTestTokens();
const token = 'a-token-that-only-the-program-has';

const routes = [
  route(
    'POST /internal/report',
    { summary: 'Told by a program', access: { program: 'reporter' }, body: z.object({}), reply: z.string() },
    () => Promise.resolve(currentContext()?.caller ?? 'nobody'),
  ),
  route('GET /api/v1/things', { summary: 'For all', access: 'public', reply: z.string() }, () =>
    Promise.resolve(currentContext()?.caller ?? 'nobody'),
  ),
];

const servers: HttpServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.stop())));

/** Asks a server whose programs have those tokens. */
async function served(programs?: Record<string, string>) {
  const server = createHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes,
    tokens: tokens.of('notify-service'),
    errors,
    logger: silentLogger,
    metrics: createMetrics({ service: 'test' }),
    ...(programs && { programs }),
  });
  await server.start();
  servers.push(server);
  return async (at: string, headers: Record<string, string>) => {
    const [method = '', path = ''] = at.split(' ');
    const body = method === 'POST' ? { body: '{}' } : {};
    const answer = await fetch(`http://127.0.0.1:${server.port()}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...body,
    });
    return { status: answer.status, data: ((await answer.json()) as { data: unknown }).data };
  };
}

const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const ofGateway = async () => ({ 'x-internal-token': await tokens.of('gateway').issue('notify-service') });

test('a program is known by its token, on its own route and nowhere else', async () => {
  const ask = await served({ reporter: token });

  expect(await ask('POST /internal/report', bearer(token))).toEqual({ status: 200, data: 'reporter' });
  expect(await ask('GET /api/v1/things', bearer(token))).toEqual({ status: 401, data: null });
  expect(await ask('GET /internal/report', bearer(token))).toEqual({ status: 405, data: null });
});

test('nobody else is let in there: no token, another, another scheme, the gateway', async () => {
  const ask = await served({ reporter: token });

  for (const headers of [
    {},
    bearer(`${token}x`),
    bearer(''),
    { authorization: token },
    { authorization: `Basic ${token}` },
    await ofGateway(),
  ])
    expect(await ask('POST /internal/report', headers)).toEqual({ status: 401, data: null });
  expect(await ask('GET /api/v1/things', await ofGateway())).toEqual({ status: 200, data: 'gateway' });
});

test.each([[undefined], [{}], [{ reporter: '' }], [{ another: token }]])(
  'where the program has no token (%j) its route is for nobody',
  async (programs) => {
    const ask = await served(programs);

    expect((await ask('POST /internal/report', bearer(token))).status).toBe(401);
    expect((await ask('POST /internal/report', bearer(''))).status).toBe(401);
    expect((await ask('POST /internal/report', {})).status).toBe(401);
  },
);
