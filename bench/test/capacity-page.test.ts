import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { capacityPage, partOf, resultsFolder, withPart, writeCapacityPage } from '../src/capacity-page';
import { gatewayReport } from '../src/gateway/report';
import { targets } from '../src/gateway/targets';
import { tableOf } from '../src/markdown';
import { machine, resultSchema, writeResult, type BenchResult } from '../src/results';

const spread = (median: number) => ({ median, min: median - 1, max: median + 1 });

const result: BenchResult = {
  name: 'gateway',
  commit: 'abc1234',
  measured_at: '2026-11-21T10:59:34.327Z',
  machine: { ...machine(), cpu: 'Some CPU', cores: 2 },
  versions: { node: '24', nginx: '1.22.1' },
  rounds: 5,
  metrics: {
    ...Object.fromEntries(
      targets.flatMap((target, index) => [
        [`${target}_requests_per_second`, spread(1_000 * (index + 1))],
        [`${target}_cpu_us_per_request`, spread(10 * (index + 1))],
        [`${target}_half_load_p50_ms`, spread(index + 2)],
      ]),
    ),
    gateway_to_bare_hpm_ratio: { median: 0.9, min: 0.8, max: 1.2 },
    gateway_cached_to_nginx_ratio: { median: 0.69, min: 0.6, max: 0.8 },
    buy_gateway_to_nginx_ratio: { median: 2.5, min: 2, max: 3 },
    half_load_requests_per_second: 4_321,
    buy_nginx_purchases_per_second: spread(3_000),
    buy_gateway_purchases_per_second: spread(7_500),
    buy_gateway_cpu_us_per_purchase_gateway_under_test: spread(70),
    oversold: 0,
  },
  conditions: ['`proxy_pass` with a_name, and nothing else', 'µs of a process'],
};
const rowOf = (report: string, first: string) =>
  report
    .split('\n')
    .filter((line) => line.startsWith(`| ${first} `))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );

test('a demand is met at its bound, missed beyond it, and open where nothing was measured', () => {
  const report = gatewayReport(result);

  expect(rowOf(report, 'proxied GET, of bare http-proxy-middleware')).toEqual([
    ['proxied GET, of bare http-proxy-middleware', '≥ 0.9', '0.90 (0.80 … 1.20)', 'met'],
  ]);
  expect(rowOf(report, 'cached GET, of nginx proxying')[0]?.at(-1)).toBe('missed');
  expect(rowOf(report, 'purchases, of nginx in front of the service')[0]?.at(-1)).toBe('met');
  expect(rowOf(report, 'RSS, last third of middle third')).toEqual([
    ['RSS, last third of middle third', '≤ 1.1', '–', 'not measured'],
  ]);
});

test('memory that grew more than a tenth is missed', () => {
  const metrics = {
    ...result.metrics,
    memory_minutes: 10,
    memory_rss_last_to_middle_third: 1.11,
    memory_heap_last_to_middle_third: 1.1,
  };

  const report = gatewayReport({ ...result, metrics });

  expect(rowOf(report, 'RSS, last third of middle third')[0]?.at(-1)).toBe('missed');
  expect(rowOf(report, 'heap, last third of middle third')[0]?.at(-1)).toBe('met');
});

test('every target has its rows, with the figures of the result', () => {
  const report = gatewayReport(result);

  expect(rowOf(report, 'gateway, cached GET')).toEqual([
    ['gateway, cached GET', '6,000 (5,999 … 6,001)', '60 (59 … 61)', '–', '–', '0.69 (0.60 … 0.80)'],
    ['gateway, cached GET', '7.00 (6.00 … 8.00)', '–', '–', '–'],
  ]);
  expect(rowOf(report, 'accepted purchases/s')).toEqual([
    ['accepted purchases/s', '3,000 (2,999 … 3,001)', '7,500 (7,499 … 7,501)'],
  ]);
  expect(rowOf(report, 'µs of what stands in front')[0]?.slice(1)).toEqual(['–', '70 (69 … 71)']);
  expect(report).toContain('### Latency at half load, 4,321 requests/s');
});

test('columns are of one width, all but the first to the right', () => {
  expect(tableOf(['', 'a'], [['row', '1,000']])).toBe('|     |     a |\n| --- | ----: |\n| row | 1,000 |');
});

test('the report is formatted as every page is', () => {
  const page = withPart('# Capacity\n', 'gateway', gatewayReport(result));
  const prettier = path.join(__dirname, '..', '..', 'node_modules', 'prettier', 'bin', 'prettier.cjs');

  const { stdout } = spawnSync(process.execPath, [prettier, '--stdin-filepath', capacityPage], {
    input: page,
    encoding: 'utf8',
  });

  expect(stdout).toBe(page);
});

test('a part takes the place of the old one, and leaves all else', () => {
  const before = withPart('# Capacity\n\nAbove.\n', 'gateway', 'Old.\n');
  const between = before.replace('\n<!-- bench', '\nBetween.\n\n<!-- bench') + '\nBelow.\n';

  const after = withPart(between, 'gateway', 'New.\n');

  expect(after).toBe(between.replace('Old.', 'New.'));
  expect(partOf(after, 'gateway')).toBe('New.\n');
  expect(partOf(after, 'seckill')).toBeUndefined();
});

test('the page is made of the results, and again the same', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'onrush-capacity-'));
  const page = path.join(folder, 'capacity.md');
  writeResult(result, folder);

  const first = readFileSync(writeCapacityPage(page, folder), 'utf8');
  const second = readFileSync(writeCapacityPage(page, folder), 'utf8');

  expect(first).toMatch(/^# Capacity\n/);
  expect(partOf(first, 'gateway')).toBe(gatewayReport(result));
  expect(second).toBe(first);
});

test('without a result there is no page: the old one stays, and the error says what makes one', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'onrush-capacity-'));
  const page = path.join(folder, 'capacity.md');
  const write = () => writeCapacityPage(page, folder);

  expect(write).toThrow(`no result to write about in ${folder}; npm run bench -- gateway measures one`);
  expect(existsSync(page)).toBe(false);
  writeFileSync(page, '# Capacity\n');
  expect(write).toThrow('no result');
  expect(readFileSync(page, 'utf8')).toBe('# Capacity\n');
});

test('docs/capacity.md has the figures of the committed result, and none without one', () => {
  const file = path.join(resultsFolder, 'gateway.json');
  const page = existsSync(capacityPage) ? readFileSync(capacityPage, 'utf8') : '';

  const expected = existsSync(file)
    ? gatewayReport(resultSchema.parse(JSON.parse(readFileSync(file, 'utf8'))))
    : undefined;

  expect(partOf(page, 'gateway')).toBe(expected);
});
