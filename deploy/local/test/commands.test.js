'use strict';
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArguments, UsageError } = require('../../../scripts/arguments');
const { createProgress } = require('../../../scripts/progress');

const script = path.join(__dirname, '..', '..', '..', 'scripts', 'onrush.js');

describe('arguments', () => {
  test('flags and words are those of the command', () => {
    expect(parseArguments(['start', '--once'])).toEqual({
      command: 'start',
      flags: { once: true },
      rest: [],
    });
    expect(parseArguments(['infra', 'up'])).toEqual({ command: 'infra', flags: {}, rest: ['up'] });
    expect(parseArguments(['test', '--selectProjects', 'chassis'])).toEqual({
      command: 'test',
      flags: {},
      rest: ['--selectProjects', 'chassis'],
    });
  });

  test.each([
    [['nothing']],
    [['start', '--onec']],
    [['stop', '--all']],
    [['infra']],
    [['infra', 'sideways']],
  ])('%j is refused with the usage', (args) => {
    expect(() => parseArguments(args)).toThrow(UsageError);
    expect(() => parseArguments(args)).toThrow(/npm start|npm stop|infra <up\|down>/);
  });

  test('help is there for all and for each', () => {
    expect(parseArguments([]).help).toContain('npm test');
    expect(parseArguments(['start', '--help']).help).toContain('--no-demo');
  });

  test('a NAMESPACE that fits no schema name is refused, before anything is done', () => {
    const env = { ...process.env, NAMESPACE: 'Shop; DROP' };
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, 'start'], {
      encoding: 'utf8',
      env,
    });

    expect(status).toBe(1);
    expect(stderr).toContain('NAMESPACE is "Shop; DROP"');
    expect(stdout).toBe('');
  });

  test('a wrong argument ends the command with 2, before anything is done', () => {
    const { status, stderr } = spawnSync(process.execPath, [script, 'start', '--onec'], { encoding: 'utf8' });

    expect(status).toBe(2);
    expect(stderr).toContain('unknown argument "--onec"');
  });
});

describe('bench', () => {
  /** Whoever asks for the servers here learns that this is no address, and ends with 1. */
  const bench = (...args) =>
    spawnSync(process.execPath, [script, 'bench', ...args], {
      encoding: 'utf8',
      env: { ...process.env, MYSQL_URL: 'mysql://' },
    });

  test.each([
    [['gatwy'], "unknown command 'gatwy'"],
    [['gateway', '--rounds', 'x'], "'--rounds <n>' argument 'x' is invalid"],
    [['seckill', '--units', '-1'], "'--units <n>' argument '-1' is invalid"],
    [[], 'Usage: npm run bench'],
  ])('%j is refused with 2, before a server is asked for', (args, message) => {
    const { status, stderr } = bench(...args);

    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  test('help needs no servers, a benchmark does', () => {
    expect(bench('gateway', '--help')).toMatchObject({ status: 0, stderr: '' });
    expect(bench('gateway')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('MYSQL_URL is no address'),
    });
  });
});

describe('progress', () => {
  const recorder = () => {
    const written = [];
    return { written, output: { write: (text) => written.push(text) } };
  };

  test('each step is a line with its time, also one that fails', async () => {
    const { written, output } = recorder();
    let time = 0;
    const { step } = createProgress(output, () => time);

    const result = await step('building', () => Promise.resolve((time += 1_500)));
    await expect(step('starting', () => Promise.reject(new Error('no')))).rejects.toThrow('no');

    expect(result).toBe(1_500);
    expect(written).toEqual(['✔ building  1.5 s\n', '✘ starting  0.0 s\n']);
  });

  test('without a terminal a long step says every ten seconds that it still runs', async () => {
    jest.useFakeTimers();
    try {
      const { written, output } = recorder();
      const { step } = createProgress(output);
      let end;
      const running = step('building Consul', () => new Promise((resolve) => (end = resolve)));

      jest.advanceTimersByTime(25_000);
      end();
      await running;

      expect(written).toEqual([
        '  … building Consul, 10 s so far\n',
        '  … building Consul, 20 s so far\n',
        '✔ building Consul  25.0 s\n',
      ]);
    } finally {
      jest.useRealTimers();
    }
  });
});

test('a rehearsal with wrong arguments ends with 2, and asks for no fleet', () => {
  const { status, stderr } = spawnSync(process.execPath, [script, 'rehearse', '--units', '0'], {
    encoding: 'utf8',
  });

  expect(stderr).toContain("'--units <n>' argument '0' is invalid");
  expect(status).toBe(2);
});
