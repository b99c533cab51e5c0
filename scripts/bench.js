'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');
const { root } = require('../deploy/local/paths');
const { stopFleets } = require('../deploy/local/fleet');
const { areServersUp, serversDown, serversUp } = require('../deploy/local/servers');
const { build, continueOnProjectNode, installPackages, withProjectNode } = require('./packages');

/** Brings the servers up, and hands over to bench/, which starts a fleet of its own. Wrong arguments end with 2 before that. */
async function bench(progress, args) {
  await installPackages(progress);
  await continueOnProjectNode();
  await build(progress);
  const measures = await checkArguments(args);
  const wereUp = areServersUp();
  const servers = measures ? await serversUp(progress) : {};
  const script = path.join(root, 'bench', 'dist', 'main.js');
  const child = spawn(process.execPath, ['--enable-source-maps', script, ...args], {
    stdio: 'inherit',
    cwd: root,
    env: { ...withProjectNode(), ...servers },
  });
  process.on('SIGINT', () => undefined);
  const code = await new Promise((resolve) => child.once('exit', (exitCode) => resolve(exitCode ?? 1)));
  if (measures) await stopFleets('bench_');
  if (measures && !wereUp) await serversDown(progress);
  process.exit(code);
}

/** Whether they ask for something that needs servers. Help, and what is wrong, is said here, and ends the process. */
async function checkArguments(args) {
  const { createProgram } = require('../bench/dist/program');
  let measures = false;
  const measure = () => (measures = true);
  const actions = { seckill: measure, gateway: measure, tracing: measure, capacity: () => undefined };
  const program = createProgram(actions);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error.exitCode === undefined) throw error;
    process.exit(error.exitCode);
  }
  return measures;
}

module.exports = { bench };
