'use strict';
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { local, localFolder } = require('../paths');
const { waitForPort } = require('../ports');
const { lastLines, pidOf, startProcess, stopProcess } = require('../process');
const { findProgram } = require('../tools/find');
const { giveTo, unprivilegedUser } = require('../unprivileged');

/** Streams as we read them and `EXPIRE … NX` are of Redis 7; an older one is as good as none. */
const oldestMajor = 7;

function findServer() {
  const program = findProgram('redis-server');
  return program && majorOf(program) >= oldestMajor ? program : undefined;
}

function majorOf(program) {
  const text = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout ?? '';
  return Number(/v=(\d+)/.exec(text)?.[1] ?? 0);
}

/** `appendfsync always`: what Redis has answered is on the disk. Purchases rely on it. */
async function start(port) {
  const folder = localFolder('redis');
  const program = findServer();
  if (!program)
    throw new Error(`the Redis of this system is older than ${oldestMajor}; give one in REDIS_URL`);
  const user = unprivilegedUser(local, program);
  if (pidOf('redis') === undefined) {
    giveTo(user, folder);
    const settings = {
      port,
      bind: '127.0.0.1',
      dir: folder,
      appendonly: 'yes',
      appendfsync: 'always',
      // Not in the middle of a sale: it takes a core, and buyers wait for the disk.
      'auto-aof-rewrite-min-size': '1gb',
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
