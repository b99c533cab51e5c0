'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { birthOf, hasDied, lastLines, pidOf, startProcess, stopProcess } = require('../process');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'onrush-process-'));
const at = { runFolder: folder, logFolder: folder };
const startNode = (name, script, more = {}) =>
  startProcess({ name, command: process.execPath, args: ['-e', script], ...at, ...more });
const waitFor = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
};

test('a process is known by its name until it is stopped, and asked before it is ended', async () => {
  const script = `process.on('SIGTERM', () => { console.log('goodbye'); process.exit(0); });
    console.log('up'); setInterval(() => undefined, 1000);`;
  const { pid, log } = await startNode('polite', script);
  await waitFor(() => fs.readFileSync(log, 'utf8').includes('up'));
  expect(pidOf('polite', folder)).toBe(pid);

  expect(await stopProcess('polite', at)).toBe(true);

  expect(fs.readFileSync(log, 'utf8')).toContain('goodbye');
  expect(pidOf('polite', folder)).toBeUndefined();
  expect(await stopProcess('polite', at)).toBe(false);
});

test('one that ended before anybody could look has died, and nobody waits for its end', async () => {
  const { pid } = await startNode('quick', '');
  await waitFor(() => birthOf(pid) === undefined);
  fs.writeFileSync(path.join(folder, 'quick.json'), JSON.stringify({ pid }));

  expect(pidOf('quick', folder)).toBeUndefined();
  expect(hasDied('quick', folder)).toBe(true);
  expect(await stopProcess('quick', at)).toBe(false);
});

test('one that was killed has died, one that was stopped has not', async () => {
  const killed = await startNode('killed', 'setInterval(() => undefined, 1000)');
  await startNode('stopped', 'setInterval(() => undefined, 1000)');
  expect(hasDied('killed', folder)).toBe(false);

  process.kill(killed.pid, 'SIGKILL');
  await waitFor(() => hasDied('killed', folder));
  await stopProcess('stopped', at);

  expect(hasDied('stopped', folder)).toBe(false);
  await stopProcess('killed', at);
  expect(hasDied('killed', folder)).toBe(false);
});

test('one that does not listen is ended', async () => {
  const { log } = await startNode(
    'deaf',
    `process.on('SIGTERM', () => undefined); console.log('up'); setInterval(() => undefined, 1000);`,
  );
  await waitFor(() => fs.readFileSync(log, 'utf8').includes('up'));

  expect(await stopProcess('deaf', { ...at, limitMs: 200 })).toBe(true);

  expect(pidOf('deaf', folder)).toBeUndefined();
});

test('a stale pid file never costs another process its life', async () => {
  const { pid } = await startNode('bystander', 'setInterval(() => undefined, 1000)');
  fs.writeFileSync(path.join(folder, 'gone.json'), JSON.stringify({ pid, birth: 'stat:1' }));

  expect(pidOf('gone', folder)).toBeUndefined();
  expect(await stopProcess('gone', at)).toBe(false);

  expect(birthOf(pid)).toBeDefined();
  await stopProcess('bystander', at);
  expect(birthOf(pid)).toBeUndefined();
});

test('a program that is not there is an error with its name', async () => {
  await expect(startProcess({ name: 'ghost', command: '/nowhere/ghost', args: [], ...at })).rejects.toThrow(
    /ghost did not start/,
  );
});

test('followers are nice', async () => {
  const { pid } = await startNode('nice', 'setInterval(() => undefined, 1000)', { niceness: 15 });

  expect(os.getPriority(pid)).toBe(15);
  await stopProcess('nice', at);
});

test('whoever is to go first starts also where that is not allowed', async () => {
  const { pid } = await startNode('first', 'setInterval(() => undefined, 1000)', { niceness: -5 });

  expect(os.getPriority(pid)).toBe(process.getuid() === 0 ? -5 : 0);
  await stopProcess('first', at);
});

test('the end of a log is for messages', () => {
  const log = path.join(folder, 'some.log');
  fs.writeFileSync(log, 'a\nb\nc\n');

  expect(lastLines(log, 2)).toBe('b\nc');
  expect(lastLines(path.join(folder, 'none.log'))).toBe('');
});
