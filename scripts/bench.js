'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');
const { root } = require('../deploy/local/paths');
const { stopFleets } = require('../deploy/local/fleet');
const { areServersUp, serversDown, serversUp } = require('../deploy/local/servers');
const { build, continueOnProjectNode, installPackages, withProjectNode } = require('./packages');

/** Brings the servers up, and hands over to bench/, which starts a fleet of its own. */
async function bench(progress, args) {
  await installPackages(progress);
  await continueOnProjectNode();
  await build(progress);
  const asksForHelp = args.length === 0 || args.includes('--help') || args.includes('-h');
  const wereUp = areServersUp();
  const servers = asksForHelp ? {} : await serversUp(progress);
  const script = path.join(root, 'bench', 'dist', 'main.js');
  const child = spawn(process.execPath, ['--enable-source-maps', script, ...args], {
    stdio: 'inherit',
    cwd: root,
    env: { ...withProjectNode(), ...servers },
  });
  process.on('SIGINT', () => undefined);
  const code = await new Promise((resolve) => child.once('exit', (exitCode) => resolve(exitCode ?? 1)));
  await stopFleets('bench_');
  if (!wereUp && !asksForHelp) await serversDown(progress);
  process.exit(code);
}

module.exports = { bench };
