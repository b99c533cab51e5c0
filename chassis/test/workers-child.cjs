'use strict';
const { writeSync } = require('node:fs');
const { createServer } = require('node:http');
const { loadConfig, processConfig, workersConfig } = require('../dist/config.js');
const { listening, serverLimits } = require('../dist/http-server.js');
const { runWorkers } = require('../dist/workers.js');
const { z } = require('zod');

/** A small service for workers.test.ts: it tells who answers, and answers a body when all of it has come. */
function createApp(config, { metrics }) {
  process.stdout.write(`created in ${process.pid}\n`);
  const answered = metrics.counter('answered_total', 'Requests', ['path']);
  metrics.gauge('added_up', 'What each worker has of its own').set(7);
  metrics.gauge('known_to_all', 'What all workers say', [], { ofWorkers: 'max' }).set(7);
  const server = createServer(serverLimits, (request, response) => {
    answered.inc({ path: request.url });
    if (request.url === '/hang') {
      writeSync(1, 'hanging\n');
      for (;;);
    }
    response.setHeader('connection', 'close');
    response.write(`${process.pid} `);
    request.on('data', () => undefined).on('end', () => response.end('whole'));
  });
  const failing = {
    name: 'failing',
    start: () => Promise.reject(new Error('no way')),
    stop: () => Promise.resolve(),
  };
  const http = listening('http server', server, { host: config.host, port: config.httpPort });
  const leaving = {
    name: 'leaving',
    start: () => Promise.resolve(),
    stop: async () => writeSync(1, `leaving ${process.pid}\n`),
  };
  return { components: [http, leaving, ...(process.env.FAILS ? [failing] : [])] };
}

void runWorkers({
  name: 'test-service',
  config: () =>
    loadConfig({ service: 'test-service', schema: z.object({ ...processConfig, ...workersConfig }) }),
  createApp,
  restartAfterMs: Number(process.env.RESTART_AFTER_MS ?? 1_000),
  drainLimitMs: Number(process.env.DRAIN_LIMIT_MS ?? 25_000),
});
