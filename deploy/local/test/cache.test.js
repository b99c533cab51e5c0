'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

process.env.XDG_CACHE_HOME = fs.mkdtempSync(path.join(os.tmpdir(), 'onrush-cache-'));
const { cachedTool, isCached } = require('../tools/cache');
const { birthOf } = require('../process');
const cache = path.join(process.env.XDG_CACHE_HOME, 'onrush');
const entries = () => fs.readdirSync(cache).sort();
const write = (text) => (folder) => fs.writeFileSync(path.join(folder, 'tool'), text);

test('a tool is built once', async () => {
  const build = jest.fn(write('one'));

  const folders = [await cachedTool('tool-1', build), await cachedTool('tool-1', build)];

  expect(folders).toEqual([path.join(cache, 'tool-1'), path.join(cache, 'tool-1')]);
  expect(build).toHaveBeenCalledTimes(1);
  expect(isCached('tool-1')).toBe(true);
});

test('a failed build leaves nothing behind, and the next one begins afresh', async () => {
  const failing = async (folder) => {
    await write('half')(folder);
    throw new Error('no network');
  };

  await expect(cachedTool('tool-2', failing)).rejects.toThrow('no network');
  expect(entries().filter((entry) => entry.includes('tool-2'))).toEqual([]);

  await cachedTool('tool-2', write('whole'));
  expect(fs.readFileSync(path.join(cache, 'tool-2', 'tool'), 'utf8')).toBe('whole');
});

test('what a killed build left is never taken for a tool, and its lock holds nobody up', async () => {
  const dead = 2 ** 22 + 1;
  fs.mkdirSync(path.join(cache, `building-tool-3-${dead}`));
  fs.writeFileSync(path.join(cache, 'tool-3.lock'), JSON.stringify({ pid: dead, birth: 'stat:1' }));
  expect(isCached('tool-3')).toBe(false);

  await cachedTool('tool-3', write('whole'));

  expect(entries().filter((entry) => entry.includes('tool-3'))).toEqual(['tool-3']);
});

test('while another process builds it, we wait for its result', async () => {
  const other = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
  await new Promise((resolve) => other.once('spawn', resolve));
  fs.writeFileSync(
    path.join(cache, 'tool-4.lock'),
    JSON.stringify({ pid: other.pid, birth: birthOf(other.pid) }),
  );
  const build = jest.fn();

  const waiting = cachedTool('tool-4', build);
  await new Promise((resolve) => setImmediate(resolve));
  fs.mkdirSync(path.join(cache, 'tool-4'));

  expect(await waiting).toBe(path.join(cache, 'tool-4'));
  expect(build).not.toHaveBeenCalled();
  other.kill();
});
