import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { createProgram } from '../src/program';

const actionsThat = () => ({
  seckill: jest.fn(),
  gateway: jest.fn(),
  tracing: jest.fn(),
  capacity: jest.fn(),
});

async function parse(...args: string[]) {
  const actions = actionsThat();
  const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const stdout = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  const error: unknown = await createProgram(actions)
    .parseAsync(args, { from: 'user' })
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  const text = [...stderr.mock.calls, ...stdout.mock.calls].join('');
  stderr.mockRestore();
  stdout.mockRestore();
  return { actions, error, text };
}

test('the gateway’s benchmark has a default for each of its arguments', async () => {
  const { actions, error } = await parse('gateway');

  expect(error).toBeUndefined();
  expect(actions.gateway).toHaveBeenCalledWith({
    rounds: 5,
    seconds: 6,
    purchases: 24_000,
    buyers: 8_000,
    connections: 256,
    memoryMinutes: 10,
  });
});

test('arguments replace the defaults; the memory may be left out', async () => {
  const { actions } = await parse('gateway', '--rounds', '3', '--seconds', '2', '--memory-minutes', '0');

  expect(actions.gateway).toHaveBeenCalledWith(
    expect.objectContaining({ rounds: 3, seconds: 2, memoryMinutes: 0 }),
  );
});

test('the purchases’ benchmark has a default for each of its arguments, and may be told its parts', async () => {
  const { actions, error } = await parse('seckill');
  const some = await parse('seckill', '--parts', 'sustained', 'overload');

  expect(error).toBeUndefined();
  expect(actions.seckill).toHaveBeenCalledWith({
    parts: ['peak', 'sustained', 'sell-out', 'overload'],
    rounds: 5,
    purchases: 32_000,
    connections: 256,
    workers: os.availableParallelism(),
    sustainedSeconds: 30,
    gatewayRate: 10_100,
    serviceRate: 15_100,
    units: 100_000,
    overloadSeconds: 8,
  });
  expect(some.actions.seckill).toHaveBeenCalledWith(
    expect.objectContaining({ parts: ['sustained', 'overload'] }),
  );
});

test('the benchmark of tracing has a default for each of its arguments, and takes a share', async () => {
  const { actions, error } = await parse('tracing');
  const other = await parse('tracing', '--ratio', '0.5');

  expect(error).toBeUndefined();
  expect(actions.tracing).toHaveBeenCalledWith({
    ratio: 0.01,
    rounds: 7,
    purchases: 32_000,
    connections: 256,
    workers: os.availableParallelism(),
  });
  expect(other.actions.tracing).toHaveBeenCalledWith(expect.objectContaining({ ratio: 0.5 }));
});

test.each(['1.5', '-1', '', 'half'])('a share of %p is none', async (ratio) => {
  const { error, text, actions } = await parse('tracing', '--ratio', ratio);

  expect(error).toMatchObject({ exitCode: 2 });
  expect(text).toContain('Expected a number from 0 to 1.');
  expect(actions.tracing).not.toHaveBeenCalled();
});

test('profiles may be asked for of every process, also of the one that is no service', async () => {
  const { actions } = await parse('seckill', '--profile', 'gateway', 'seckill-worker');

  expect(actions.seckill).toHaveBeenCalledWith(
    expect.objectContaining({ profile: ['gateway', 'seckill-worker'] }),
  );
});

test.each([
  [['gateway', '--round', '3'], /unknown option '--round'/],
  [['gateway', '--rounds', '0'], /'--rounds <n>'.*Expected a whole number from 1/],
  [['gateway', '--rounds', '2.5'], /'--rounds <n>'.*Expected a whole number from 1/],
  [['gateway', '--rounds', ''], /'--rounds <n>'.*Expected a whole number from 1/],
  [['gateway', '--seconds', '41'], /'--seconds <n>'.*Expected a whole number from 1 to 40/],
  [['gateway', '--memory-minutes', '-1'], /'--memory-minutes <n>'.*Expected a whole number from 0/],
  [['seckill', '--parts', 'speed'], /'--parts <parts...>'.*Allowed choices are peak/],
  [['gateway', 'twice'], /too many arguments/],
  [['seckill', '--workers', '65'], /'--workers <n>'.*Expected a whole number from 1 to 64/],
  [['seckill', '--rounds', 'x'], /'--rounds <n>'.*Expected a whole number from 1/],
  [
    ['seckill', '--profile', 'gateway', 'gatway'],
    /'--profile <processes...>'.*Allowed choices are .*seckill-worker/,
  ],
  [['gatway'], /unknown command 'gatway'/],
])('%j is refused with 2 and says why, and nothing is done', async (args, message) => {
  const { actions, error, text } = await parse(...args);

  expect(error).toMatchObject({ exitCode: 2 });
  expect(text).toMatch(message);
  expect(Object.values(actions).flatMap((action) => action.mock.calls)).toEqual([]);
});

test('help names every argument, and is no error', async () => {
  const { actions, error, text } = await parse('gateway', '--help');

  expect(error).toMatchObject({ exitCode: 0 });
  for (const flag of [
    '--rounds',
    '--seconds',
    '--purchases',
    '--buyers',
    '--connections',
    '--memory-minutes',
  ])
    expect(text).toContain(flag);
  expect(actions.gateway).not.toHaveBeenCalled();
});

test('the process ends with the code of its error', () => {
  const main = path.join(__dirname, '..', 'dist', 'main.js');

  const { status, stderr } = spawnSync(process.execPath, [main, 'gateway', '--rounds', '0'], {
    encoding: 'utf8',
  });

  expect(status).toBe(2);
  expect(stderr).toContain("option '--rounds <n>' argument '0' is invalid");
});
