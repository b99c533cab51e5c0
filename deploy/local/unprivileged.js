'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/**
 * As root: the ids of `nobody`, for a server whose data folder it may own and whose program it can reach; undefined where a folder on the
 * way is closed to it (a checkout under /root), or where we are nobody special anyway.
 */
function unprivilegedUser(dataFolder, ...needed) {
  if (typeof process.getuid !== 'function' || process.getuid() !== 0) return undefined;
  if (![dataFolder, ...needed].every(isOpenToAll)) return undefined;
  try {
    const id = (flag) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

function isOpenToAll(target) {
  for (let folder = path.resolve(target); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (
      fs.existsSync(folder) &&
      fs.statSync(folder).isDirectory() &&
      (fs.statSync(folder).mode & 0o001) === 0
    )
      return false;
  }
  return true;
}

/** Gives a folder and all in it to that user. */
function giveTo(user, folder) {
  if (!user) return;
  fs.chownSync(folder, user.uid, user.gid);
  for (const entry of fs.readdirSync(folder, { recursive: true }))
    fs.lchownSync(path.join(folder, entry), user.uid, user.gid);
}

module.exports = { unprivilegedUser, giveTo };
