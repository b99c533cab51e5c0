'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');
const { root } = require('../deploy/local/paths');
const { build, continueOnProjectNode, installPackages, withProjectNode } = require('./packages');

/** Hands over to bench/, which speaks to a fleet that runs already; ends with its status. */
async function rehearse(progress, args) {
  await installPackages(progress);
  await continueOnProjectNode();
  await build(progress);
  const script = path.join(root, 'bench', 'dist', 'rehearsal', 'main.js');
  const child = spawn(process.execPath, ['--enable-source-maps', script, ...args], {
    stdio: 'inherit',
    cwd: root,
    env: withProjectNode(),
  });
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const code = await new Promise((resolve) => child.once('exit', (exitCode) => resolve(exitCode ?? 1)));
  process.exit(code);
}

module.exports = { rehearse };
