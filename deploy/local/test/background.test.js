'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { joinBackground, leaveBackground } = require('../background');

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

test('a real process is in it where we may, and the group goes with the last one', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));

  const joined = joinBackground(child.pid);
  const groups = fs.existsSync(`/proc/${child.pid}/cgroup`)
    ? fs.readFileSync(`/proc/${child.pid}/cgroup`, 'utf8')
    : '';
  child.kill('SIGKILL');
  await ended;
  leaveBackground();

  expect(groups.includes('/onrush-background')).toBe(joined);
});
