'use strict';
const { spawnSync } = require('node:child_process');
const { findProgram } = require('./find');
const { canInstallDebianPackages, installDebianPackages } = require('./install');

const missing = [
  'nginx is missing: the benchmark of the gateway compares with it. Ways to get it:',
  '  nginx on the PATH (Debian, Ubuntu: apt-get install nginx; macOS: brew install nginx)',
  '  or run as root on Debian or Ubuntu, and it is installed; its service is not started',
].join('\n');

/**
 * The path of nginx: from the PATH, else, as root on Debian, installed, without its service being started. Throws, and says how to get it,
 * where it cannot be had.
 */
async function provideNginx({
  find = () => findProgram('nginx'),
  canInstall = canInstallDebianPackages(),
  install = () => installDebianPackages(['nginx']),
} = {}) {
  if (!find() && canInstall) await install();
  const program = find();
  if (!program) throw new Error(missing);
  return program;
}

/** `nginx version: nginx/1.22.1` → 1.22.1 */
const nginxVersion = (program) =>
  /nginx\/(\S+)/.exec(spawnSync(program, ['-v'], { encoding: 'utf8' }).stderr ?? '')?.[1] ?? 'unknown';

module.exports = { provideNginx, nginxVersion };
