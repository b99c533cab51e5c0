'use strict';
const path = require('node:path');
const { cache, local, localFolder } = require('../paths');
const { waitForPort } = require('../ports');
const { lastLines, pidOf, startProcess, stopProcess } = require('../process');
const { isCached } = require('../tools/cache');
const { findProgram } = require('../tools/find');
const { jaegerTool } = require('../tools/install');
const { unprivilegedUser } = require('../unprivileged');

/** Traces are kept in memory; the oldest go first. */
const mostTraces = 10_000;
const anyPort = '127.0.0.1:0';

const findServer = () =>
  findProgram('jaeger-all-in-one') ??
  (isCached(jaegerTool) ? path.join(cache, jaegerTool, 'jaeger') : undefined);

/** Takes spans by OTLP (gRPC), and answers for traces by HTTP. What else it could listen for gets a port that nobody knows. */
async function start({ jaeger, jaegerOtlp }) {
  const program = findServer();
  if (pidOf('jaeger') === undefined) {
    const settings = {
      'query.http-server.host-port': `127.0.0.1:${jaeger}`,
      'collector.otlp.enabled': true,
      'collector.otlp.grpc.host-port': `127.0.0.1:${jaegerOtlp}`,
      'collector.otlp.http.host-port': anyPort,
      'collector.grpc-server.host-port': anyPort,
      'collector.http-server.host-port': anyPort,
      'query.grpc-server.host-port': anyPort,
      'admin.http.host-port': anyPort,
      'http-server.host-port': anyPort,
      'processor.jaeger-binary.server-host-port': anyPort,
      'processor.jaeger-compact.server-host-port': anyPort,
      'processor.zipkin-compact.server-host-port': anyPort,
      'memory.max-traces': mostTraces,
      'log-level': 'warn',
    };
    const { log } = await startProcess({
      name: 'jaeger',
      command: program,
      args: Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
      env: { PATH: process.env.PATH, SPAN_STORAGE_TYPE: 'memory' },
      user: unprivilegedUser(local, path.dirname(program)),
      cwd: localFolder(),
      niceness: 15,
    });
    const isAlive = () => pidOf('jaeger') !== undefined;
    await Promise.all([jaeger, jaegerOtlp].map((port) => waitForPort(port, { isAlive }))).catch((error) => {
      throw new Error(`Jaeger did not start: ${error.message}\n${lastLines(log)}`);
    });
  }
  return { url: `http://127.0.0.1:${jaeger}`, otlp: `http://127.0.0.1:${jaegerOtlp}` };
}

module.exports = { findServer, start, stop: () => stopProcess('jaeger') };
