'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { local, localFolder, readJson, root } = require('../deploy/local/paths');
const { stopFleets } = require('../deploy/local/fleet');
const { provideBuildah } = require('../deploy/docker/buildah');
const { provideTools } = require('../deploy/kubernetes/tools/tools');
const { installObservers } = require('../deploy/local/observers');
const { ownsServers, serversDown, serversUp } = require('../deploy/local/servers');
const { build, continueOnProjectNode, installPackages, isInstalled, withProjectNode } = require('./packages');
const { run } = require('../deploy/local/tools/run');
const { folder: coverageFolder, lineCoverage } = require('./coverage');

const report = path.join(local, 'jest.json');
const nodeOptions = '--experimental-vm-modules --disable-warning=ExperimentalWarning';

/** Format, lint and types first, since they fail fast; then Jest on the real servers. Arguments go to Jest, and skip the checks. */
async function test(progress, jestArguments) {
  const mayEndThem = ownsServers();
  const leave = async () => {
    await stopFleets('t_');
    if (mayEndThem) await serversDown(progress);
  };
  const leaveAndExit = () => void leave().then(() => process.exit(130));
  process.once('SIGINT', leaveAndExit);
  process.once('SIGTERM', leaveAndExit);
  const prepare = () => installPackages(progress).then(() => build(progress));
  const installedBefore = isInstalled();
  if (installedBefore) await continueOnProjectNode();
  const servers = await serversUp(progress, { beside: prepare });
  if (!installedBefore) await continueOnProjectNode();

  let failed = false;
  try {
    if (jestArguments.length === 0) await check(progress);
    if (jestArguments.length === 0 || jestArguments.includes('deploy')) {
      // A build beside tests would take the processors from them. Where one fails, the test that needs it says so.
      for (const install of [installObservers, provideTools, provideBuildah])
        await install(progress).catch((error) => progress.say(error.message));
    }
    failed = (await jest(servers, jestArguments)) !== 0;
  } finally {
    await leave();
  }
  if (jestArguments.length === 0) {
    const { lines, isEnough } = lineCoverage();
    console.log(lines);
    failed ||= !isEnough;
  }
  console.log(summary());
  process.exitCode = failed ? 1 : 0;
}

async function check(progress) {
  const bin = (name) => path.join(root, 'node_modules', '.bin', name);
  const env = withProjectNode();
  await progress.step('checking format', () =>
    run(bin('prettier'), ['--check', '.'], { name: 'prettier', cwd: root, env }),
  );
  await progress.step('checking types of tests', () =>
    run(bin('tsc'), ['--project', 'tsconfig.tests.json'], { name: 'types', cwd: root, env }),
  );
  await progress.step('linting', () => run(bin('eslint'), ['.'], { name: 'eslint', cwd: root, env }));
}

function jest(servers, jestArguments) {
  fs.rmSync(report, { force: true });
  const temporary = path.join(local, 'tmp');
  fs.rmSync(temporary, { recursive: true, force: true });
  localFolder('tmp');
  const script = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const coverage = jestArguments.length === 0 ? ['--coverage', `--coverageDirectory=${coverageFolder}`] : [];
  const child = spawn(
    process.execPath,
    [script, '--ci', '--json', `--outputFile=${report}`, ...coverage, ...jestArguments],
    {
      // The JSON on standard output is in the file too; a person reads standard error.
      stdio: ['ignore', 'ignore', 'inherit'],
      cwd: root,
      env: { ...withProjectNode(), ...servers, NODE_OPTIONS: nodeOptions, TMPDIR: temporary },
    },
  );
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

/** The last line: counted by Jest, never by hand. */
function summary() {
  const {
    numPassedTests: passed = 0,
    numFailedTests = 0,
    numPendingTests: skipped = 0,
    numRuntimeErrorTestSuites = 0,
  } = readJson(report, {});
  // A file that could not even be loaded has no tests to fail, and is a failure all the same.
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  return `tests: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

module.exports = { test };
