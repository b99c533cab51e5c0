'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** Servers are often installed where only root's PATH looks. */
const furtherFolders = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/libexec',
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/opt/homebrew/sbin',
];

/** The full path of the first of these programs that is installed. */
function findProgram(...names) {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...furtherFolders];
  for (const name of names) {
    for (const folder of folders.filter(Boolean)) {
      const file = path.join(folder, name);
      try {
        fs.accessSync(file, fs.constants.X_OK);
        if (fs.statSync(file).isFile()) return file;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

/** True when a Docker engine answers; a client alone is not enough. */
function dockerAnswers() {
  return (
    findProgram('docker') !== undefined &&
    spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 5_000 }).status === 0
  );
}

/** `go version go1.26.8 linux/amd64` → [1, 26]. */
function goVersion() {
  const go = findProgram('go');
  const output = go ? spawnSync(go, ['version'], { encoding: 'utf8' }).stdout : '';
  const match = /go(\d+)\.(\d+)/.exec(output ?? '');
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

/** The major version of Java, 17 or later is needed. */
function javaVersion() {
  const java = findProgram('java');
  const output = java ? spawnSync(java, ['-version'], { encoding: 'utf8' }).stderr : '';
  return Number(/version "(\d+)/.exec(output ?? '')?.[1] ?? 0);
}

module.exports = { findProgram, dockerAnswers, goVersion, javaVersion };
