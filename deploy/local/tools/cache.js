'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { cache, readJson } = require('../paths');
const { birthOf } = require('../process');

/**
 * The folder of a tool in the cache. Where it is missing, `build` fills a folder of another name, which is renamed at the very end, so that an
 * interrupted build is never taken for a finished one; of two checkouts that need it, one builds and the other waits.
 */
async function cachedTool(name, build) {
  const folder = path.join(cache, name);
  fs.mkdirSync(cache, { recursive: true });
  while (!fs.existsSync(folder)) {
    if (!takeLock(name)) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      continue;
    }
    const temporary = path.join(cache, `building-${name}-${process.pid}`);
    const cleanUp = () => fs.rmSync(temporary, { recursive: true, force: true });
    try {
      removeAbandoned(name);
      fs.mkdirSync(temporary, { recursive: true });
      await build(temporary);
      if (!fs.existsSync(folder)) fs.renameSync(temporary, folder);
    } finally {
      cleanUp();
      fs.rmSync(lockOf(name), { force: true });
    }
  }
  return folder;
}

const isCached = (name) => fs.existsSync(path.join(cache, name));

const lockOf = (name) => path.join(cache, `${name}.lock`);

/** False while another living process builds it. A link appears with its content, so nobody reads half a lock. */
function takeLock(name) {
  const lock = lockOf(name);
  const mine = `${lock}.${process.pid}`;
  fs.writeFileSync(mine, JSON.stringify({ pid: process.pid, birth: birthOf(process.pid) }));
  try {
    fs.linkSync(mine, lock);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    fs.rmSync(mine, { force: true });
  }
  const holder = readJson(lock, undefined);
  if (!isAlive(holder)) fs.rmSync(lock, { force: true });
  return false;
}

const isAlive = (holder) => holder !== undefined && birthOf(holder.pid) === holder.birth;

/** What interrupted builds left behind. */
function removeAbandoned(name) {
  const prefix = `building-${name}-`;
  for (const entry of fs.readdirSync(cache)) {
    if (entry.startsWith(prefix) && birthOf(Number(entry.slice(prefix.length))) === undefined)
      fs.rmSync(path.join(cache, entry), { recursive: true, force: true });
  }
}

module.exports = { cachedTool, isCached };
