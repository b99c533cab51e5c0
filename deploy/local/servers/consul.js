'use strict';
const path = require('node:path');
const { cache, local, localFolder } = require('../paths');
const { waitForPort } = require('../ports');
const { lastLines, pidOf, startProcess, stopProcess } = require('../process');
const { isCached } = require('../tools/cache');
const { findProgram } = require('../tools/find');
const { consulTool } = require('../tools/install');
const { giveTo, unprivilegedUser } = require('../unprivileged');
const { waitUntil } = require('../wait');

const findServer = () =>
  findProgram('consul') ?? (isCached(consulTool) ? path.join(cache, consulTool, 'consul') : undefined);

/** One server on ports of its own; it counts as started when it has elected itself. */
async function start({ consul, consulServer, consulSerf }) {
  const folder = localFolder('consul');
  const program = findServer();
  const user = unprivilegedUser(local, path.dirname(program));
  if (pidOf('consul') === undefined) {
    giveTo(user, folder);
    const settings = {
      'data-dir': folder,
      bind: '127.0.0.1',
      client: '127.0.0.1',
      node: 'onrush-local',
      'bootstrap-expect': 1,
      'http-port': consul,
      'server-port': consulServer,
      'serf-lan-port': consulSerf,
      'serf-wan-port': -1,
      'grpc-port': -1,
      'grpc-tls-port': -1,
      'dns-port': -1,
      'log-level': 'warn',
    };
    const options = Object.entries(settings).map(([name, value]) => `-${name}=${value}`);
    const { log } = await startProcess({
      name: 'consul',
      command: program,
      // The default timing is for a cluster on slow machines: one server would wait seconds before it elects itself.
      args: ['agent', '-server', '-hcl=performance { raft_multiplier = 1 }', ...options],
      user,
      cwd: folder,
    });
    const isAlive = () => pidOf('consul') !== undefined;
    await waitForPort(consul, { isAlive })
      .then(() => waitForLeader(consul, isAlive))
      .catch((error) => {
        throw new Error(`Consul did not start: ${error.message}\n${lastLines(log)}`);
      });
  }
  return { CONSUL_HTTP_ADDR: `127.0.0.1:${consul}` };
}

async function waitForLeader(port, isAlive) {
  const hasLeader = () =>
    fetch(`http://127.0.0.1:${port}/v1/status/leader`)
      .then((answer) => answer.json())
      .then(Boolean, () => false);
  const outcome = await waitUntil(hasLeader, { limitMs: 120_000, isAlive });
  if (outcome !== 'succeeded') throw new Error('it has no leader');
}

module.exports = { findServer, start, stop: () => stopProcess('consul') };
