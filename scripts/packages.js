'use strict';
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { root, writeWhole } = require('../deploy/local/paths');
const { run } = require('../deploy/local/tools/run');

const modules = path.join(root, 'node_modules');
const stamp = path.join(modules, '.onrush-install');
const node = path.join(modules, '.bin', 'node');
const neededMajor = 24;

const lockHash = () =>
  createHash('sha256')
    .update(fs.readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');

const isInstalled = () => fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === lockHash();

/** Installs what the lock file names, unless it is there. */
async function installPackages(progress) {
  if (isInstalled()) return;
  await progress.step('installing packages', () =>
    run('npm', ['ci', '--no-audit', '--no-fund'], { name: 'npm-ci', cwd: root }),
  );
  writeWhole(stamp, lockHash());
}

/** Goes on under the Node that the project brings along, where this one is older; never returns then. */
async function continueOnProjectNode() {
  if (Number(process.versions.node.split('.')[0]) >= neededMajor) return;
  if (!fs.existsSync(node)) {
    throw new Error(
      `Node ${neededMajor} is missing from node_modules: its package needs its install script, so install without --ignore-scripts`,
    );
  }
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit', env: withProjectNode() });
  process.removeAllListeners('SIGINT');
  process.removeAllListeners('SIGTERM');
  // A terminal sends its Ctrl-C to both of us; a signal sent to us alone is passed on. Either way the child decides when to end.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const code = await new Promise((resolve) => child.once('exit', (exitCode) => resolve(exitCode ?? 1)));
  process.exit(code);
}

/** An environment in which `node` is the project's own. */
const withProjectNode = (environment = process.env) => ({
  ...environment,
  PATH: `${path.join(modules, '.bin')}${path.delimiter}${environment.PATH ?? ''}`,
});

/** Generates the types of the .proto files and compiles, both where something has changed. */
const build = (progress) =>
  progress.step('building', async () => {
    const env = withProjectNode();
    await run(node, ['scripts/generate.mjs'], { name: 'proto', cwd: path.join(root, 'proto'), env });
    const tsc = path.join(modules, 'typescript', 'bin', 'tsc');
    await run(node, [tsc, '--build'], { name: 'build', cwd: root, env });
  });

module.exports = { isInstalled, installPackages, continueOnProjectNode, withProjectNode, build, node };
