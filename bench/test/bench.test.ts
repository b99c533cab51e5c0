import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { until } from '@onrush/e2e/activity';
import type { FleetService } from '../../deploy/local/fleet';
import { processesOf, processorTimes, timePerRequest } from '../src/processor-time';
import { machine, resultSchema, writeResult } from '../src/results';
import { restBeforeCount } from '../src/sale';
import { differenceOf, ratioOf, slopeOf, spreadOf } from '../src/statistics';

test('a spread has its median between its ends', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
});

test('a ratio is taken within each round, so that a slow round weighs on both sides', () => {
  const these = [10, 100, 30];
  const those = [10, 200, 10];

  expect(ratioOf(these, those)).toEqual({ median: 1, min: 0.5, max: 3 });
  expect(differenceOf(these, those)).toEqual({ median: 0, min: -100, max: 20 });
});

test('a slope is that of the line through the points', () => {
  const line = [0, 1, 2, 3].map((x) => ({ x, y: 5 + 2 * x }));
  const noisy = [1, -1, -1, 1].map((noise, x) => ({ x, y: 5 + 2 * x + noise }));

  expect(slopeOf(line)).toBe(2);
  expect(slopeOf(noisy)).toBe(2);
  expect(slopeOf([{ x: 1, y: 7 }])).toBe(0);
  expect(slopeOf([])).toBe(0);
});

test('orders are counted the more often the nearer the last one is', () => {
  expect(restBeforeCount({ elapsedMs: 0, came: 0, left: 9 })).toBe(100);
  expect(restBeforeCount({ elapsedMs: 500, came: 0, left: 9 })).toBe(500);
  expect(restBeforeCount({ elapsedMs: 1_000, came: 1_000, left: 500 })).toBe(250);
  expect(restBeforeCount({ elapsedMs: 1_000, came: 1_000, left: 90_000 })).toBe(1_000);
  expect(restBeforeCount({ elapsedMs: 60_000, came: 1_000, left: 1_000 })).toBe(2_000);
  expect(restBeforeCount({ elapsedMs: 1_000, came: 1_000, left: 1 })).toBe(100);
});

test('results have one form, and what does not fit it is not written', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'onrush-bench-'));
  const result = {
    name: 'x',
    commit: 'abc',
    measured_at: new Date().toISOString(),
    machine: machine(),
    versions: { node: '24' },
    rounds: 1,
    metrics: { a: 1, b: spreadOf([1]) },
    conditions: ['none'],
  };

  expect(JSON.parse(readFileSync(writeResult(result, folder), 'utf8'))).toEqual(result);
  expect(() => writeResult({ ...result, rounds: 1.5 }, folder)).toThrow();
});

test('the processor time of a process is that of its workers too, where it has some', async () => {
  const burn = `"${process.execPath}" -e "for (;;);" & wait`;
  const shell = spawn('sh', ['-c', burn], { detached: true, stdio: 'ignore' });
  const used = (hasWorkers: boolean) =>
    processorTimes([{ name: 'shell', pid: shell.pid, hasWorkers }]).get('shell') ?? 0;
  const service = { pid: () => shell.pid } as FleetService;

  try {
    expect(await until(() => Promise.resolve(used(true) > 300_000), 20_000, 20)).toBe(true);
    expect(used(false)).toBeLessThan(200_000);
    const ofFleet = processorTimes(processesOf({ services: { gateway: service } }));
    expect(ofFleet.get('gateway')).toBeGreaterThan(300_000);
  } finally {
    process.kill(-(shell.pid ?? Number.NaN), 'SIGKILL');
  }
});

test('the processor time of a request is what was used between the two moments', () => {
  const before = new Map([['a', 1_000]]);
  const after = new Map([
    ['a', 5_000],
    ['came later', 700],
  ]);

  expect(timePerRequest(before, after, 4)).toEqual(
    new Map([
      ['a', 1_000],
      ['came later', 0],
    ]),
  );
});

test('the committed results have that form', () => {
  const folder = path.join(__dirname, '..', 'results');
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

  expect(files.length).toBeGreaterThan(0);
  for (const file of files) resultSchema.parse(JSON.parse(readFileSync(path.join(folder, file), 'utf8')));
});
