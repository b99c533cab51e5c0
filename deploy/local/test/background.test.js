'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { joinBackground } = require('../background');
const { startProcess, stopProcess } = require('../process');

const newFolder = () => fs.mkdtempSync(path.join(os.tmpdir(), 'onrush-background-'));

/** What a kernel with groups puts into a new one. */
function playedGroup(root) {
  const group = path.join(root, 'onrush-background');
  fs.mkdirSync(group);
  fs.writeFileSync(path.join(group, 'cpu.idle'), '0');
  return (file) => fs.readFileSync(path.join(group, file), 'utf8');
}

test('a process joins the group that has the processors when nobody else wants them', () => {
  const [plain, root] = [newFolder(), newFolder()];
  const read = playedGroup(root);

  const joined = joinBackground(4711, [plain, root]);

  expect([joined, read('cpu.idle'), read('cgroup.procs')]).toEqual([true, '1', '4711']);
});

test('where the kernel has no such groups, nothing is left behind', () => {
  const plain = newFolder();

  const joined = joinBackground(4711, [plain, '/dev/null']);

  expect(joined).toBe(false);
  expect(fs.readdirSync(plain)).toEqual([]);
});

test('a process that is started for the background is in it where we may', async () => {
  const at = { runFolder: newFolder() };
  const args = ['-e', 'setInterval(() => undefined, 1000)'];
  const started = { name: 'follower', command: process.execPath, args, ...at, logFolder: at.runFolder };
  const { pid } = await startProcess({ ...started, isBackground: true });

  const groups = fs.existsSync(`/proc/${pid}/cgroup`) ? fs.readFileSync(`/proc/${pid}/cgroup`, 'utf8') : '';
  const isAllowed = joinBackground(pid);
  await stopProcess('follower', at);

  expect(groups.includes('/onrush-background')).toBe(isAllowed);
});
