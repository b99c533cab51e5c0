import { figure, provenanceOf, tableOf } from '../markdown';
import type { BenchResult } from '../results';
import { targets, titles } from './targets';

interface Demand {
  what: string;
  metric: string;
  atLeast?: number;
  atMost?: number;
}

/** What the gateway has to reach; a median decides. */
const demands: Demand[] = [
  { what: 'proxied GET, of bare http-proxy-middleware', metric: 'gateway_to_bare_hpm_ratio', atLeast: 0.9 },
  { what: 'cached GET, of nginx proxying', metric: 'gateway_cached_to_nginx_ratio', atLeast: 0.7 },
  { what: 'purchases, of nginx in front of the service', metric: 'buy_gateway_to_nginx_ratio', atLeast: 1.5 },
  { what: 'RSS, last third of middle third', metric: 'memory_rss_last_to_middle_third', atMost: 1.1 },
  { what: 'heap, last third of middle third', metric: 'memory_heap_last_to_middle_third', atMost: 1.1 },
];

/** The gateway's part of docs/capacity.md, and what the benchmark prints: all of it from the figures of one result. */
export function gatewayReport(result: BenchResult): string {
  const rate = figure(result, 'half_load_requests_per_second', 0);
  const parts = [
    '## The gateway',
    provenanceOf(result),
    demandTable(result),
    '### Requests per second',
    throughputTable(result),
    `Of the cached GET’s requests, the upstream got a share of ${figure(result, 'gateway_cached_upstream_share', 2)}.`,
    `### Latency at half load, ${rate} requests/s`,
    latencyTable(result),
    '### Purchases',
    purchaseTable(result),
    '### Memory',
    memoryTable(result),
    '### Conditions',
    result.conditions.map((condition) => `- ${condition}`).join('\n'),
  ];
  return `${parts.join('\n\n')}\n`;
}

function demandTable(result: BenchResult): string {
  const rows = demands.map(({ what, metric, atLeast, atMost }) => {
    const value = result.metrics[metric];
    const median = typeof value === 'object' ? value.median : value;
    const isMet = median !== undefined && median >= (atLeast ?? -Infinity) && median <= (atMost ?? Infinity);
    const verdict = median === undefined ? 'not measured' : isMet ? 'met' : 'missed';
    return [what, atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`, figure(result, metric, 2), verdict];
  });
  return tableOf(['ratio', 'asked', 'measured', ''], rows);
}

const throughputTable = (result: BenchResult): string =>
  tableOf(
    ['', 'requests/s', 'µs of its own', 'µs of the upstream', 'µs of the load generator', 'of nginx'],
    targets.map((target) => {
      const used = (name: string) => figure(result, `${target}_${name}cpu_us_per_request`, 0);
      const own = target === 'direct' ? '–' : used('');
      const ofNginx = figure(result, `${target}_to_nginx_ratio`, 2);
      return [
        titles[target],
        figure(result, `${target}_requests_per_second`, 0),
        own,
        used('upstream_'),
        used('load_generator_'),
        ofNginx,
      ];
    }),
  );

const latencyTable = (result: BenchResult): string =>
  tableOf(
    ['', 'p50 ms', 'p99 ms', 'added p50 ms', 'added p99 ms'],
    targets.map((target) => [
      titles[target],
      ...['half_load_p50', 'half_load_p99', 'added_p50', 'added_p99'].map((name) =>
        figure(result, `${target}_${name}_ms`, 2),
      ),
    ]),
  );

function purchaseTable(result: BenchResult): string {
  const row = (name: string, suffix: string, digits: number) => [
    name,
    ...['nginx', 'gateway'].map((front) => figure(result, `buy_${front}_${suffix}`, digits)),
  ];
  const used = (name: string) => `cpu_us_per_purchase_${name}`;
  const front = ['nginx', 'gateway_under_test'].map((process, index) =>
    figure(result, `buy_${index === 0 ? 'nginx' : 'gateway'}_${used(process)}`, 0),
  );
  const rows = [
    row('accepted purchases/s', 'purchases_per_second', 0),
    row('p50 ms', 'p50_ms', 1),
    row('p99 ms', 'p99_ms', 1),
    row('seconds until all are orders', 'drain_seconds', 1),
    ['µs of what stands in front', ...front],
    row('µs of seckill-service', used('seckill_service'), 0),
    row('µs of Redis', used('redis'), 0),
    row('µs of the load generator', used('load_generator'), 0),
    ['oversold', ...['oversold', 'oversold'].map((name) => figure(result, name, 0))],
  ];
  return tableOf(['', 'nginx, HTTP `buy` of seckill-service', 'gateway'], rows);
}

function memoryTable(result: BenchResult): string {
  const minutes = result.metrics['memory_minutes'];
  if (minutes === undefined) return 'Not measured in this run.';
  const rows = ['rss', 'heap'].map((name) => [
    name === 'rss' ? 'RSS' : 'heap in use',
    ...['first_third_mib', 'middle_third_mib', 'last_third_mib'].map((third) =>
      figure(result, `memory_${name}_${third}`, 0),
    ),
    figure(result, `memory_${name}_slope_mib_per_minute`, 2),
  ]);
  const load = `${figure(result, 'memory_minutes', 0)} min of ${figure(result, 'memory_requests_per_second', 0)} requests/s, proxied and cached in turn; MiB.`;
  const head = ['', 'first third', 'middle third', 'last third', 'slope a minute, last two thirds'];
  return `${load}\n\n${tableOf(head, rows)}`;
}
