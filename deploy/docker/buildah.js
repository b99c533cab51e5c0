'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { localFolder, root } = require('../local/paths');
const { findProgram } = require('../local/tools/find');
const { canInstallDebianPackages, installDebianPackages } = require('../local/tools/install');
const { run } = require('../local/tools/run');
const { baseFileSystem, baseName } = require('./local-base');

const packages = ['buildah', 'debootstrap'];
const isThere = () => packages.every((name) => findProgram(name));
const isRoot = () => process.getuid?.() === 0;

const missing = [
  'images cannot be built on this machine. Ways to build them:',
  '  a Docker engine that answers',
  '  or buildah and debootstrap on the PATH, as root',
  '  or root on Debian or Ubuntu, and they are installed',
].join('\n');

/** Builds without an engine, and without a registry of images. Throws, and says how to get it, where it cannot be had. */
async function provideBuildah(progress) {
  if (!isRoot() || (!isThere() && !canInstallDebianPackages())) throw new Error(missing);
  if (!isThere()) await progress.step('installing buildah', () => installDebianPackages(packages));
}

/** Images of this checkout, apart from what else the machine has. */
function buildah() {
  const folder = localFolder('images');
  const at = (driver) => [
    '--root',
    path.join(folder, driver),
    '--runroot',
    path.join(folder, `${driver}-run`),
    '--storage-driver',
    driver,
  ];
  // Layers share what they have in common where the kernel can lay one over the other; else each is a whole copy.
  const driver =
    spawnSync('buildah', [...at('overlay'), 'images'], { stdio: 'ignore' }).status === 0 ? 'overlay' : 'vfs';
  const call = (...args) => {
    const { status, stdout, stderr } = spawnSync('buildah', [...at(driver), ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`buildah ${args[0]} ended with ${status}:\n${stderr}`);
    return stdout.trim();
  };
  return { call, options: at(driver) };
}

/** The base under the name of the official one, so that the Dockerfile is the same everywhere. */
async function provideBase(progress, { call }) {
  if (call('images', '--noheading', '--format', '{{.Name}}:{{.Tag}}').split('\n').includes(baseName()))
    return;
  const folder = await progress.step('making a base image (1 minute, once per machine)', baseFileSystem);
  const container = call('from', 'scratch');
  call('add', '--quiet', container, path.join(folder, 'rootfs'), '/');
  call('commit', '--quiet', '--rm', container, baseName());
}

/** Builds one image; answers with its size, and with `call`, by which it can be looked at. */
async function buildWithBuildah(progress, { name, buildArguments, timestamp }) {
  await provideBuildah(progress);
  const tool = buildah();
  await provideBase(progress, tool);
  const args = [
    ...tool.options,
    'bud',
    '--isolation=chroot',
    '--format=docker',
    '--layers',
    '--pull-never',
    `--timestamp=${timestamp}`,
    ...buildArguments.flatMap((argument) => ['--build-arg', argument]),
    ...volumes().flatMap((volume) => ['--volume', volume]),
    '--tag',
    name,
    root,
  ];
  await progress.step(`building ${name}`, () => run('buildah', args, { name: 'buildah' }));
  const sizeOf = (image) => tool.call('images', '--noheading', '--format', '{{.Size}}', image);
  return { size: sizeOf(name), baseSize: sizeOf(baseName()), ...tool };
}

/** What npm has already, and whom this machine trusts; neither becomes part of an image. */
function volumes() {
  const npmCache = path.join(os.homedir(), '.npm');
  fs.mkdirSync(npmCache, { recursive: true });
  const trusted = process.env.NODE_EXTRA_CA_CERTS;
  if (!trusted) return [`${npmCache}:/root/.npm`];
  const npmrc = path.join(localFolder('images'), 'npmrc');
  fs.writeFileSync(npmrc, 'cafile=/run/trusted.crt\n');
  return [
    `${npmCache}:/root/.npm`,
    `${npmrc}:/root/.npmrc:ro`,
    `${fs.realpathSync(trusted)}:/run/trusted.crt:ro`,
  ];
}

module.exports = { buildWithBuildah, provideBuildah };
