import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '@onrush/chassis/logger';
import { createMetrics } from '@onrush/chassis/metrics';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { eventually } from '@onrush/chassis/testing/wait';
import { newExchange, sendJson } from '../src/exchange';
import { createServedRecord } from '../src/served-record';

const statuses: number[] = [];
const errorsTold: unknown[] = [];
const logger: Logger = {
  ...silentLogger,
  served: ({ status }) => void statuses.push(status),
  error: (message, fields) => void errorsTold.push({ message, ...fields }),
};
const metrics = createMetrics({ service: 'test' });
const clientErrors: Error[] = [];
let server: Server;
let url: string;

/** Answers all of a turn together, as the path says: `/<status>/<version>`. */
beforeAll(async () => {
  const record = createServedRecord({ logger, metrics });
  server = createServer((request, response) => {
    const exchange = newExchange(request, response, '127.0.0.1', () => true);
    const [, status = '', version = ''] = (request.url ?? '').split('/');
    exchange.headers.push('X-Served-Version', decodeURIComponent(version));
    response.on('close', () => record(exchange));
    // Until the next two are there, so that they leave in one turn.
    held.push(() => sendJson(exchange, Number(status), '{}'));
    if (held.length === 3) for (const answer of held.splice(0)) answer();
  });
  server.on('clientError', (error, socket) => {
    clientErrors.push(error);
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
const held: (() => void)[] = [];
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  statuses.length = 0;
  errorsTold.length = 0;
});

test.each(['/0/1.0.0', '/1000/1.0.0', `/200/${encodeURIComponent('1.0.0\r\nx: y')}`])(
  'an answer that cannot be written (%s) is cut off and told in the log; others of its turn leave',
  async (path) => {
    const answers = await Promise.allSettled(['/200/a', path, '/200/b'].map((each) => fetch(url + each)));

    expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 'cut'))).toEqual([
      200,
      'cut',
      200,
    ]);
    await eventually(() => statuses.length === 3);
    expect(statuses.toSorted()).toEqual([200, 200, 499]);
    expect(errorsTold).toMatchObject([
      {
        message: 'answer not written',
        error: { code: expect.stringMatching(/^ERR_/) },
        trace_id: expect.any(String),
      },
    ]);
    expect(clientErrors).toEqual([]);
  },
);

test('answers to buyers are counted from 0, before the first of them', async () => {
  const text = await metrics.registry.getSingleMetricAsString('http_server_duration_seconds');

  for (const code of [202, 409, 429, 503])
    expect(text).toMatch(new RegExp(`_count{.*activities/:id/buy",code="${code}".*} 0`));
});
