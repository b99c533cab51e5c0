import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import path from 'node:path';

const program = `
  const { getPriority } = require('node:os');
  const { goFirst } = require(${JSON.stringify(path.join(__dirname, '../dist/priority'))});
  goFirst();
  console.log(getPriority());
`;
const mayGoFirst = process.getuid?.() === 0;
const autogroup = '/proc/self/autogroup';

test('the load generator goes first where it may, and its session does no longer when it has ended', async () => {
  const session = spawn('sh', ['-c', `"$0" -e "$1"; cat ${autogroup} 2>&1`, process.execPath, program], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = await Promise.all([text(session.stdout), once(session, 'exit')]);
  const [niceness, after] = printed.split('\n');

  expect(Number(niceness)).toBe(mayGoFirst ? -5 : 0);
  if (existsSync(autogroup)) expect(after).toMatch(/ nice 0$/);
});
