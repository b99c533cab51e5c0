'use strict';
const path = require('node:path');
const { local, localFolder } = require('../paths');
const { waitForPort } = require('../ports');
const { lastLines, pidOf, startProcess, stopProcess } = require('../process');
const { findProgram } = require('../tools/find');
const { giveTo, unprivilegedUser } = require('../unprivileged');

const findServer = () => findProgram('redis-server');

/** `appendfsync always`: what Redis has answered is on the disk. Purchases rely on it. */
async function start(port) {
  const folder = localFolder('redis');
  const program = findServer();
  const user = unprivilegedUser(local, program);
  if (pidOf('redis') === undefined) {
    giveTo(user, folder);
    const settings = {
      port,
      bind: '127.0.0.1',
      dir: folder,
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
      'maxmemory-policy': 'noeviction',
      daemonize: 'no',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const { log } = await startProcess({
      name: 'redis',
      command: program,
      args,
      user,
      cwd: path.join(local),
    });
    await waitForPort(port, { isAlive: () => pidOf('redis') !== undefined }).catch((error) => {
      throw new Error(`Redis did not start: ${error.message}\n${lastLines(log)}`);
    });
  }
  return { REDIS_URL: `redis://127.0.0.1:${port}` };
}

module.exports = { findServer, start, stop: () => stopProcess('redis') };
