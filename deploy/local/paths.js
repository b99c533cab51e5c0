'use strict';
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '..', '..');
const local = path.join(root, '.local');

/** Tools are kept once per machine and user, whatever the number of checkouts. */
const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'onrush');

/** A folder under `.local`, made if need be. */
function localFolder(...parts) {
  const folder = path.join(local, ...parts);
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

/** Written to a temporary name and renamed, so that nobody ever reads half a file. */
function writeWhole(file, text, mode = 0o644) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  fs.writeFileSync(temporary, text, { mode });
  fs.renameSync(temporary, file);
}

const readJson = (file, otherwise) =>
  fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : otherwise;

/** Tells this checkout's containers from another's. */
const checkoutId = createHash('sha256').update(root).digest('hex').slice(0, 8);

module.exports = { root, local, cache, localFolder, writeWhole, readJson, checkoutId };
