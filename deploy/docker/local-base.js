'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../local/paths');
const { cachedTool } = require('../local/tools/cache');
const { findProgram } = require('../local/tools/find');
const { run } = require('../local/tools/run');

/** The name that the Dockerfile starts from. */
function baseName() {
  const [, name] =
    /^ARG NODE_IMAGE=(\S+)$/m.exec(fs.readFileSync(path.join(root, 'Dockerfile'), 'utf8')) ?? [];
  if (!name) throw new Error('Dockerfile: expected a line ARG NODE_IMAGE=<image>');
  return name;
}

const nodeVersion = () => /node:(\d+\.\d+\.\d+)/.exec(baseName())[1];

/**
 * The root file system of an image like the official one, for machines that reach no registry of images: a small Debian, the Node of our
 * packages, the npm of this machine. Once per machine.
 */
const baseFileSystem = () =>
  cachedTool(`node-base-${nodeVersion()}`, async (folder) => {
    const rootfs = path.join(folder, 'rootfs');
    await run('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'bookworm', rootfs], {
      name: 'debootstrap',
    });
    for (const unneeded of [
      'var/cache/apt',
      'var/lib/apt/lists',
      'usr/share/doc',
      'usr/share/man',
      'usr/share/locale',
    ])
      fs.rmSync(path.join(rootfs, unneeded), { recursive: true, force: true });
    addNode(path.join(rootfs, 'usr', 'local'));
    fs.appendFileSync(path.join(rootfs, 'etc', 'passwd'), 'node:x:1000:1000::/home/node:/bin/sh\n');
    fs.appendFileSync(path.join(rootfs, 'etc', 'group'), 'node:x:1000:\n');
  });

function addNode(folder) {
  fs.copyFileSync(path.join(root, 'node_modules', 'node', 'bin', 'node'), path.join(folder, 'bin', 'node'));
  const npm = path.resolve(fs.realpathSync(findProgramOutside('npm')), '..', '..');
  fs.cpSync(npm, path.join(folder, 'lib', 'node_modules', 'npm'), { recursive: true });
  for (const name of ['npm', 'npx'])
    fs.symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, path.join(folder, 'bin', name));
}

/** A program of the machine, not one of our packages. */
function findProgramOutside(name) {
  const outside = (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  return (
    outside.map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file)) ?? findProgram(name)
  );
}

module.exports = { baseFileSystem, baseName, nodeVersion };
