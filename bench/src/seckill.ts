import { getPriority } from 'node:os';
import { goFirst } from './priority';
import { newResult, writeResult, type BenchResult } from './results';
import { overask, soldWrongly, type SaleRound } from './sale';
import { keyEncryptionSecret } from './seckill/crowd';
import { measureOverload, overloadMetrics } from './seckill/overload';
import { measurePeak, peakMetrics } from './seckill/peak';
import { seckillReport } from './seckill/report';
import { measureSellOut, sellOutMetrics } from './seckill/sell-out';
import { measureSustained, sustainedMetrics } from './seckill/sustained';
import { onStage, type Stage } from './stage';
import { versionsOf } from './versions';

export const seckillParts = ['peak', 'sustained', 'sell-out', 'overload'] as const;
export type SeckillPart = (typeof seckillParts)[number];

export interface SeckillOptions {
  parts: SeckillPart[];
  rounds: number;
  /** Units for sale in a round of the peak. */
  purchases: number;
  connections: number;
  /** Of the gateway. */
  workers: number;
  sustainedSeconds: number;
  /** Purchases a second that are due, through the gateway and straight at the service. */
  gatewayRate: number;
  serviceRate: number;
  /** Units, and buyers, of the sell-out. */
  units: number;
  overloadSeconds: number;
  /** Processes whose CPU profiles are kept, in .local/profile. */
  profile?: string[];
}

/** What a purchase costs, and how many there are a second: at the peak, over a longer time, until all is sold, and beyond what is possible. */
export const benchSeckill = (options: SeckillOptions): Promise<void> =>
  onStage(environmentOf(options), async (stage) => {
    // Not before the fleet has started, which would inherit it.
    goFirst();
    const { metrics, sales } = await measure(stage, options);
    const result = await resultOf(stage, options, {
      ...metrics,
      oversold: sales.reduce((sum, sale) => sum + sale.oversold, 0),
    });
    stage.say(seckillReport(result));
    if (sales.some(soldWrongly)) throw new Error('a sale oversold, or left purchases unanswered');
    // Figures of some parts alone would stand beside none of the others.
    if (options.parts.length < seckillParts.length) return;
    stage.say(`written: ${writeResult(result)}`);
  });

type Sold = Pick<SaleRound, 'oversold' | 'failed'>;

/** Where more come than can be served, some are told to come back: that is a figure, and no failure. */
const toldToComeBack = ({ oversold }: Pick<Sold, 'oversold'>): Sold => ({ oversold, failed: 0 });

/** Each part on the same fleet, one after the other. */
async function measure(
  stage: Stage,
  options: SeckillOptions,
): Promise<{ metrics: BenchResult['metrics']; sales: Sold[] }> {
  const { parts, connections } = options;
  const metrics: BenchResult['metrics'] = {};
  const sales: Sold[] = [];
  if (parts.includes('peak')) {
    const peak = await measurePeak(stage, options);
    Object.assign(metrics, peakMetrics(peak));
    sales.push(...peak.gateway, ...peak.service);
  }
  if (parts.includes('sustained')) {
    const rates = { gateway: options.gatewayRate, service: options.serviceRate };
    const wanted = { seconds: options.sustainedSeconds, rates };
    const sustained = await measureSustained(stage, wanted);
    Object.assign(metrics, sustainedMetrics(sustained, wanted));
    sales.push(...[sustained.gateway, sustained.service].map(toldToComeBack));
  }
  if (parts.includes('sell-out')) {
    const wanted = { units: options.units, connections };
    const sellOut = await measureSellOut(stage, wanted);
    Object.assign(metrics, sellOutMetrics(sellOut, wanted));
    sales.push(sellOut.sale);
  }
  if (parts.includes('overload')) {
    const overload = await measureOverload(stage, { seconds: options.overloadSeconds, connections });
    Object.assign(metrics, overloadMetrics(overload));
    sales.push(...overload.map(toldToComeBack));
  }
  return { metrics, sales };
}

/** For a profile, Node writes one for Chrome's DevTools when a process ends; workers are processes of one environment. */
export const environmentOf = ({
  workers,
  profile = [],
}: Pick<SeckillOptions, 'workers' | 'profile'>): Record<string, Record<string, string>> => {
  const environment: Record<string, Record<string, string>> = {
    'auth-service': { KEY_ENCRYPTION_SECRET: keyEncryptionSecret },
    // Everybody who takes part has been recognised before the sale.
    gateway: { VERIFIED_TOKENS_LIMIT: '1000000', WORKERS: String(workers) },
  };
  for (const service of profile)
    environment[service] = {
      ...environment[service],
      NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=.local/profile --cpu-prof-name=${service}.\${pid}.cpuprofile`,
    };
  return environment;
};

const resultOf = async (
  { servers }: Stage,
  options: SeckillOptions,
  metrics: BenchResult['metrics'],
): Promise<BenchResult> =>
  newResult({
    name: 'seckill',
    versions: await versionsOf(servers),
    rounds: options.rounds,
    metrics,
    conditions: conditionsOf(options),
  });

const conditionsOf = (options: SeckillOptions): string[] => [
  `everything on one machine: load generator (niceness ${getPriority()}, as if it were elsewhere), gateway of ${options.workers} workers, all eight processes of the seven services, MariaDB, Redis (appendfsync always), Kafka, Consul; relay, orders and notifications work while the sale runs`,
  'every buyer is another user with an access token of his own, signed with auth-service’s key; the gateway has checked each token once before the sale, as it has when a buyer opens the page, on the connection that he buys on; a purchase of 1 unit of a limit of 1, with an Idempotency-Key of its own; a new activity for each sale',
  `peak: a closed loop, ${options.connections} keep-alive connections; ${options.purchases} units a round and ${overask * 100} % more requests than units; rounds of the two targets alternate; a quarter of a round before them is not counted, so that what is measured is compiled code`,
  `sustained: an open loop for ${options.sustainedSeconds} s; a latency counts from the moment that the purchase was due; as many units as purchases; who is told to come back later does not; once`,
  `sell-out: a closed loop, ${options.connections} connections, ${options.units} buyers for as many units; until the last order is in MySQL, seen four times a second; then as many again, who are refused; once`,
  `overload: ${options.connections} people at once, twice and ten times as many, who arrive within a second, and ${options.overloadSeconds} s after it, of which the figures are, but those of “arriving”; who gets an answer makes room for the next, who is told to come back later does so; once`,
  'accepted = answered 202, and found as an order in MySQL afterwards; purchases/s and µs are of accepted purchases alone, that of the refusals in it; purchases/s until the last answer, µs until the last order; latencies are of accepted purchases; the service is asked on one BuyStream, as the gateway asks it',
];
